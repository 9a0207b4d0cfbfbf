using System.Collections.Immutable;
using System.Reflection;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Postern.Core.Approvals;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Core.Policy;
using Postern.Gateway.Policies;
using Postern.Protocols;
using Postern.Protocols.Mcp;

namespace Postern.Gateway.Api;

/// <summary>What the control API's routes work on.</summary>
internal sealed record ControlParts(
    IConnectionDirectory Connections, PolicyStore Policies, IHoldStore Holds, ApprovalDesk Desk, IDefinitionStore Definitions,
    Func<Connection, ShownDefinition, Identity, CancellationToken, ValueTask<Acceptance>> AcceptDefinition,
    Func<Connection, CancellationToken, ValueTask<CredentialReport?>> CheckCredential,
    string PublicUrl, Func<Connection, string> UrlOf, TimeProvider Clock);

/// <summary>The routes of the control API that concern identity, targets, policy and holds. Everything is answered for the asker alone.</summary>
internal static class ControlRoutes
{
    private const int MaxHolds = 200;

    public static ImmutableArray<ApiRoute> Of(ControlParts parts) =>
    [
        new("getDocument", "GET", "/openapi.json") { Access = ApiAccess.Open, Action = "document.read", Handle = static _ => ValueTask.FromResult<ApiAnswer>(new ApiAnswer.Bytes(Document.Value)) },
        new("whoami", "GET", "/whoami") { Access = ApiAccess.Signed, Action = "whoami.read", Handle = static call => ValueTask.FromResult<ApiAnswer>(new ApiAnswer.Document(json => ApiDocuments.Identity(json, call.Identity))) },
        new("listConnections", "GET", "/connections") { Access = ApiAccess.Signed, Action = "connections.list", Handle = call => ListConnections(parts, call) },
        new("checkConnection", "GET", "/connections/{connection}/check") { Access = ApiAccess.Signed, Action = GatewayVocabulary.CheckConnections, Handle = call => CheckConnectionAsync(parts, call) },
        new("listDefinitions", "GET", "/connections/{connection}/definitions") { Access = ApiAccess.Signed, Action = GatewayVocabulary.AcceptDefinitions, Handle = call => ListDefinitionsAsync(parts, call) },
        new("acceptDefinition", "POST", "/connections/{connection}/definitions/accept") { Access = ApiAccess.FreshBrowser, Action = GatewayVocabulary.AcceptDefinitions, Body = ["name", "seenHash"], Handle = call => AcceptDefinitionAsync(parts, call) },
        new("getPolicy", "GET", "/policy") { Access = ApiAccess.Signed, Action = "policy.status", Handle = call => GetPolicy(parts, call) },
        new("listApprovals", "GET", "/approvals") { Access = ApiAccess.Signed, Action = "approvals.own", Handle = call => ListApprovalsAsync(parts, call) },
        new("getApproval", "GET", "/approvals/{id}") { Access = ApiAccess.Signed, Action = "approvals.own", Handle = call => GetApprovalAsync(parts, call) },
    ];

