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

    [Fact]
    [Row("U12")]
    [Guarantee("G12")]
    public async Task An_exception_that_nobody_catches_prints_where_and_no_value_of_a_request_whichever_it_is()
    {
        const string value = "canaryvalue51c08ab7", secret = "canarysecret7d20e4f6";
        await using var witness = await WitnessServer.StartAsync(Test);
        await using var gateway = await ServedGateway.PrepareAsync(
            $$"""{ protocol: mcp, url: "{{witness.Url}}", credential: { header: X-Key, value: {{Credential}} } }""", WitnessServer.Policy, Test, isWhole: true, isWatched: true);
        var signal = Path.Combine(Path.GetTempPath(), "postern-fault-" + Path.GetRandomFileName());
        gateway.Around = command => ["env", "DOTNET_STARTUP_HOOKS=" + typeof(CrashTests).Assembly.Location, $"{StartupHook.Variable}={signal}", .. command];
        await gateway.StartAsync(Test);
        var token = gateway.Token("alice");
        using var caller = new Caller();
        using var over = CancellationTokenSource.CreateLinkedTokenSource(Test);
        var load = Task.WhenAll(Enumerable.Range(0, 4).Select(index => caller.LoadAsync(gateway.ConnectionUrl, token, index % 2 == 0 ? "read" : "stream", over.Token)));
        while (caller.Answers.Count < 20) await Task.Delay(20, Test);
        // Everything that readers of foreign bytes throw over: credentials, bodies, paths and headers that are no such thing, each with a value that must not be told.
        using var http = new HttpClient();
        var root = new Uri(gateway.ConnectionUrl).GetLeftPart(UriPartial.Authority);
        string[] bodies =
        [
            $$"""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read","arguments":{"{{value}}":"{{secret}}""", $"{secret}", $$"""{"{{value}}":"{{secret}}"} {{secret}}""",
            $$"""{"jsonrpc":"2.0","id":"{{value}}","method":"{{secret}}","params":[{{secret}}]}""", $$"""{"{{value}}":1,"{{value}}":"\u{{secret}}"}""",
        ];
        string[] credentials = [token, secret, $"{secret}.{value}.{secret}", token[..^8] + "AAAAAAAA", Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(secret)) + ".e30.AAAA"];
        foreach (var path in (string[])[new Uri(gateway.ConnectionUrl).PathAndQuery, "/api/v1/sessions/search", $"/api/v1/sessions/{value}", "/api/v1/policy/can-i", $"/mcp/{value}?{value}={secret}", $"/oauth/token?code={secret}", $"/callback?code={secret}&state={value}"])
        {
            foreach (var credential in credentials)
            {
                foreach (var body in bodies)
                {
                    using var request = new HttpRequestMessage(HttpMethod.Post, root + path) { Content = new StringContent(body, System.Text.Encoding.UTF8, "application/json") };
                    request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + credential);
                    request.Headers.TryAddWithoutValidation("Cookie", $"postern={secret}");
                    request.Headers.TryAddWithoutValidation("Mcp-Session-Id", secret);
                    using var answer = await http.SendAsync(request, Test);
                }
            }
        }

        await File.WriteAllTextAsync(signal, "", Test);
        // A process that runs takes no notice of being told to go on.
        var said = await gateway.CrashAsync("CONT", Test);
        await over.CancelAsync();
        await load;
        File.Delete(signal);

        Assert.Contains("Unhandled exception", said, StringComparison.Ordinal);
        Assert.Contains(StartupHook.Message, said, StringComparison.Ordinal);
        // What the gateway itself threw is among it, with where: the search is of something.
        Assert.Contains("   at Postern.", said, StringComparison.Ordinal);
        Canaries.AssertNotIn("what it said", said, [value, secret, Credential, WitnessServer.Canary, token, token.Split('.')[2], Demo.Issuer.DemoClient.GatewaySecret]);
    }
}
