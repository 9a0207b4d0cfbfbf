using System.Collections.Frozen;
using System.Collections.Immutable;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Core.Recording;
using Postern.Core.Sessions;
using Postern.Core.Yaml;
using Postern.Gateway.Approvals;
using Postern.Gateway.Configuration;
using Postern.Gateway.Connections;
using Postern.Gateway.Grants;
using Postern.Gateway.Identities;
using Postern.Gateway.Identities.Scim;
using Postern.Gateway.Listening;
using Postern.Gateway.Notices;
using Postern.Gateway.Policies;
using Postern.Gateway.Recordings;
using Postern.Gateway.Recordings.Keys;
using Postern.Gateway.Recordings.Retention;
using Postern.Gateway.Recordings.Stores;
using Postern.Gateway.Recordings.Witnesses;
using Postern.Gateway.Storage;
using Postern.Protocols;
using Postern.Protocols.Mcp;
using Postern.Upstreams;
using Postern.Upstreams.Stdio;

namespace Postern.Gateway;

/// <summary>How single parts are made from the options; <see cref="StartAsync"/> is the order in which.</summary>
public sealed partial class GatewayHost
{
    private static async Task<DataKeyFile> OpenKeysAsync(GatewayOptions options, DataFolder folder, TimeProvider clock)
    {
        try
        {
            return await DataKeyFile.OpenAsync(folder.Path, options.Record.MasterKey, clock).ConfigureAwait(false);
        }
        catch (RecordingException unusable)
        {
            throw new GatewayStartException([new SourceProblem(folder.Path, 0, 0, unusable.Message)]);
        }
    }

    private static KeepTimes KeepTimesOf(GatewayOptions options) => new(
        options.Connections.Where(connection => connection.Keep is not null).ToFrozenDictionary(connection => connection.Name, connection => connection.Keep!.Value, StringComparer.Ordinal), options.Record.Keep);

    private static RecorderOptions RecordingOf(GatewayOptions options, DataFolder folder, DataKeyFile keys) => new()
    {
        DataKeys = keys,
        DataFolder = folder.Path,
        Durability = options.Record.IsStrict ? Durability.Strict : Durability.Relaxed,
        ContentBytes = options.Record.ContentBytes,
        Heartbeat = options.Record.Heartbeat,
        Key = options.Record.Key,
    };

    private static CheckpointWitnesses? WitnessesOf(RecordOptions record, Recorder recorder, TimeProvider clock, ILogger log) => record.Witnesses.IsEmpty
        ? null
        : new CheckpointWitnesses(
            record.Witnesses.Select(IWitness (witness) => witness switch
            {
                { File: { } file } => new FileWitness(witness.Name, file),
                { S3: { } bucket } => new StoreWitness(witness.Name, RecordingStores.Open(bucket)),
                _ => new HttpWitness(witness.Name, witness.Url!, witness.Token),
            }), recorder, record.RefuseWithoutWitness, clock, log);

    private static JournalUpload? UploadOf(RecordOptions record, RecorderOptions recording, Recorder recorder, TimeProvider clock, ILogger log) =>
        record.Store is { } store ? new JournalUpload(store, RecordingStores.Open(store.Target), recording, recorder, clock, log) : null;

    private static async Task<Recorder> OpenRecorderAsync(RecorderOptions recording, TimeProvider clock, CancellationToken cancellationToken)
    {
        try
        {
            return await Recorder.OpenAsync(recording, clock, cancellationToken).ConfigureAwait(false);
        }
        catch (RecordingException unusable)
        {
            throw new GatewayStartException([new SourceProblem(recording.DataFolder, 0, 0, unusable.Message)]);
        }
    }

    private static RecordingIndex OpenIndex(RecorderOptions recording, Recorder recorder)
    {
        try
        {
            return RecordingIndex.Open(recording, recorder);
        }
        catch (InvalidDataException unusable)
        {
            throw new GatewayStartException([new SourceProblem(recording.DataFolder, 0, 0, unusable.Message)]);
        }
    }

    private static FrozenDictionary<string, Introspection> IntrospectionsOf(GatewayOptions options, TokenAuthenticator authenticator, Leash leash, TimeProvider clock, Teardown teardown) =>
        options.Issuers.Where(issuer => issuer.Introspection is not null).ToFrozenDictionary(
            issuer => issuer.Name, issuer => teardown.Own(new Introspection(issuer.Introspection!, authenticator.ClientOf(issuer.Name), leash, clock)), StringComparer.Ordinal);

