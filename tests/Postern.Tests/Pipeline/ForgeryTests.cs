using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Postern.Core.Masking;
using Postern.Core.Pipeline;

namespace Postern.Tests.Pipeline;

/// <summary>
/// Compiles code of another assembly, with the SDK's own compiler, that tries to make or bypass the proofs of Core.
/// Every attempt must fail to compile, and for the stated reason; a control must compile, so that the failures mean something.
/// </summary>
public sealed partial class ForgeryTests
{
    private static readonly Dictionary<string, string> Attempts = new(StringComparer.Ordinal)
    {
        // a value of our own passed off as masked
        ["CS1729 masked-constructor"] = "var m = new Masked<ReadOnlyMemory<byte>>(default);",
        ["CS8858 masked-with"] = "Masked<string> m = null!; var n = m with { };",
        ["CS0200 masked-property"] = "Masked<string> m = null!; m.Value = \"raw\";",
        ["CS0509 masked-derived"] = "} } sealed class MyMasked : Masked<string> { static void X() {",
        // a permission of our own
        ["CS1729 clearance-constructor"] = "var c = new Clearance();",
        ["CS8858 clearance-with"] = "Clearance c = null!; var d = c with { };",
        ["CS0509 clearance-derived"] = "} } sealed class MyClearance : Clearance { static void X() {",
        ["CS0200 clearance-policy"] = "Clearance c = null!; c.Policy = null!;",
        ["CS1061 clearance-cut"] = "Clearance c = null!; c.Cut(ClearanceEnd.None);",
        // the gates without a pipeline
        ["CS1729 reply-gate"] = "var g = new ReplyGate(MaskPlan.None, null!, null!, default);",
        ["CS1729 input-gate"] = "var g = new InputGate(Masker.None, null!, default);",
        ["CS1061 remask"] = "ReplyGate g = null!; g.Remask(MaskPlan.None);",
        // a decision of our own
        ["CS1729 decision-derived"] = "} } sealed class MyDecision() : Decision(null!, default, \"\") { static void X() {",
        // an answer that nobody gave
        ["CS1729 hold-cleared"] = "var a = new HoldAnswer.Cleared(null!);",
        ["CS1061 leash"] = "Leash l = null!; l.Hold(null!, null!);",
        // raw bytes to the caller's wire, and raw bytes to the journal
        ["CS1503 sink-raw"] = "IReplySink s = null!; s.WriteAsync(new ReadOnlyMemory<byte>(), null, default);",
        ["CS1503 account-raw"] = "IAccount a = null!; a.AppendAsync(FrameDirection.Reply, new ReadOnlyMemory<byte>(), 0);",
        // a target without a clearance
        ["CS1503 dial"] = "Postern.Upstreams.IUpstreamDialer d = null!; d.SendAsync(\"yes\", null!, default);",
    };

    // The compiler stops at errors in declarations before it looks into methods, so the two kinds are compiled apart.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    [Guarantee("G5")]
    [Guarantee("G11")]
    public void Another_assembly_cannot_forge_or_bypass_the_proofs(bool byDeriving)
    {
        var attempts = Attempts.Where(attempt => attempt.Key.StartsWith("CS0509", StringComparison.Ordinal) == byDeriving).ToDictionary(StringComparer.Ordinal);
        var (exit, output) = Compile(attempts.ToDictionary(attempt => attempt.Key.Split(' ')[1], attempt => attempt.Value, StringComparer.Ordinal));

        Assert.NotEqual(0, exit);
        foreach (var attempt in attempts.Keys)
        {
            var (code, name) = (attempt.Split(' ')[0], attempt.Split(' ')[1]);
            var errors = ErrorLine().Matches(output).Where(match => match.Groups["file"].Value == name).Select(match => match.Groups["code"].Value).ToList();
            Assert.True(errors.Contains(code), $"{name}: expected {code}, the compiler said {(errors.Count == 0 ? "nothing" : string.Join(", ", errors))}\n{output}");
        }
    }

