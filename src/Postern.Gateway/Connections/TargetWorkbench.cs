using Microsoft.Extensions.Logging.Abstractions;
using Postern.Core.Approvals;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Core.Policy;
using Postern.Core.Recording;
using Postern.Core.Sessions;
using Postern.Gateway.Approvals;
using Postern.Gateway.Configuration;
using Postern.Gateway.Policies;
using Postern.Gateway.Storage;
using Postern.Protocols;
using Postern.Upstreams.Postgres;

namespace Postern.Gateway.Connections;

/// <summary>
/// Reaches targets as a gateway of the same configuration would, without starting one: for those who set it up and have its credentials anyway.
/// The same dialers, the same six steps, and no operation but the gateway's own; what is recorded goes with the folder that it is recorded in.
/// </summary>
public sealed class TargetWorkbench : IAsyncDisposable
{
    private readonly Teardown _teardown;
    private readonly ProtocolServices _services;
    private readonly Dictionary<string, IProtocol> _protocols;

    private TargetWorkbench(Teardown teardown, ProtocolServices services, Dictionary<string, IProtocol> protocols) => (_teardown, _services, _protocols) = (teardown, services, protocols);

    /// <summary>Makes one for these targets.</summary>
    /// <param name="options">A configuration that loads.</param>
    /// <param name="clock">All time.</param>
    /// <param name="cancellationToken">Interrupt.</param>
    public static async Task<TargetWorkbench> OpenAsync(GatewayOptions options, TimeProvider clock, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        var teardown = new Teardown();
        try
        {
            var folder = Directory.CreateTempSubdirectory("postern-workbench-").FullName;
            teardown.Add(() =>
            {
                Directory.Delete(folder, recursive: true);
                return ValueTask.CompletedTask;
            });
            var database = teardown.Own(GatewayDatabase.Open(folder));
            var recorder = teardown.Own(await Recorder.OpenAsync(new RecorderOptions { DataFolder = folder, Durability = Durability.Relaxed }, clock, cancellationToken).ConfigureAwait(false));
            var connections = new ConnectionDirectory(options.Connections);
            var protocols = ProtocolCatalog.Create();
            foreach (var protocol in protocols) teardown.Own(protocol);
            var publicUrl = options.PublicUrl ?? options.Url;
            var policies = new Nothing(PolicyLoader.Load([new PolicyFile("workbench", "version: 1\nrules: []\n")], PolicyWorkbench.EnvironmentOf(options, connections, protocols, publicUrl, MaskKey.ReadOrCreate(folder)), versionNumber: 1).Set!);
            var leash = teardown.Own(new Leash(clock, options.Limits.Waiting));
            var desk = new ApprovalDesk(teardown.Own(SqliteHoldStore.Open(folder)), recorder, [], clock);
            var services = new ProtocolServices
            {
                Pipeline = new OperationPipeline(policies, recorder, desk, new SessionBook(clock), leash, publicUrl, clock),
                Authenticator = Nobody.Instance,
                Connections = connections,
                Policies = policies,
                Recorder = recorder,
                Upstreams = GatewayHost.OpenDialers(options, recorder, clock, NullLogger.Instance, teardown),
                Postgres = teardown.Own(new PostgresDialer(PostgresTargets.Of(options), clock)),
                Definitions = new DefinitionStore(database),
                Continuations = new ContinuationSeal(FolderKey.ReadOrCreate(folder, "continuations.key", ContinuationSeal.KeyBytes), clock),
                PublicUrl = publicUrl,
                AuthorizationServers = [],
                Clock = clock,
                Logs = NullLoggerFactory.Instance,
            };
            return new TargetWorkbench(teardown, services, protocols.ToDictionary(protocol => protocol.Name, StringComparer.Ordinal));
        }
        catch
        {
            await teardown.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Asks one target whether it is there; null where its protocol cannot ask.</summary>
    /// <exception cref="ArgumentException">There is no such connection.</exception>
    public async Task<TargetAnswer?> AskAsync(string connection, CancellationToken cancellationToken)
    {
        var found = _services.Connections.Find(connection) ?? throw new ArgumentException($"there is no connection `{connection}`", nameof(connection));
        return await _protocols[found.Protocol].AskTargetAsync(_services, found, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _teardown.DisposeAsync();

    /// <summary>A policy that gives nobody anything: what runs here is the gateway's own alone.</summary>
    private sealed class Nothing(PolicySet set) : IPolicySource
    {
        public PolicySet Current => set;
    }

    private sealed class Nobody : IAuthenticator
    {
        public static readonly Nobody Instance = new();

        public ValueTask<Authentication> AuthenticateAsync(string token, string resource, CancellationToken cancellationToken) =>
            ValueTask.FromResult<Authentication>(new Authentication.Refused("nobody signs in at a workbench"));
    }
}