    /// <summary>The checked-in description of this API.</summary>
    public static Lazy<ReadOnlyMemory<byte>> Document { get; } = new(static () =>
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("Postern.Gateway.openapi.json")!;
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    });

    private static ValueTask<ApiAnswer> ListConnections(ControlParts parts, ApiCall call)
    {
        var visible = parts.Connections.All.Where(connection => MaySee(parts, call.Identity, connection));
        return ValueTask.FromResult<ApiAnswer>(ApiAnswer.List(visible, (json, connection) =>
        {
            json.WriteStartObject();
            json.WriteString("name", connection.Name);
            json.WriteString("protocol", connection.Protocol);
            json.WriteString("url", parts.UrlOf(connection));
            json.WriteStartArray("tags");
            foreach (var tag in connection.Tags) json.WriteStringValue(tag);
            json.WriteEndArray();
            json.WriteEndObject();
        }));
    }

    private static async ValueTask<ApiAnswer> CheckConnectionAsync(ControlParts parts, ApiCall call)
    {
        if (parts.Connections.Find(call.Value("connection")) is not { } connection) return ApiAnswer.NotFound();
        try
        {
            return await parts.CheckCredential(connection, call.Gone).ConfigureAwait(false) is { } report
                ? new ApiAnswer.Document(json => ApiDocuments.CredentialReport(json, connection, report))
                : new ApiAnswer.Problem(StatusCodes.Status409Conflict, RefusalCode.InvalidRequest, $"What a credential may do cannot be asked over {connection.Protocol}.");
        }
        catch (UpstreamException unanswered)
        {
            return new ApiAnswer.Problem(StatusCodes.Status502BadGateway, unanswered.Code, $"The target could not be asked: {unanswered.Message}.");
        }
    }

    private static async ValueTask<ApiAnswer> ListDefinitionsAsync(ControlParts parts, ApiCall call)
    {
        // Names that wait are hidden from everyone but who may accept them: the route's action says so.
        if (parts.Connections.Find(call.Value("connection")) is not { } connection) return ApiAnswer.NotFound();
        return ApiAnswer.List(await parts.Definitions.LoadAsync(connection.Name, call.Gone).ConfigureAwait(false), static (json, definition) =>
        {
            json.WriteStartObject();
            json.WriteString("fact", definition.Fact);
            json.WriteString("name", definition.Name);
            json.WriteString("state", definition.AcceptedHash == definition.SeenHash ? "accepted" : definition.AcceptedHash is null ? "new" : "changed");
            json.WriteString("acceptedHash", definition.AcceptedHash);
            json.WriteString("seenHash", definition.SeenHash);
            ApiDocuments.Instant(json, "seenAt", definition.SeenAt);
            json.WriteString("accepted", System.Text.Encoding.UTF8.GetString(definition.AcceptedDocument.Span));
            json.WriteString("seen", System.Text.Encoding.UTF8.GetString(definition.SeenDocument.Span));
            json.WriteEndObject();
        });
    }

    private static async ValueTask<ApiAnswer> AcceptDefinitionAsync(ControlParts parts, ApiCall call)
    {
        if (parts.Connections.Find(call.Value("connection")) is not { } connection) return ApiAnswer.NotFound();
        if (await call.BodyAsync().ConfigureAwait(false) is not { ValueKind: JsonValueKind.Object } body
            || !body.TryGetProperty("name", out var nameNode) || nameNode.ValueKind != JsonValueKind.String
            || !body.TryGetProperty("seenHash", out var hashNode) || hashNode.ValueKind != JsonValueKind.String)
        {
            return new ApiAnswer.Problem(StatusCodes.Status400BadRequest, RefusalCode.InvalidRequest, "Expected a JSON object with `name` and `seenHash`.");
        }
        // Accepted is what the person saw: a definition that changed again in between stays where it is.
        var acceptance = await parts.AcceptDefinition(connection, new ShownDefinition(nameNode.GetString()!, hashNode.GetString()!), call.Identity, call.Gone).ConfigureAwait(false);
        if (acceptance.Complaint is { } complaint) return new ApiAnswer.Problem(StatusCodes.Status409Conflict, RefusalCode.Quarantined, complaint);
        return new ApiAnswer.Document(json =>
        {
            json.WriteStartObject();
            json.WriteNumber("accepted", acceptance.Accepted);
            json.WriteEndObject();
        });
    }

    private static ValueTask<ApiAnswer> GetPolicy(ControlParts parts, ApiCall call)
    {
        _ = call.Identity;
        var status = parts.Policies.Status;
        return ValueTask.FromResult<ApiAnswer>(new ApiAnswer.Document(json =>
        {
            json.WriteStartObject();
            json.WriteNumber("version", status.Set.Version.Number);
            json.WriteString("hash", status.Set.Version.Hash.ToString());
            json.WriteStartArray("files");
            foreach (var file in status.Applied.Files) json.WriteStringValue(Path.GetFileName(file.Path));
            json.WriteEndArray();
            json.WriteString("source", status.Applied.Source);
            json.WriteBoolean("differsFromFolder", status.DiffersFromFolder);
            ApiDocuments.Instant(json, "appliedAt", status.Applied.AppliedAt);
            json.WriteString("complaint", status.Complaint);
            json.WriteEndObject();
        }));
    }

    private static async ValueTask<ApiAnswer> ListApprovalsAsync(ControlParts parts, ApiCall call)
    {
        var now = parts.Clock.GetUtcNow();
        var holds = await parts.Holds.ListAsync(null, MaxHolds, call.Gone).ConfigureAwait(false);
        return ApiAnswer.List(
            holds.Where(hold => parts.Desk.MaySee(hold, call.Identity)),
            (json, hold) => ApiDocuments.Hold(json, hold, call.Identity, parts.Desk.MayAnswer(hold, call.Identity), parts.PublicUrl, withRequest: false, now));
    }

    private static async ValueTask<ApiAnswer> GetApprovalAsync(ControlParts parts, ApiCall call)
    {
        var hold = await parts.Holds.FindAsync(call.Value("id"), call.Gone).ConfigureAwait(false);
        if (hold is null || !parts.Desk.MaySee(hold, call.Identity)) return ApiAnswer.NotFound();
        // What somebody else asked for is shown to a person in a browser only: a stolen token must not read it.
        var withRequest = hold.Requester == call.Identity.Key || call.Identity.InteractiveSince is not null;
        return new ApiAnswer.Document(json => ApiDocuments.Hold(json, hold, call.Identity, parts.Desk.MayAnswer(hold, call.Identity), parts.PublicUrl, withRequest, parts.Clock.GetUtcNow()));
    }

    private static bool MaySee(ControlParts parts, Identity identity, Connection connection)
    {
        var now = parts.Clock.GetUtcNow();
        IPolicySource policies = parts.Policies;
        return policies.Consider(identity, GatewayVocabulary.Glimpse(connection, now), now) != Possibility.Never;
    }
}
