using Postern.Conformance.Kubernetes;
using Postern.Conformance.Postgres;
using Postern.Gateway.Configuration;
using Postern.Gateway.Connections;
using Postern.Protocols;
using Postern.Tests;

namespace Postern.Conformance;

/// <summary>What <c>postern doctor</c> says of real servers: there, not there, not trusted, not letting in.</summary>
public sealed class TargetWorkbenchTests(SharedCluster postgres, SharedApiServer kubernetes)
{
    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_PostgreSQL_server_lets_the_gateway_in_or_says_why_not()
    {
        var cluster = await postgres.StartedAsync();
        var good = new PostgresTargetOptions(Cluster.App, cluster.Password) { Roots = cluster.Authority };
        var url = $"postgresql://127.0.0.1:{cluster.Port}/postgres";

        Assert.Equal(new TargetAnswer(TargetState.Good, "the server lets the gateway in").ToString(), (await AskAsync(url, good)).ToString());
        var wrong = await AskAsync(url, good with { Password = "not-" + cluster.Password });
        Assert.Equal((TargetState.Refused, "the server did not let the gateway in: SQLSTATE 28P01"), (wrong.State, wrong.Text));
        Assert.Equal(TargetState.Refused, (await AskAsync($"postgresql://127.0.0.1:{cluster.Port}/no-such-database", good)).State);
        Assert.Equal(TargetState.Untrusted, (await AskAsync(url, good with { Roots = null })).State);
        Assert.Equal(TargetState.Unreachable, (await AskAsync($"postgresql://127.0.0.1:{FreePort.Take()}/postgres", good)).State);
    }

    [Fact]
    public async Task An_API_server_knows_the_credential_or_does_not()
    {
        var server = await kubernetes.StartedAsync();

        var good = await AskAsync(server.Url, server.Authority, $"Bearer {server.Tokens["nobody"]}");
        Assert.True(good.State == TargetState.Good, good.Text);
        Assert.Matches("^Kubernetes v[0-9.]+[^ ]* answers, and knows the credential$", good.Text);
        var wrong = await AskAsync(server.Url, server.Authority, "Bearer nothing-that-it-knows");
        Assert.Equal((TargetState.Refused, "it does not let the gateway in: status 401"), (wrong.State, wrong.Text));
        Assert.Equal(TargetState.Refused, (await AskAsync(server.Url, server.Authority, null)).State);
        Assert.Equal(TargetState.Untrusted, (await AskAsync(server.Url, null, $"Bearer {server.Tokens["nobody"]}")).State);
    }

    private static Task<TargetAnswer> AskAsync(string url, PostgresTargetOptions target) => AskAsync(new ConnectionOptions { Name = "target", Protocol = "postgres", Url = url, Postgres = target });

    private static Task<TargetAnswer> AskAsync(string url, string? authority, string? credential) =>
        AskAsync(new ConnectionOptions { Name = "target", Protocol = "kubernetes", Url = url, Authorities = authority, Credential = credential is null ? null : new CredentialOptions("Authorization", credential) });

    private static async Task<TargetAnswer> AskAsync(ConnectionOptions connection)
    {
        var options = new GatewayOptions { Data = "/nowhere", Issuers = [new IssuerOptions { Name = "demo", Authority = "http://127.0.0.1:1" }], Connections = [connection] };
        await using var workbench = await TargetWorkbench.OpenAsync(options, TimeProvider.System, Test);
        return (await workbench.AskAsync("target", Test))!;
    }
}
