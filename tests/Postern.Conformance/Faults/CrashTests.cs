using System.Globalization;
using Postern.Conformance.Gateways;
using Postern.Tests;
using Postern.Tests.Gateway.Telemetry;

namespace Postern.Conformance.Faults;

/// <summary>What a gateway leaves behind that dies of a fault in the middle of its work: neither memory in a file, nor a secret in what it says at its end.</summary>
public sealed class CrashTests
{
    private const string Credential = "canarycredential9be3177c";

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("ABRT")] // what the runtime does to itself where it cannot go on
    [InlineData("SEGV")]
    [InlineData("QUIT")]
    [Row("U12")]
    [Guarantee("G12")]
    public async Task A_gateway_that_dies_leaves_no_memory_behind_and_says_no_secret(string signal)
    {
        await using var witness = await WitnessServer.StartAsync(Test);
        await using var gateway = await ServedGateway.PrepareAsync(
            $$"""{ protocol: mcp, url: "{{witness.Url}}", credential: { header: X-Key, value: {{Credential}} } }""", WitnessServer.Policy, Test, isWhole: true, isWatched: true);
        // As where somebody wants core files of everything: the gateway's own must be forbidden by itself.
        gateway.Around = command => ["sh", "-c", "ulimit -c unlimited; exec \"$0\" \"$@\"", .. command];
        await gateway.StartAsync(Test);
        var token = gateway.Token("alice");
        using var caller = new Caller();
        using var over = CancellationTokenSource.CreateLinkedTokenSource(Test);
        var load = Task.WhenAll(Enumerable.Range(0, 4).Select(index => caller.LoadAsync(gateway.ConnectionUrl, token, index % 2 == 0 ? "read" : "stream", over.Token)));
        while (caller.Answers.Count < 20) await Task.Delay(20, Test);
        Assert.NotEmpty(witness.Seen);
        var process = gateway.ProcessId;
        var limit = (await File.ReadAllLinesAsync($"/proc/{process}/limits", Test)).Single(line => line.StartsWith("Max core file size", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(["1", "1"], limit[4..6]);

        var said = await gateway.CrashAsync(signal, Test);
        await over.CancelAsync();
        await load;

        Assert.Contains("postern serves at", said, StringComparison.Ordinal);
        Canaries.AssertNotIn("what it said", said, [Credential, WitnessServer.Canary, token, token.Split('.')[2], Demo.Issuer.DemoClient.GatewaySecret]);
        var folder = Path.GetDirectoryName(gateway.PolicyFile)!;
        Assert.Equal(["data", "policy.yaml", "postern.yaml"], Directory.EnumerateFileSystemEntries(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        var number = process.ToString(CultureInfo.InvariantCulture);
        Assert.DoesNotContain(Directory.EnumerateFiles(Path.GetTempPath()).Concat(Directory.EnumerateFiles(gateway.Data, "*", SearchOption.AllDirectories)), file => Path.GetFileName(file).Contains("core", StringComparison.Ordinal) && file.EndsWith(number, StringComparison.Ordinal));
        Canaries.AssertNotAtRest(gateway.Data, [Credential, WitnessServer.Canary, token, token.Split('.')[2], Demo.Issuer.DemoClient.GatewaySecret], "policy.applied");
    }
}
