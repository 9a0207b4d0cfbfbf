using System.Globalization;
using Postern.Benchmarks.Measuring;
using Postern.Benchmarks.Steps;
using Postern.Demo.Issuer;
using Postern.Tests;

namespace Postern.Benchmarks.Echo;

/// <summary>
/// The same calls through every peer, interleaved, so that a machine that slows down slows all of them. Ratios within one
/// run are the result; absolute numbers belong to the machine.
/// </summary>
internal static class EchoRun
{
    public static readonly int[] Sizes = [300, 1_000, 64 * 1024];

    public const string Audience = "https://postern.test";

    /// <summary>
    /// The environment variable with what <c>look</c> measures beside the peers, durable wait off: <c>NAME|postern.dll|VARIABLE=VALUE|...</c>,
    /// separated by semicolons; without a path, this build.
    /// </summary>
    public const string Others = "POSTERN_BENCH_OTHERS";

    // Until the hot path is compiled to the end.
    private static readonly TimeSpan LongWarmUp = TimeSpan.FromSeconds(8);
    private const int WarmClients = 16;
    private static readonly int[] Clients = [1, 16, 64];

    /// <summary>The whole table, written to the documents.</summary>
    public static Task RunAsync(int rounds, double seconds) => RunAsync(rounds, seconds, Sizes, Clients, null);

    /// <summary>One size, one number of clients, the peers whose names hold one of these words; only told, for work on the hot path.</summary>
    public static Task LookAsync(int size, int clients, int rounds, double seconds, string[] words) => RunAsync(rounds, seconds, [size], [clients], words);

