using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Postern.Core.Grants;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Core.Policy;
using Postern.Gateway.Api;
using Postern.Gateway.Policies;

namespace Postern.Gateway.Grants;

/// <summary>What the routes on grants work on.</summary>
internal sealed record GrantParts(GrantDesk Desk, IGrantStore Store, IPolicySource Policies, string PublicUrl, TimeProvider Clock);

/// <summary>The routes of the control API on what may be asked for and what was granted. Asking gains nothing before people agreed.</summary>
internal static class GrantRoutes
{
    private const int MaxListed = 200;

    public static ImmutableArray<ApiRoute> Of(GrantParts parts) =>
    [
        new("listRequests", "GET", "/requests") { Access = ApiAccess.Signed, Action = "requests.list", Handle = call => ListEntries(parts, call) },
        new("askForGrant", "POST", "/requests/{entry}") { Access = ApiAccess.Asking, Action = "requests.ask", Body = ["reason", "for", "agent"], Handle = call => AskAsync(parts, call) },
        new("listGrants", "GET", "/grants") { Access = ApiAccess.Signed, Action = "grants.own", Wider = GatewayVocabulary.ReadGrants, Handle = call => ListAsync(parts, call) },
        new("getGrant", "GET", "/grants/{id}") { Access = ApiAccess.Signed, Action = "grants.own", Wider = GatewayVocabulary.ReadGrants, Handle = call => GetAsync(parts, call) },
        new("revokeGrant", "POST", "/grants/{id}/revoke") { Access = ApiAccess.Asking, Action = "grants.giveUp", Wider = GatewayVocabulary.RevokeGrants, Body = ["reason"], Handle = call => RevokeAsync(parts, call) },
    ];

    private static ValueTask<ApiAnswer> ListEntries(GrantParts parts, ApiCall call) => ValueTask.FromResult<ApiAnswer>(ApiAnswer.List(parts.Desk.EntriesFor(call.Identity), (json, entry) =>
    {
        json.WriteStartObject();
        json.WriteString("id", entry.Id);
        json.WritePropertyName("permits");
        json.WriteRawValue(entry.Scope.Span);
        json.WriteString("default", GrantText.Of(entry.Default));
        json.WriteString("max", GrantText.Of(entry.Max));
        json.WriteBoolean("breakGlass", entry.IsBreakGlass);
        json.WriteString("url", $"{parts.PublicUrl}/request/{entry.Id}");
        ApiDocuments.Needs(json, entry.Terms);
        json.WriteEndObject();
    }));

    private static async ValueTask<ApiAnswer> AskAsync(GrantParts parts, ApiCall call)
    {
        if (await call.BodyAsync().ConfigureAwait(false) is not { ValueKind: JsonValueKind.Object } body || Text(body, "reason") is not { } reason) return Invalid("Expected a JSON object with `reason`, and `for` and `agent` if they are to be other than the usual ones.");
        TimeSpan? length = null;
        if (body.TryGetProperty("for", out var lasting))
        {
            if (lasting.ValueKind != JsonValueKind.String || !GrantText.TryParseDuration(lasting.GetString()!, out var parsed)) return Invalid("Expected `for` as a duration such as `30m` or `1h30m`.");
            length = parsed;
        }
        var agent = body.TryGetProperty("agent", out _) ? Text(body, "agent") : call.Identity.Agent;
        var entry = call.Value("entry");
        return await parts.Desk.AskAsync(call.Identity, new GrantAsk(entry, length, reason, string.IsNullOrEmpty(agent) ? null : agent), call.Gone).ConfigureAwait(false) switch
        {
            GrantAnswer.Asked asked => Document(parts, asked.Grant, call.Identity),
            GrantAnswer.Given given => Document(parts, given.Grant, call.Identity),
            GrantAnswer.Invalid invalid => Invalid(invalid.Complaint),
            GrantAnswer.NotFresh => new ApiAnswer.Problem(StatusCodes.Status403Forbidden, RefusalCode.NotPermitted, $"Breaking the glass needs a person in a browser who signed in just now: {parts.PublicUrl}/request/{entry}"),
            _ => ApiAnswer.NotFound(),
        };
    }

