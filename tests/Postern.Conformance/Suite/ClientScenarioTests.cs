using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Postern.Conformance.Gateways;
using Postern.Conformance.Peers;
using Postern.Tests;

namespace Postern.Conformance.Suite;

/// <summary>
/// The official suite's client scenarios, with Postern between the client and the suite's scripted server: the server sees the
/// same conduct as without it. Left out are those on how a client signs in at a server's own issuer (<c>auth/…</c>): there
/// Postern is the server, and its rules are tested as such.
/// </summary>
public sealed class ClientScenarioTests
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

    [Theory]
    [InlineData("initialize", SuiteScope.Legacy)]
    [InlineData("tools_call", SuiteScope.Legacy)]
    [InlineData("elicitation-sep1034-client-defaults", SuiteScope.Legacy)]
    [InlineData("sse-retry", SuiteScope.Legacy)]
    [InlineData("json-schema-2020-12-preservation", SuiteScope.Legacy)]
    [InlineData("tools_call", SuiteScope.Modern)]
    [InlineData("request-metadata", SuiteScope.Modern)]
    [InlineData("sep-2322-client-request-state", SuiteScope.Modern)]
    [InlineData("http-standard-headers", SuiteScope.Modern)]
    [InlineData("http-custom-headers", SuiteScope.Modern)]
    [InlineData("http-invalid-tool-headers", SuiteScope.Modern)]
    [InlineData("json-schema-ref-no-deref", SuiteScope.Modern)]
    [InlineData("json-schema-2020-12-preservation", SuiteScope.Modern)]
    [Guarantee("G6")]
    public async Task A_server_sees_the_same_client_through_postern(string scenario, string revision)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromMinutes(3));
        var port = FreePort();
        await using var gateway = await TestGateway.StartAsync($"http://127.0.0.1:{port}/mcp", Policy, limit.Token);
        var environment = new Dictionary<string, string> { ["VIA"] = gateway.ConnectionUrl, ["TOKEN"] = gateway.Token("alice"), ["PORT"] = $"{port}" };

        var direct = await RunAsync(scenario, revision, new Dictionary<string, string>(), limit.Token);
        var through = await RunAsync(scenario, revision, environment, limit.Token);

        Assert.NotEmpty(direct);
        Assert.All(direct, check => Assert.DoesNotContain("FAILURE", check, StringComparison.Ordinal));
        Assert.Equal(string.Join(Environment.NewLine, direct), string.Join(Environment.NewLine, through));
        await gateway.StopAsync();
        Assert.Contains(Recordings.Read(gateway.Data).Operations, operation => operation.Intent.Identity.Issuer != "gateway" && operation.Outcome == "Done");
    }

    /// <summary>
    /// Which checks there were and what became of each. In no order and not counted, because the gateway reads what a server
    /// defines before the client comes, and is looked at by the same checks.
    /// </summary>
    private static async Task<string[]> RunAsync(string scenario, string revision, IReadOnlyDictionary<string, string> environment, CancellationToken cancellationToken)
    {
        var folder = Directory.CreateTempSubdirectory("postern-scenario-");
        try
        {
            var loopback = new Uri(Path.Combine(Checkout.Node, "loopback-now.mjs")).AbsoluteUri;
            await using var suite = Child.Start(
                Checkout.NodeExecutable,
                [
                    "--import", loopback, Checkout.Package("@modelcontextprotocol", "conformance", "dist", "index.js"), "client",
                    "--command", $"{Checkout.NodeExecutable} --import {loopback} {Path.Combine(Checkout.Node, "clients", "scenario.mjs")}",
                    "--scenario", scenario, "--spec-version", revision, "--timeout", "60000", "-o", folder.FullName,
                ],
                environment);
            var said = await suite.ReadToEndAsync(cancellationToken);
            var file = folder.EnumerateFiles("checks.json", SearchOption.AllDirectories).SingleOrDefault() ?? throw new InvalidOperationException($"the suite wrote no checks: {said}{suite.Errors}");
            using var checks = JsonDocument.Parse(await File.ReadAllBytesAsync(file.FullName, cancellationToken));
            return
            [
                .. checks.RootElement.EnumerateArray().Where(check => check.GetProperty("status").GetString() != "INFO")
                    .Select(check => $"{check.GetProperty("id").GetString()} {check.GetProperty("name").GetString()}: {check.GetProperty("status").GetString()}").Distinct().Order(StringComparer.Ordinal),
            ];
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
