using System.Collections.Frozen;
using System.Collections.Immutable;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Core.Recording;
using Postern.Core.Yaml;
using Postern.Gateway.Approvals;
using Postern.Gateway.Configuration;
using Postern.Gateway.Connections;
using Postern.Gateway.Identities;
using Postern.Gateway.Policies;
using Postern.Gateway.Recordings;
using Postern.Gateway.Storage;
using Postern.Protocols;
using Postern.Protocols.Mcp;
using Postern.Upstreams;

namespace Postern.Gateway;

/// <summary>How single parts are made from the options; <see cref="StartAsync"/> is the order in which.</summary>
public sealed partial class GatewayHost
{
    private static RecorderOptions RecordingOf(GatewayOptions options, DataFolder folder) => new()
    {
        DataFolder = folder.Path,
        Durability = options.Record.IsStrict ? Durability.Strict : Durability.Relaxed,
        ContentBytes = options.Record.ContentBytes,
    };

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

    private static ImmutableArray<TrustedIssuer> TrustedIssuers(GatewayOptions options, string publicUrl)
    {
        var trusted = ImmutableArray.CreateBuilder<TrustedIssuer>();
        var problems = ImmutableArray.CreateBuilder<SourceProblem>();
        foreach (var issuer in options.Issuers)
        {
            try
            {
                trusted.Add(TrustedIssuer.From(issuer, publicUrl));
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
        var targets = options.Connections.ToFrozenDictionary(
            connection => connection.Name,
            connection => new UpstreamTarget(new Uri(connection.Url))
            {
                Credential = connection.Credential is { } credential ? new UpstreamCredential(credential.Header, () => credential.Value) : null,
                Patience = connection.Patience,
            },
            StringComparer.Ordinal);
        return name => targets.GetValueOrDefault(name);
    }

    private static Func<Connection, ShownDefinition, Identity, CancellationToken, ValueTask<Acceptance>> AcceptOf(ImmutableArray<IProtocol> protocols)
    {
        var mcp = protocols.OfType<McpProtocol>().Single();
        return (connection, shown, by, cancellationToken) => mcp.Definitions!.AcceptAsync(connection, [shown], by, cancellationToken);
    }
}