    /// <summary>Where directories push who is there and in which group, for the issuers that have one.</summary>
    private static async Task ServeDirectoriesAsync(
        WebApplication server, GatewayOptions options, TokenAuthenticator authenticator, string publicUrl, RefusalNotes notes, ScimParts parts, Teardown teardown, CancellationToken cancellationToken)
    {
        var pushed = options.Issuers.Where(issuer => issuer.Scim is not null).ToFrozenDictionary(issuer => issuer.Name, issuer => issuer.Scim!, StringComparer.Ordinal);
        if (pushed.Count == 0) return;
        // One issuer by each of these names: a directory pushes for one tenant (GatewayOptionsCheck).
        var trusted = authenticator.Issuers.Where(issuer => pushed.ContainsKey(issuer.Name)).ToDictionary(issuer => issuer.Name, StringComparer.Ordinal);
        var directory = teardown.Own(new ScimDirectory(parts, pushed.ToFrozenDictionary(one => one.Key, one => (one.Value, trusted[one.Key]), StringComparer.Ordinal)));
        await directory.StartAsync(cancellationToken).ConfigureAwait(false);
        new ScimEndpoint(directory, pushed, publicUrl, notes).Map(server);
    }

    private static SqliteHoldStore OpenHolds(DataFolder folder)
    {
        try
        {
            return SqliteHoldStore.Open(folder.Path);
        }
        catch (InvalidDataException unusable)
        {
            throw new GatewayStartException([new SourceProblem(folder.Path, 0, 0, unusable.Message)]);
        }
    }

    private static IEnumerable<INotifier> Notifiers(GatewayOptions options, string publicUrl)
    {
        if (options.Webhook is { } webhook) yield return new WebhookNotifier(webhook, publicUrl);
        if (options.Slack is { } slack) yield return new SlackNotifier(slack, publicUrl);
        if (options.Email is { } email) yield return new EmailNotifier(email, publicUrl);
    }

    private static SqliteGrantStore OpenGrants(DataFolder folder)
    {
        try
        {
            return SqliteGrantStore.Open(folder.Path);
        }
        catch (InvalidDataException unusable)
        {
            throw new GatewayStartException([new SourceProblem(folder.Path, 0, 0, unusable.Message)]);
        }
    }

    private static ImmutableArray<TrustedIssuer> TrustedIssuers(GatewayOptions options, string publicUrl)
    {
        var trusted = ImmutableArray.CreateBuilder<TrustedIssuer>();
        var problems = ImmutableArray.CreateBuilder<SourceProblem>();
        foreach (var issuer in options.Issuers)
        {
            try
            {
                trusted.AddRange(TrustedIssuer.AllFrom(issuer, publicUrl));
            }
            catch (ArgumentException untrustworthy)
            {
                problems.Add(new SourceProblem("issuers", 0, 0, untrustworthy.Message));
            }
        }
        return problems.Count == 0 ? trusted.DrainToImmutable() : throw new GatewayStartException(problems.DrainToImmutable());
    }

    private static Func<string, UpstreamTarget?> Targets(GatewayOptions options)
    {
        var targets = options.Connections.Where(connection => connection is { Stdio: null, Postgres: null }).ToFrozenDictionary(
            connection => connection.Name,
            connection => new UpstreamTarget(new Uri(connection.Url))
            {
                Credential = connection.Credential is { } credential ? new UpstreamCredential(credential.Header, () => credential.Value) : null,
                Authorities = connection.Authorities is { } file ? AuthoritiesFile.Read(file) : null,
                Patience = connection.Patience,
                IsHttp2 = connection.IsHttp2,
            },
            StringComparer.Ordinal);
        return name => targets.GetValueOrDefault(name);
    }

    /// <summary>The host names of connections, each with what serves it.</summary>
    private static IEnumerable<KeyValuePair<string, Endpoint>> LeadingIn(GatewayOptions options, ImmutableArray<IProtocol> protocols)
    {
        foreach (var connection in options.Connections)
        {
            if (connection.HostNames.IsEmpty || protocols.First(protocol => protocol.Name == connection.Protocol).AtHost(connection.Name) is not { } serve) continue;
            var endpoint = new Endpoint(serve, EndpointMetadataCollection.Empty, $"host of `{connection.Name}`");
            foreach (var name in connection.HostNames) yield return new(name, endpoint);
        }
    }

