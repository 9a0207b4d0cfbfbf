using System.Collections.Immutable;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Postern.Core.Pipeline;
using Postern.Core.Recording;
using Postern.Gateway.Policies;
using Postern.Gateway.Recordings.Keys;
using Postern.Gateway.Recordings.Retention;

namespace Postern.Gateway.Api;

/// <summary>What the routes on keeping and erasing work on.</summary>
internal sealed record RetentionRouteParts(SessionEraser Eraser, DataKeyFile Keys, TimeProvider Clock);

/// <summary>
/// The routes that erase a session, forbid it, and allow it again. To forbid costs nobody anything, so a token is enough where a rule says so; the
/// other two take the person, or others who agree.
/// </summary>
internal static class RetentionRoutes
{
    private const int MaxReason = 1_000;

    public static ImmutableArray<ApiRoute> Of(RetentionRouteParts parts) =>
    [
        new("eraseSession", "POST", "/sessions/{id}/erase") { Access = ApiAccess.Judged, Action = GatewayVocabulary.EraseSessions, NeedsPresence = true, Body = ["reason"], Handle = call => EraseAsync(parts, call) },
        new("holdSession", "POST", "/sessions/{id}/hold") { Access = ApiAccess.Judged, Action = GatewayVocabulary.HoldSessions, Body = ["reason"], Handle = call => HoldAsync(parts, call) },
        new("releaseSession", "POST", "/sessions/{id}/release") { Access = ApiAccess.Judged, Action = GatewayVocabulary.ReleaseSessions, NeedsPresence = true, Body = ["reason"], Handle = call => ReleaseAsync(parts, call) },
        new("listLegalHolds", "GET", "/legal-holds") { Access = ApiAccess.Signed, Action = GatewayVocabulary.HoldSessions, Handle = call => ListAsync(parts, call) },
    ];

    private static async ValueTask<ApiAnswer> EraseAsync(RetentionRouteParts parts, ApiCall call)
    {
        if (ReasonOf(call) is not { } reason) return NoReason();
        var at = parts.Clock.GetUtcNow();
        var (outcome, operations) = await parts.Eraser.EraseAsync(call.Value("id"), new Erasure(at, call.Identity.Key, reason, IsExpiry: false), call.Gone).ConfigureAwait(false);
        return outcome switch
        {
            EraseOutcome.Erased => new ApiAnswer.Document(json =>
            {
                json.WriteStartObject();
                json.WriteString("session", call.Value("id"));
                json.WriteString("state", "erased");
                ApiDocuments.Instant(json, "at", at);
                json.WriteNumber("operations", operations);
                json.WriteEndObject();
            }),
            EraseOutcome.Already => Conflict("It was erased before."),
            EraseOutcome.Held => Conflict("It is under legal hold. Whoever may release it does so first."),
            EraseOutcome.Live => Conflict("An operation of it is under way, or waits for people. Erase it when that has ended."),
            EraseOutcome.Plain => Conflict("It was recorded before what was said was sealed, and has no key that could be destroyed."),
            _ => ApiAnswer.NotFound(),
        };
    }

    private static async ValueTask<ApiAnswer> HoldAsync(RetentionRouteParts parts, ApiCall call)
    {
        if (ReasonOf(call) is not { } reason) return NoReason();
        return await parts.Eraser.HoldAsync(call.Value("id"), call.Identity.Key, reason, call.Gone).ConfigureAwait(false) is null ? ApiAnswer.NotFound() : State(call, "held");
    }

    private static async ValueTask<ApiAnswer> ReleaseAsync(RetentionRouteParts parts, ApiCall call)
    {
        if (ReasonOf(call) is not { } reason) return NoReason();
        return await parts.Eraser.ReleaseAsync(call.Value("id"), call.Identity.Key, reason).ConfigureAwait(false) ? State(call, "released") : ApiAnswer.NotFound();
    }

    private static async ValueTask<ApiAnswer> ListAsync(RetentionRouteParts parts, ApiCall call)
    {
        _ = call.Identity;
        return ApiAnswer.List(await parts.Keys.HeldAsync().ConfigureAwait(false), static (json, hold) =>
        {
            json.WriteStartObject();
            json.WriteString("session", hold.Session);
            ApiDocuments.Instant(json, "at", new DateTimeOffset(hold.At, TimeSpan.Zero));
            json.WriteString("by", hold.By);
            json.WriteString("reason", hold.Why);
            json.WriteEndObject();
        });
    }

    private static ApiAnswer.Document State(ApiCall call, string state) => new(json =>
    {
        json.WriteStartObject();
        json.WriteString("session", call.Value("id"));
        json.WriteString("state", state);
        json.WriteEndObject();
    });

    private static string? ReasonOf(ApiCall call) =>
        call.Body is { ValueKind: JsonValueKind.Object } body && body.TryGetProperty("reason", out var reason) && reason.ValueKind == JsonValueKind.String && reason.GetString() is { Length: > 0 and <= MaxReason } text && !string.IsNullOrWhiteSpace(text) ? text : null;

    private static ApiAnswer.Problem NoReason() => new(StatusCodes.Status400BadRequest, RefusalCode.InvalidRequest, $"Expected `reason`, a text of at most {MaxReason} characters: it stays in the record when what was said is gone.");

    private static ApiAnswer.Problem Conflict(string why) => new(StatusCodes.Status409Conflict, RefusalCode.NotPermitted, why);
}
