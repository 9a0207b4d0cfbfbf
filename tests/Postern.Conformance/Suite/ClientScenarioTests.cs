using System.Text.Json;
using System.Text.RegularExpressions;
using Postern.Conformance.Gateways;
using Postern.Conformance.Peers;
using Postern.Gateway.Configuration;
using Postern.Tests;

namespace Postern.Conformance.Suite;

/// <summary>
/// The official suite's client scenarios, with Postern between the client and the suite's scripted server: the server sees the
/// same conduct as without it. What is left out stands in <c>docs/conformance.md</c>, with the reason.
/// </summary>
public sealed partial class ClientScenarioTests
{
    private const string Policy = """
        version: 1
        rules:
          - id: everyone-uses-everything
            who:  { groups: [support] }
            on:   { connection: target, everything: true }
            then: allow

          - id: the-server-may-ask
            who:  { groups: [support] }
            on:   { connection: target, server_asks: [sampling, elicitation, roots] }
            then: allow
        """;

    /// <summary>Scenarios without a sign-in, and the revision that each is run in.</summary>
    public static TheoryData<string, string> Plain { get; } = new()
    {
        { "initialize", SuiteScope.Legacy },
        { "tools_call", SuiteScope.Legacy },
        { "elicitation-sep1034-client-defaults", SuiteScope.Legacy },
        { "sse-retry", SuiteScope.Legacy },
        { "json-schema-2020-12-preservation", SuiteScope.Legacy },
        { "tools_call", SuiteScope.Modern },
        { "request-metadata", SuiteScope.Modern },
        { "sep-2322-client-request-state", SuiteScope.Modern },
        { "http-standard-headers", SuiteScope.Modern },
        { "http-custom-headers", SuiteScope.Modern },
        { "http-invalid-tool-headers", SuiteScope.Modern },
        { "json-schema-ref-no-deref", SuiteScope.Modern },
        { "json-schema-2020-12-preservation", SuiteScope.Modern },
    };

    /// <summary>Scenarios whose server demands a sign-in and then serves: an operator signs in and lends the gateway the token.</summary>
    public static TheoryData<string, string> SignedIn { get; } = new()
    {
        { "auth/metadata-default", SuiteScope.Legacy },
        { "auth/metadata-var1", SuiteScope.Legacy },
        { "auth/metadata-var2", SuiteScope.Legacy },
        { "auth/metadata-var3", SuiteScope.Legacy },
        { "auth/basic-cimd", SuiteScope.Legacy },
        { "auth/scope-from-www-authenticate", SuiteScope.Legacy },
        { "auth/scope-from-scopes-supported", SuiteScope.Legacy },
        { "auth/scope-omitted-when-undefined", SuiteScope.Legacy },
        { "auth/token-endpoint-auth-basic", SuiteScope.Legacy },
        { "auth/token-endpoint-auth-post", SuiteScope.Legacy },
        { "auth/token-endpoint-auth-none", SuiteScope.Legacy },
        { "auth/pre-registration", SuiteScope.Legacy },
        { "auth/metadata-default", SuiteScope.Modern },
        { "auth/metadata-var1", SuiteScope.Modern },
        { "auth/metadata-var2", SuiteScope.Modern },
        { "auth/metadata-var3", SuiteScope.Modern },
        { "auth/basic-cimd", SuiteScope.Modern },
        { "auth/scope-from-www-authenticate", SuiteScope.Modern },
        { "auth/scope-from-scopes-supported", SuiteScope.Modern },
        { "auth/scope-omitted-when-undefined", SuiteScope.Modern },
        { "auth/token-endpoint-auth-basic", SuiteScope.Modern },
        { "auth/token-endpoint-auth-post", SuiteScope.Modern },
        { "auth/token-endpoint-auth-none", SuiteScope.Modern },
        { "auth/pre-registration", SuiteScope.Modern },
        { "auth/offline-access-scope", SuiteScope.Modern },
        { "auth/offline-access-not-supported", SuiteScope.Modern },
        { "auth/iss-supported", SuiteScope.Modern },
        { "auth/iss-not-advertised", SuiteScope.Modern },
        { "auth/client-credentials-basic", SuiteScope.Extension },
        { "auth/client-credentials-jwt", SuiteScope.Extension },
    };