    private static async Task RunAsync(int rounds, double seconds, int[] sizes, int[] numbersOfClients, string[]? words)
    {
        var machine = Machine.Describe();
        var length = TimeSpan.FromSeconds(seconds);
        var folder = Directory.CreateTempSubdirectory("postern-bench-");
        var peers = new List<Peer>();
        try
        {
            await using var issuer = await DemoIssuer.StartAsync(new DemoIssuerOptions { DefaultAudience = Audience, TokenLifetime = TimeSpan.FromHours(4) });
            using var upstream = Peer.Start("upstream", "", "listening ", "dotnet", [typeof(EchoRun).Assembly.Location, "upstream"]);
            await StartPeersAsync(peers, folder.FullName, issuer, upstream.Url, name => words is null || words.Contains(name, StringComparer.OrdinalIgnoreCase), withOthers: words is not null);
            var token = issuer.IssueToken("alice", client: "demo-agent");
            foreach (var peer in peers) await ProbeAsync(peer, token);
            var samples = new List<Sample>();
            var isWarm = false;
            foreach (var size in sizes)
            {
                var script = Path.Combine(folder.FullName, $"{size}.lua");
                await File.WriteAllTextAsync(script, PeerFiles.Wrk(size, token));
                // The first rows would otherwise measure the compiler.
                if (!isWarm) foreach (var peer in peers) WrkRun.Run(peer, script, size, WarmClients, 0, LongWarmUp, isKept: false);
                isWarm = true;
                foreach (var clients in numbersOfClients)
                {
                    WrkRounds.Run(peers, script, size, size, clients, rounds, length, samples);
                }
            }
            if (words is not null)
            {
                // On a machine that does other work too, the least of many rounds is the nearest to what a call costs.
                foreach (var peer in samples.GroupBy(sample => sample.Peer)) Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"least cpu  {peer.Key,-28} {peer.Min(sample => sample.CpuMicrosPerCall),6:N1} µs"));
            }
            if (words is null) Report.Write("echo", new { machine, rounds, seconds, samples }, EchoTable.Of(machine, rounds, seconds, samples));
        }
        finally
        {
            foreach (var peer in peers) peer.Dispose();
            folder.Delete(recursive: true);
        }
    }

    /// <summary>One call whose answer is looked at, before calls are only counted.</summary>
    private static async Task ProbeAsync(Peer peer, string token)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(60) };
        using var request = new HttpRequestMessage(HttpMethod.Post, peer.Url) { Content = new StringContent(PeerFiles.Call(1, Sizes[0])) };
        request.Content.Headers.ContentType = new("application/json");
        foreach (var (name, value) in PeerFiles.Headers(token)) request.Headers.TryAddWithoutValidation(name, value);
        using var response = await http.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        if (!text.Contains(Samples.Words(Sizes[0]), StringComparison.Ordinal)) throw new InvalidOperationException($"{peer.Name} does not echo: {(int)response.StatusCode} {text}");
    }

    /// <summary>Starts every peer that is wanted, all before one target.</summary>
    public static async Task StartPeersAsync(List<Peer> peers, string folder, DemoIssuer issuer, string upstream, Func<string, bool> isWanted, bool withOthers = false)
    {
        var target = new Uri(upstream);
        if (isWanted("direct")) peers.Add(Peer.Direct(upstream));

        var nginx = Path.Combine(folder, "nginx.conf");
        var nginxPort = FreePort.Take();
        await File.WriteAllTextAsync(nginx, PeerFiles.Nginx(folder, nginxPort, target));
        if (isWanted("nginx")) peers.Add(Peer.StartOn("nginx", nginxPort, target.AbsolutePath, "nginx", "-c", nginx, "-p", folder));

        var haproxy = Path.Combine(folder, "haproxy.cfg");
        var haproxyPort = FreePort.Take();
        await File.WriteAllTextAsync(haproxy, PeerFiles.HaProxy(haproxyPort, target));
        if (isWanted("HAProxy")) peers.Add(Peer.StartOn("HAProxy", haproxyPort, target.AbsolutePath, "haproxy", "-db", "-f", haproxy));

        var yarp = Path.Combine(Report.Root, "tests", "Postern.Benchmarks.Yarp", "bin", "Release", "net10.0", "Postern.Benchmarks.Yarp.dll");
        if (isWanted("YARP")) peers.Add(Peer.Start("YARP", target.AbsolutePath, "listening ", "dotnet", [yarp, target.GetLeftPart(UriPartial.Authority)]));
        var inline = new Dictionary<string, string>(StringComparer.Ordinal) { ["DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS"] = "1" };
        if (isWanted("YARP, inline sockets")) peers.Add(Peer.Start("YARP, inline sockets", target.AbsolutePath, "listening ", "dotnet", [yarp, target.GetLeftPart(UriPartial.Authority), "inline"], inline));

        if (isWanted(Floor.Name) || isWanted("floor")) peers.Add(Peer.Start(Floor.Name, target.AbsolutePath, "listening ", "dotnet", [typeof(EchoRun).Assembly.Location, "floor", upstream, Path.Combine(folder, "floor.bin")], inline));

        await File.WriteAllTextAsync(Path.Combine(folder, "policy.yaml"), Samples.Policy(100));
        var postern = Path.Combine(Report.Root, "src", "Postern.Cli", "bin", "Release", "net10.0", "postern.dll");
        foreach (var isStrict in new[] { true, false })
        {
            var name = isStrict ? "Postern" : "Postern, durable wait off";
            if (!isWanted(name)) continue;
            var file = Path.Combine(folder, isStrict ? "strict.yaml" : "relaxed.yaml");
            await File.WriteAllTextAsync(file, PeerFiles.Postern(issuer.Issuer, Audience, upstream, isStrict));
            peers.Add(Peer.Start(name, "/mcp/bench", "serves at ", "dotnet", [postern, "serve", "--config", file]));
        }
        // Other builds of Postern, or this one under other settings: whether a change helps is seen on a busy machine only when both run in the same rounds.
        foreach (var other in (withOthers ? Environment.GetEnvironmentVariable(Others) ?? "" : "").Split(';', StringSplitOptions.RemoveEmptyEntries))
        {
            if (other.Split('|') is not [var name, var library, .. var settings]) throw new InvalidOperationException($"`{other}` in `{Others}` is not `NAME|postern.dll|VARIABLE=VALUE|...`");
            var file = Path.Combine(folder, $"{name}.yaml");
            await File.WriteAllTextAsync(file, PeerFiles.Postern(issuer.Issuer, Audience, upstream, isStrict: false).Replace("data-relaxed", $"data-{name}", StringComparison.Ordinal));
            var environment = settings.Select(each => each.Split('=', 2)).ToDictionary(each => each[0], each => each[1], StringComparer.Ordinal);
            peers.Add(Peer.Start(name, "/mcp/bench", "serves at ", "dotnet", [library.Length > 0 ? library : postern, "serve", "--config", file], environment));
        }
    }
}
