using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Postern.Tests.Gateway;

namespace Postern.Tests.Fuzz;

/// <summary>
/// One target of the fuzz lane: every input that once failed (<c>tests/specs/fuzz/TARGET</c>), then variants of sound input: for two
/// seconds always the same, so that what guards a landing fails for what is landed; new ones as long as <c>POSTERN_FUZZ_SECONDS</c> says.
/// An input that fails is kept in <c>artifacts/fuzz/TARGET</c>; how much was tried is in <c>artifacts/fuzz/figures.txt</c>.
/// </summary>
internal static class FuzzRun
{
    private const int SecondsOfALanding = 2;
    private const int SeedOfALanding = 1;
    private static readonly Lock s_figures = new();

    private static int? SecondsOfTheLane => int.TryParse(Environment.GetEnvironmentVariable("POSTERN_FUZZ_SECONDS"), CultureInfo.InvariantCulture, out var seconds) ? seconds : null;

    public static void Run(string name, IReadOnlyList<byte[]> samples, Action<byte[]> target)
    {
        foreach (var kept in Kept(name)) Try(name, "kept", kept, target);
        var seconds = SecondsOfTheLane ?? SecondsOfALanding;
        var seed = SecondsOfTheLane is null ? SeedOfALanding : Random.Shared.Next();
        var mutator = new Mutator(samples, new Random(seed));
        var watch = Stopwatch.StartNew();
        long runs = 0;
        for (; watch.Elapsed.TotalSeconds < seconds; runs++) Try(name, $"seed {seed}, run {runs}", mutator.Next(), target);
        Note(name, runs, watch.Elapsed);
    }

    private static IEnumerable<byte[]> Kept(string name)
    {
        var folder = Repository.PathOf("tests", "specs", "fuzz", name);
        return Directory.Exists(folder) ? Directory.EnumerateFiles(folder).Order(StringComparer.Ordinal).Select(File.ReadAllBytes) : [];
    }

    private static void Try(string name, string which, byte[] input, Action<byte[]> target)
    {
        try
        {
            target(input);
        }
        catch (Exception fault)
        {
            var folder = Directory.CreateDirectory(Repository.PathOf("artifacts", "fuzz", name)).FullName;
            var file = Path.Combine(folder, Convert.ToHexStringLower(SHA256.HashData(input))[..16]);
            File.WriteAllBytes(file, input);
            // The report that the message goes into cannot hold the end of a CDATA section, and would not be written at all.
            var message = fault.Message.Replace("]]>", "]] >", StringComparison.Ordinal);
            Assert.Fail($"{which}: {fault.GetType().Name}: {message}\ninput kept in `{file}`; move it to tests/specs/fuzz/{name} with the repair\n{fault.StackTrace}");
        }
    }

    private static void Note(string name, long runs, TimeSpan elapsed)
    {
        var line = string.Create(CultureInfo.InvariantCulture, $"| {name.Replace('_', ' ')} | {runs} | {elapsed.TotalSeconds:0} |\n");
        lock (s_figures) File.AppendAllText(Path.Combine(Directory.CreateDirectory(Repository.PathOf("artifacts", "fuzz")).FullName, "figures.txt"), line);
    }
}
