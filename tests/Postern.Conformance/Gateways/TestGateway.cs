using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Demo.Issuer;
using Postern.Gateway;
using Postern.Gateway.Configuration;

namespace Postern.Conformance.Gateways;

/// <summary>
/// A whole gateway in this process, in front of one real server, with the demo's OIDC issuer. Its data lives in a folder of
/// its own that <see cref="DisposeAsync"/> removes; stop it first to look at what it recorded.
/// </summary>
internal sealed class TestGateway : IAsyncDisposable
{
    /// <summary>The audience of every token here.</summary>
    public const string Audience = "https://postern.test";

    /// <summary>The connection's name.</summary>
    public const string Connection = "target";

    private readonly DemoIssuer _issuer;
    private readonly DirectoryInfo _folder;
    private readonly GatewayHost _host;

    private TestGateway(DemoIssuer issuer, DirectoryInfo folder, GatewayHost host)
    {
        _issuer = issuer;
        _folder = folder;
        _host = host;
    }

    /// <summary>Where the gateway is.</summary>
    public string Url => _host.Url;

    /// <summary>Where readiness is.</summary>
    public string ManagementUrl => _host.ManagementUrl!;

    /// <summary>Where PostgreSQL's clients connect, <c>address:port</c>; null when the target does not speak it.</summary>
    public string? PostgresAddress => _host.PostgresAddress;

    /// <summary>Where the connection is.</summary>
    public string ConnectionUrl => $"{Url}/mcp/{Connection}";

    /// <summary>The folder of database, journals and keys.</summary>
    public string Data => Path.Combine(_folder.FullName, "data");

    /// <summary>Starts one in front of this MCP server, with this policy.</summary>
    /// <param name="target">The server's URL.</param>
    /// <param name="policy">The one policy file.</param>
    /// <param name="cancellationToken">Ends the start.</param>
    /// <param name="wait">How long callers are kept waiting for people at a stretch; by default not at all.</param>
    public static Task<TestGateway> StartAsync(string target, string policy, CancellationToken cancellationToken, TimeSpan wait = default) =>
        StartAsync(new ConnectionOptions { Name = Connection, Protocol = "mcp", Url = target }, policy, cancellationToken, wait: wait);

    /// <summary>Starts one in front of this target, with this policy.</summary>
    public static async Task<TestGateway> StartAsync(
        ConnectionOptions connection, string policy, CancellationToken cancellationToken, LimitOptions? limits = null, ILoggerFactory? logs = null, TimeSpan wait = default,
        PostgresListenOptions? postgres = null, Protocols.SessionLimits? sessions = null, ImmutableArray<ExportOptions> exports = default, RecordOptions? record = null)
    {
        var folder = Directory.CreateTempSubdirectory("postern-gateway-");
        var issuer = await DemoIssuer.StartAsync(new DemoIssuerOptions { DefaultAudience = Audience }, cancellationToken);
        try
        {
            var file = Path.Combine(folder.FullName, "policy.yaml");
            await File.WriteAllTextAsync(file, policy, cancellationToken);
            var host = await GatewayHost.StartAsync(
                new GatewayOptions
                {
                    Url = "http://127.0.0.1:0",
                    Management = "http://127.0.0.1:0",
                    Postgres = postgres ?? new PostgresListenOptions(),
                    Limits = limits ?? new LimitOptions { Sessions = sessions ?? new Protocols.SessionLimits() },
                    Data = Path.Combine(folder.FullName, "data"),
                    Issuers = [IssuerOf(issuer)],
                    Connections = [connection],
                    Policy = [file],
                    Record = record ?? new RecordOptions(),
                    Exports = exports.IsDefault ? [] : exports,
                    Waits = new WaitOptions { Longest = wait, Statement = wait },
                },
                new GatewaySurroundings { Logs = logs ?? NullLoggerFactory.Instance },
                cancellationToken);
            return new TestGateway(issuer, folder, host);
        }
        catch
        {
            await issuer.DisposeAsync();
            folder.Delete(recursive: true);
            throw;
        }
    }

    /// <summary>How a gateway is told of the demo issuer.</summary>
    public static IssuerOptions IssuerOf(DemoIssuer issuer) => new()
    {
        Name = "demo",
        Authority = issuer.Issuer,
        Audience = Audience,
        ClientId = DemoClient.GatewayId,
        ClientSecret = DemoClient.GatewaySecret,
        Scim = new ScimOptions(DirectorySecret, "externalId"),
    };

    /// <summary>What a directory of the demo issuer's people brings.</summary>
    public const string DirectorySecret = "a-secret-of-the-directory-0123456789";

    /// <summary>A token of one of the demo's people, as an agent holds it.</summary>
    public string Token(string person, Action<System.Text.Json.Nodes.JsonObject>? claims = null) => _issuer.IssueToken(person, client: "demo-agent", claims: claims);

    /// <summary>Ends the gateway as an operator would; the data stays.</summary>
    public Task StopAsync() => _host.StopAsync();

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        await _issuer.DisposeAsync();
        _folder.Delete(recursive: true);
    }
}
