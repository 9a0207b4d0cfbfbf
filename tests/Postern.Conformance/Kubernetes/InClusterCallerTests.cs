using System.Globalization;
using System.Text.Json;
using Postern.Conformance.Gateways;
using Postern.Gateway.Configuration;
using Postern.Tests;

namespace Postern.Conformance.Kubernetes;

/// <summary>A program in a pod, with the token that the real API server projects for it: made for the gateway, or for another.</summary>
public sealed class InClusterCallerTests(SharedApiServer shared)
{
    private const string Policy =
        """
        version: 1
        rules:
          - id: robots-read
            who: { workloads: ["cluster:system:serviceaccount:NS:robot"] }
            on: { connection: prod, verbs: [get, list], resources: [configmaps], namespaces: [NS] }
            then: allow
          - id: people-read
            who: { users: ["cluster:system:serviceaccount:NS:robot"] }
            on: { connection: prod, verbs: [get, list], resources: [pods], namespaces: [NS] }
            then: allow
        """;

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Fact]
    [Row("K17")]
    public async Task A_token_that_was_requested_for_the_gateway_is_a_workload_and_any_other_is_nobody()
    {
        var server = await shared.StartedAsync();
        await using var bed = await ClusterBed.StartAsync(shared, Policy, Test, issuer: new IssuerOptions
        {
            Name = "cluster", Preset = "kubernetes", Authority = server.Accounts, Audience = TestGateway.Audience,
        });
        await server.CreateAsync($"/api/v1/namespaces/{bed.Namespace}/serviceaccounts", """{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"robot"}}""", Test);
        await server.CreateAsync($"/api/v1/namespaces/{bed.Namespace}/serviceaccounts", """{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"other"}}""", Test);
        await server.CreateAsync($"/api/v1/namespaces/{bed.Namespace}/configmaps", """{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings"},"data":{"mode":"fast"}}""", Test);

        async Task<string> TokenAsync(string account, string audiences)
        {
            var (status, body) = await server.AskAsync(
                "admin", HttpMethod.Post, $"/api/v1/namespaces/{bed.Namespace}/serviceaccounts/{account}/token",
                string.Create(CultureInfo.InvariantCulture, $$$"""{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{"audiences":[{{{audiences}}}],"expirationSeconds":600} }"""), Test);
            Assert.True(status == 201, body);
            return JsonDocument.Parse(body).RootElement.GetProperty("status").GetProperty("token").GetString()!;
        }

        Task<PosternRun> GetAsync(string token, string what) => bed.RunAsync([.. bed.Place("alice", token), "get", what]);

        var own = await TokenAsync("robot", $"\"{TestGateway.Audience}\"");
        var read = await GetAsync(own, "configmaps");
        Assert.True(read.ExitCode == 0, read.Error);
        Assert.Contains("settings", read.Out, StringComparison.Ordinal);
        // A rule for people is not for a program that has their name.
        Assert.Contains("Postern refused this on purpose", (await GetAsync(own, "pods")).Error, StringComparison.Ordinal);
        Assert.Contains("Postern refused this on purpose", (await GetAsync(await TokenAsync("other", $"\"{TestGateway.Audience}\""), "configmaps")).Error, StringComparison.Ordinal);

        // The API server's own audience, which every pod has a token for; and somebody else's.
        foreach (var audiences in new[] { "", $"\"{server.Accounts}\"", "\"https://other.example\"" })
        {
            var foreign = await GetAsync(await TokenAsync("robot", audiences), "configmaps");
            Assert.Equal(1, foreign.ExitCode);
            Assert.Contains("needs a valid token", foreign.Error, StringComparison.Ordinal);
        }
        await bed.Host.StopAsync();
        var record = Recordings.Read(bed.Data);
        Assert.Contains(record.Operations, operation => operation.Intent.Identity is { Issuer: "cluster", Kind: "workload" } who && who.Subject == $"system:serviceaccount:{bed.Namespace}:robot");
        Assert.DoesNotContain("eyJhbGciOi", record.Everything, StringComparison.Ordinal);
    }
}