    private static RawListener RawListenerOf(BoundListener bound, ImmutableArray<IProtocol> protocols, ServedCertificate? certificate, GatewayOptions options, TimeProvider clock, ILoggerFactory logs) => new(
        bound, protocols.OfType<IRawProtocol>().Single(), new RawListenerLimits(options.Limits.Connections, options.Limits.SigningIn), certificate, options.Postgres.NeedsTls, clock, logs.CreateLogger("Postern.Sessions"));

    /// <summary>The way to the targets; the one over HTTP alone where the gateway starts none itself.</summary>
    internal static IUpstreamDialer OpenDialers(GatewayOptions options, Recorder recorder, TimeProvider clock, ILogger logger, Teardown teardown)
    {
        var http = teardown.Own(new HttpUpstreamDialer(Targets(options), clock));
        var targets = StdioTargets.Of(options);
        if (targets.Count == 0) return http;
        var limits = new StdioLimits(options.Limits.Children, options.Limits.ChildrenPerIdentity);
        return new UpstreamDialers(targets.ContainsKey, teardown.Own(new StdioDialer(targets.GetValueOrDefault, limits, McpLine.Read, recorder, clock, logger)), http);
    }

    /// <summary>Said at the start, in the record, and by readiness for as long as the gateway runs: people can see each other's state there.</summary>
    private static async Task<string?> TellOfSharedAsync(GatewayOptions options, Recorder recorder, TimeProvider clock, ILogger logger, CancellationToken cancellationToken)
    {
        var shared = StdioTargets.SharedIn(options);
        foreach (var name in shared)
        {
            Shared(logger, name);
            await recorder.NoteAsync(new Occurrence("connection.shared", clock.GetUtcNow(), [new("connection", name)]), cancellationToken).ConfigureAwait(false);
        }
        return shared.IsEmpty ? null : $"one process serves everybody at {string.Join(", ", shared.Select(name => $"`{name}`"))}";
    }

    [LoggerMessage(1, LogLevel.Warning, "`{Connection}` is shared: one process serves everybody, who see whatever it keeps of each other")]
    private static partial void Shared(ILogger logger, string connection);

    /// <summary>Where clients reach a connection: each protocol on its own listener.</summary>
    private static Func<Connection, string> UrlOf(string publicUrl, string? clusters, string? postgres) => connection => connection.Protocol switch
    {
        Protocols.Kubernetes.KubernetesVocabulary.ProtocolName => $"{clusters ?? publicUrl}/k8s/{connection.Name}",
        PostgresTargets.Protocol => $"postgresql://{postgres}/{connection.Name}",
        var protocol => $"{publicUrl}/{protocol}/{connection.Name}",
    };

    private static Func<Identity, Connection, DateTimeOffset, IEnumerable<McpOffer>> OffersOf(ImmutableArray<IProtocol> protocols, IPolicySource policies)
    {
        var mcp = protocols.OfType<McpProtocol>().Single();
        return (identity, connection, now) => McpOffers.For(mcp.Definitions!, policies, identity, connection, now);
    }

    private static Func<Connection, CancellationToken, ValueTask<CredentialReport?>> CheckOf(ImmutableArray<IProtocol> protocols) => (connection, cancellationToken) =>
        protocols.FirstOrDefault(protocol => protocol.Name == connection.Protocol)?.CheckCredentialAsync(connection, cancellationToken) ?? ValueTask.FromResult<CredentialReport?>(null);

    /// <summary>What is accepted of the targets, for questions; a decision reads its operation alone.</summary>
    private static IDefinitionCatalogue DefinitionsOf(ImmutableArray<IProtocol> protocols) => (IDefinitionCatalogue?)protocols.OfType<McpProtocol>().FirstOrDefault()?.Definitions ?? NoDefinitions.Instance;

    private static Func<Connection, ShownDefinition, Identity, CancellationToken, ValueTask<Acceptance>> AcceptOf(ImmutableArray<IProtocol> protocols)
    {
        var mcp = protocols.OfType<McpProtocol>().Single();
        return (connection, shown, by, cancellationToken) => mcp.Definitions!.AcceptAsync(connection, [shown], by, cancellationToken);
    }
}
