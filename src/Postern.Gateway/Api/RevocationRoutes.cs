using System.Collections.Immutable;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Postern.Core.Pipeline;
using Postern.Core.Sessions;
using Postern.Gateway.Identities;
using Postern.Gateway.Policies;

namespace Postern.Gateway.Api;

/// <summary>What the routes on revocations work on.</summary>
internal sealed record RevocationRouteParts(IdentityRevocation Revocation, IEnumerable<string> Issuers);

/// <summary>
/// The routes that take credentials back, list what was taken back and restore it. Taking back gains nobody anything, so a token is enough where a rule says
/// so; restoring does, so it takes the person, or others who agree.
/// </summary>
internal static class RevocationRoutes
{
    private const int MaxReason = 1_000;

    public static ImmutableArray<ApiRoute> Of(RevocationRouteParts parts) =>
    [
        new("revokeIdentity", "POST", "/identities/revoke")
        {
            Access = ApiAccess.Judged, Action = "identities.leave", Wider = GatewayVocabulary.RevokeIdentities, IsOwn = IsOwn, Body = [.. RevocationSubject.Words, "block", "reason"], Handle = call => RevokeAsync(parts, call),
        },
        new("restoreIdentity", "POST", "/identities/restore")
        {
            Access = ApiAccess.Judged, Action = GatewayVocabulary.RestoreIdentities, NeedsPresence = true, Body = [.. RevocationSubject.Words, "reason"], Handle = call => RestoreAsync(parts, call),
        },
        new("listRevocations", "GET", "/identities/revoked") { Access = ApiAccess.Signed, Action = GatewayVocabulary.ReadIdentities, Handle = call => ListAsync(parts, call) },
    ];

    private static bool IsOwn(ApiCall call) =>
        call.Body is { ValueKind: JsonValueKind.Object } body && !body.TryGetProperty("block", out _) && Subject(body) is { Of: RevocationOf.Identity } subject && subject.Key == call.Identity.Key;

    private static async ValueTask<ApiAnswer> RevokeAsync(RevocationRouteParts parts, ApiCall call)
    {
        if (call.Body is not { ValueKind: JsonValueKind.Object } body || Subject(body) is not { } subject || !TryFlag(body, "block", out var isBlock) || !TryReason(body, out var reason)) return Invalid();
        // Signing out everywhere is everybody's own right; for others it is granted by name.
        var isOwn = !call.IsWider && IsOwn(call);
        if (!isOwn && !call.IsWider) return ApiAnswer.NotFound();
        if (!parts.Issuers.Contains(subject.Issuer, StringComparer.Ordinal)) return UnknownIssuer(parts);
        var revocation = parts.Revocation.Of(subject, isBlock) with { By = call.Identity.Key, Reason = reason, Source = isOwn ? "self" : "command" };
        if (!isOwn) return Answer(subject, await parts.Revocation.ApplyAsync(revocation, call.Running).ConfigureAwait(false));
        var (revoked, problem) = await parts.Revocation.EndAsync(revocation).ConfigureAwait(false);
        return problem is null ? Answer(subject, revoked) : new ApiAnswer.Problem(StatusCodes.Status503ServiceUnavailable, RefusalCode.GatewayUnavailable, problem);
    }

    private static async ValueTask<ApiAnswer> RestoreAsync(RevocationRouteParts parts, ApiCall call)
    {
        if (call.Body is not { ValueKind: JsonValueKind.Object } body || Subject(body) is not { } subject || !TryReason(body, out _)) return Invalid();
        return await parts.Revocation.RestoreAsync(subject).ConfigureAwait(false) ? Answer(subject, null) : ApiAnswer.NotFound();
    }

    private static ValueTask<ApiAnswer> ListAsync(RevocationRouteParts parts, ApiCall call)
    {
        _ = call.Identity;
        return ValueTask.FromResult<ApiAnswer>(ApiAnswer.List(parts.Revocation.All.OrderByDescending(one => one.At), static (json, one) =>
        {
            json.WriteStartObject();
            json.WriteString("of", one.Subject.Word);
            json.WriteString("subject", one.Subject.Key);
            json.WriteBoolean("block", one.IsBlock);
            ApiDocuments.Instant(json, "at", one.At);
            if (one.KeptUntil != DateTimeOffset.MaxValue) ApiDocuments.Instant(json, "until", one.KeptUntil);
            json.WriteString("source", one.Source);
            json.WriteString("by", one.By);
            json.WriteString("reason", one.Reason);
            json.WriteEndObject();
        }));
    }

    private static ApiAnswer.Document Answer(RevocationSubject subject, Revoked? revoked) => new(json =>
    {
        json.WriteStartObject();
        json.WriteString("of", subject.Word);
        json.WriteString("subject", subject.Key);
        if (revoked is not null)
        {
            json.WriteNumber("operations", revoked.Operations);
            json.WriteNumber("holds", revoked.Holds);
            json.WriteNumber("grants", revoked.Grants);
        }
        json.WriteEndObject();
    });

    /// <summary>Exactly one of the words, as a text <c>issuer:value</c>.</summary>
    private static RevocationSubject? Subject(JsonElement body)
    {
        RevocationSubject? subject = null;
        for (var at = 0; at < RevocationSubject.Words.Length; at++)
        {
            if (!body.TryGetProperty(RevocationSubject.Words[at], out var node)) continue;
            if (subject is not null || node.ValueKind != JsonValueKind.String || (subject = RevocationSubject.TryParse((RevocationOf)at, node.GetString()!)) is null) return null;
        }
        return subject;
    }

    private static bool TryFlag(JsonElement body, string name, out bool flag)
    {
        flag = body.TryGetProperty(name, out var node) && node.ValueKind == JsonValueKind.True;
        return node.ValueKind is JsonValueKind.Undefined or JsonValueKind.True or JsonValueKind.False;
    }

    private static bool TryReason(JsonElement body, out string reason)
    {
        reason = "";
        if (!body.TryGetProperty("reason", out var node)) return true;
        if (node.ValueKind != JsonValueKind.String) return false;
        reason = node.GetString()!.Trim();
        return reason.Length <= MaxReason;
    }

    private static ApiAnswer.Problem Invalid() => new(StatusCodes.Status400BadRequest, RefusalCode.InvalidRequest, $"Expected a JSON object with one of {string.Join(", ", RevocationSubject.Words.Select(word => $"`{word}`"))}, written `issuer:value`.");

    private static ApiAnswer.Problem UnknownIssuer(RevocationRouteParts parts) =>
        new(StatusCodes.Status400BadRequest, RefusalCode.InvalidRequest, $"Expected `issuer:value` with the name of a configured issuer: {string.Join(", ", parts.Issuers)}.");
}