    [Fact]
    public void The_control_compiles_so_the_refusals_above_are_not_a_broken_setup()
    {
        var (exit, output) = Compile(new(StringComparer.Ordinal)
        {
            ["control"] = "Clearance c = null!; if (c.TryUse()) { var v = c.Operation; } IReplySink s = null!; Masked<ReadOnlyMemory<byte>> m = null!; s.WriteAsync(m, null, default);",
        });

        Assert.True(exit == 0, output);
    }

    [Theory]
    [InlineData(typeof(Clearance))]
    [InlineData(typeof(Masked<int>))]
    [InlineData(typeof(ReplyGate))]
    [InlineData(typeof(InputGate))]
    public void A_proof_is_a_sealed_class_without_public_ways_to_make_or_copy_it(Type proof)
    {
        Assert.True(proof.IsSealed && proof.IsClass);
        Assert.Empty(proof.GetConstructors());
        Assert.DoesNotContain(proof.GetMethods(), method => method.Name is "<Clone>$" or "MemberwiseClone");
        Assert.DoesNotContain(proof.GetMethods(System.Reflection.BindingFlags.Static | System.Reflection.BindingFlags.Public), method => method.ReturnType == proof);
    }

    private static (int Exit, string Output) Compile(Dictionary<string, string> bodies)
    {
        var folder = Directory.CreateTempSubdirectory("postern-forgery-");
        try
        {
            const string usings = "using System; using Postern.Core.Approvals; using Postern.Core.Masking; using Postern.Core.Operations; using Postern.Core.Pipeline; using Postern.Core.Policy; using Postern.Core.Recording; using Postern.Core.Sessions;\n";
            foreach (var (name, body) in bodies)
            {
                File.WriteAllText(Path.Combine(folder.FullName, name + ".cs"), $"{usings}static partial class F{Guid.NewGuid():N} {{ static void Try() {{ {body} }} }}");
            }
            var compiler = Path.Combine(SdkFolder(), "Roslyn", "bincore", "csc.dll");
            var framework = RuntimeEnvironment.GetRuntimeDirectory();
            var arguments = new List<string> { "exec", compiler, "-noconfig", "-nostdlib", "-target:library", "-nullable:enable", "-preferreduilang:en", $"-out:{Path.Combine(folder.FullName, "forged.dll")}" };
            arguments.AddRange(Directory.GetFiles(framework, "*.dll").Where(IsManaged).Select(path => $"-r:{path}"));
            arguments.Add($"-r:{typeof(Clearance).Assembly.Location}");
            arguments.Add($"-r:{typeof(Upstreams.IUpstreamDialer).Assembly.Location}");
            arguments.AddRange(Directory.GetFiles(folder.FullName, "*.cs"));
            using var process = Process.Start(new ProcessStartInfo(Environment.ProcessPath is { } host && Path.GetFileNameWithoutExtension(host) == "dotnet" ? host : "dotnet", arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true })!;
            var output = process.StandardOutput.ReadToEnd() + process.StandardError.ReadToEnd();
            process.WaitForExit();
            return (process.ExitCode, output);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static bool IsManaged(string path)
    {
        using var file = File.OpenRead(path);
        using var reader = new System.Reflection.PortableExecutable.PEReader(file);
        return reader.HasMetadata;
    }

    private static string SdkFolder()
    {
        using var process = Process.Start(new ProcessStartInfo("dotnet", ["--list-sdks"]) { UseShellExecute = false, RedirectStandardOutput = true })!;
        var newest = process.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).Last(line => line.StartsWith("10.", StringComparison.Ordinal));
        process.WaitForExit();
        var parts = newest.Split(" [", 2);
        return Path.Combine(parts[1].TrimEnd(']', '\r'), parts[0]);
    }

    [GeneratedRegex(@"(?<file>[a-z-]+)\.cs\(\d+,\d+\): error (?<code>CS\d+)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex ErrorLine();
}