    private static async ValueTask<ApiAnswer> ListAsync(GrantParts parts, ApiCall call)
    {
        var grants = await parts.Store.ListAsync(null, MaxListed, call.Gone).ConfigureAwait(false);
        return ApiAnswer.List(grants.Where(grant => call.IsWider || parts.Desk.MaySee(grant, call.Identity)), (json, grant) => Write(json, parts, grant, call.Identity));
    }

    private static async ValueTask<ApiAnswer> GetAsync(GrantParts parts, ApiCall call)
    {
        return await parts.Store.FindAsync(call.Value("id"), call.Gone).ConfigureAwait(false) is { } grant && (call.IsWider || parts.Desk.MaySee(grant, call.Identity))
            ? Document(parts, grant, call.Identity)
            : ApiAnswer.NotFound();
    }

    private static async ValueTask<ApiAnswer> RevokeAsync(GrantParts parts, ApiCall call)
    {
        var reason = await call.BodyAsync().ConfigureAwait(false) is { ValueKind: JsonValueKind.Object } body ? Text(body, "reason") ?? "" : "";
        var id = call.Value("id");
        return await parts.Desk.RevokeAsync(id, call.Identity, reason, call.IsWider, call.Gone).ConfigureAwait(false) switch
        {
            GrantRevocation.Revoked when await parts.Store.FindAsync(id, call.Gone).ConfigureAwait(false) is { } grant => Document(parts, grant, call.Identity),
            GrantRevocation.NotFresh => new ApiAnswer.Problem(StatusCodes.Status403Forbidden, RefusalCode.NotPermitted, $"Taking back what is somebody else's needs a person in a browser who signed in just now: {parts.PublicUrl}/grants/{id}"),
            GrantRevocation.Over => new ApiAnswer.Problem(StatusCodes.Status409Conflict, RefusalCode.InvalidRequest, "It is not in force, so there is nothing to take back."),
            _ => ApiAnswer.NotFound(),
        };
    }

    private static ApiAnswer.Problem Invalid(string complaint) => new(StatusCodes.Status400BadRequest, RefusalCode.InvalidRequest, complaint);

    private static string? Text(JsonElement body, string name) => body.TryGetProperty(name, out var node) && node.ValueKind == JsonValueKind.String ? node.GetString() : null;

    private static ApiAnswer.Document Document(GrantParts parts, Grant grant, Identity viewer) => new(json => Write(json, parts, grant, viewer));

    private static void Write(Utf8JsonWriter json, GrantParts parts, Grant grant, Identity viewer)
    {
        json.WriteStartObject();
        json.WriteString("id", grant.Id);
        json.WriteString("state", GrantView.StateAt(grant, parts.Clock.GetUtcNow()) switch { GrantState.Asked => "asked", GrantState.Active => "active", GrantState.NotGiven => "not_given", GrantState.Revoked => "revoked", _ => "ended" });
        json.WriteString("request", grant.Entry);
        json.WriteString("holder", grant.Holder);
        json.WriteString("holderName", grant.HolderName);
        json.WriteString("agent", grant.Agent);
        json.WriteString("reason", grant.Reason);
        json.WriteString("for", GrantText.Of(grant.Duration));
        json.WriteBoolean("breakGlass", grant.IsBreakGlass);
        ApiDocuments.Instant(json, "askedAt", grant.AskedAt);
        if (grant.GivenAt is { } given) ApiDocuments.Instant(json, "givenAt", given);
        if (grant.EndsAt is { } ends) ApiDocuments.Instant(json, "endsAt", ends);
        if (grant.ClosedAt is { } closed) ApiDocuments.Instant(json, "closedAt", closed);
        json.WriteString("closedBy", grant.ClosedBy);
        json.WriteString("closedBecause", grant.ClosedBecause);
        json.WriteStartArray("approvers");
        foreach (var approver in grant.Approvers) json.WriteStringValue(approver);
        json.WriteEndArray();
        json.WriteBoolean("mine", grant.Holder == viewer.Key);
        json.WritePropertyName("permits");
        json.WriteRawValue(Encoding.UTF8.GetBytes(grant.Scope));
        json.WriteString("url", $"{parts.PublicUrl}/grants/{grant.Id}");
        if (grant.Hold is { } hold) json.WriteString("approvalUrl", $"{parts.PublicUrl}/approve/{hold}");
        json.WriteEndObject();
    }
}