    [Theory]
    [MemberData(nameof(Plain))]
    [Guarantee("G6")]
    public async Task A_server_sees_the_same_client_through_postern(string scenario, string revision)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromMinutes(3));
        var port = FreePort.Take();
        await using var gateway = await TestGateway.StartAsync($"http://127.0.0.1:{port}/mcp", Policy, limit.Token);
        var environment = new Dictionary<string, string> { ["VIA"] = gateway.ConnectionUrl, ["TOKEN"] = gateway.Token("alice"), ["PORT"] = $"{port}" };

        var direct = await ScenarioRun.ChecksAsync(scenario, revision, new Dictionary<string, string>(), limit.Token);
        var through = await ScenarioRun.ChecksAsync(scenario, revision, environment, limit.Token);

        Assert.NotEmpty(direct);
        Assert.All(direct, check => Assert.DoesNotContain("FAILURE", check, StringComparison.Ordinal));
        Assert.Equal(string.Join(Environment.NewLine, direct), string.Join(Environment.NewLine, through));
        await gateway.StopAsync();
        Assert.Contains(Recordings.Read(gateway.Data).Operations, operation => operation.Intent.Identity.Issuer != "gateway" && operation.Outcome == "Done");
    }

    [Theory]
    [MemberData(nameof(SignedIn))]
    [Guarantee("G6")]
    [Row("J20")]
    public async Task A_server_that_demands_a_sign_in_sees_the_same_client_behind_a_lent_token(string scenario, string revision)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromMinutes(3));
        var folder = Directory.CreateTempSubdirectory("postern-lent-");
        try
        {
            var port = FreePort.Take();
            var lent = Path.Combine(folder.FullName, "lent");
            var environment = new Dictionary<string, string> { ["PORT"] = $"{port}", ["LENT"] = lent };

            var direct = await ScenarioRun.ChecksAsync(scenario, revision, new Dictionary<string, string>(), limit.Token);
            var running = ScenarioRun.ChecksAsync(scenario, revision, environment, limit.Token);
            while (!File.Exists(lent) && !running.IsCompleted) await Task.Delay(20, limit.Token);
            Assert.False(running.IsCompleted, "the sign-in without the gateway did not succeed");
            await using var gateway = await TestGateway.StartAsync(
                new ConnectionOptions { Name = TestGateway.Connection, Protocol = "mcp", Url = $"http://127.0.0.1:{port}/mcp", Credential = new CredentialOptions("Authorization", await File.ReadAllTextAsync(lent, limit.Token)) },
                Policy, limit.Token);
            await File.WriteAllTextAsync(lent + ".new", JsonSerializer.Serialize(new { url = gateway.ConnectionUrl, token = gateway.Token("alice") }), limit.Token);
            File.Move(lent + ".new", lent + ".via");
            var through = await running;

            Assert.NotEmpty(direct);
            Assert.All(direct, check => Assert.DoesNotContain("FAILURE", check, StringComparison.Ordinal));
            Assert.Equal(string.Join(Environment.NewLine, direct), string.Join(Environment.NewLine, through));
            await gateway.StopAsync();
            // The server lets nobody in without its own token: what was done was done with the lent one, never with the caller's.
            Assert.Contains(Recordings.Read(gateway.Data).Operations, operation => operation.Intent.Identity.Issuer != "gateway" && operation.Outcome == "Done" && operation.Request.Contains("tools/", StringComparison.Ordinal));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task Every_client_scenario_of_the_suite_is_run_or_left_out_for_a_reason()
    {
        var known = await ScenarioRun.ListAsync(TestContext.Current.CancellationToken);
        var run = Plain.Concat(SignedIn).Select(row => row.Data).ToArray();
        var left = LeftOut().Matches(await File.ReadAllTextAsync(Path.Combine(Checkout.Root, "docs", "conformance.md"), TestContext.Current.CancellationToken)).ToDictionary(row => row.Groups["name"].Value, row => row.Groups["why"].Value, StringComparer.Ordinal);

        Assert.True(known.Count > 40, "the suite was not listed");
        Assert.All(left.Values, why => Assert.True(why.Length > 20, why));
        Assert.Empty(left.Keys.Where(name => !known.ContainsKey(name)));
        Assert.Empty(run.Where(each => !known.TryGetValue(each.Item1, out var of) || !of.Contains(each.Item2)));
        // A scenario counts in each revision that requires it, beside those whose requirements we prove.
        var missing =
            from scenario in known
            where !left.ContainsKey(scenario.Key)
            from of in scenario.Value
            where of is SuiteScope.Legacy or SuiteScope.Modern or SuiteScope.Extension
            where !run.Contains((scenario.Key, of))
            select $"{scenario.Key} of {of}";
        Assert.Empty(missing);
        Assert.Empty(left.Keys.Intersect(run.Select(each => each.Item1), StringComparer.Ordinal));
    }

    [GeneratedRegex(@"^\| `(?<name>[^`]+)` \| (?<why>.+?) \|\s*$", RegexOptions.ExplicitCapture | RegexOptions.Multiline, matchTimeoutMilliseconds: 1000)]
    private static partial Regex LeftOut();
}
