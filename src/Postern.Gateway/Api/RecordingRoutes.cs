using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Core.Recording;
using Postern.Gateway.Policies;
using Postern.Gateway.Recordings;
using Postern.Gateway.Recordings.Search;

namespace Postern.Gateway.Api;

/// <summary>
/// The routes of the control API that read recordings: everyone's own, and with <c>sessions.read</c> everybody's, which the one path
/// decides and records. Reading one's own is recorded too, by the server of the routes (G18).
/// </summary>
internal static class RecordingRoutes
{
    private const int MaxSessions = 200;
    private const int MaxOperations = 1_000;
    private const int MaxReason = 1_000;

    public static ImmutableArray<ApiRoute> Of(RecordingIndex index, SessionEnding ending) =>
    [
        new("listSessions", "GET", "/sessions") { Access = ApiAccess.Signed, Action = "sessions.own", Wider = GatewayVocabulary.ReadSessions, TellsRecordings = true, Handle = call => ListAsync(index, call) },
        new("searchSessions", "POST", "/sessions/search") { Access = ApiAccess.Signed, Action = "sessions.own", Wider = GatewayVocabulary.ReadSessions, TellsRecordings = true, Body = SearchBody.Members, Handle = call => SearchAsync(index, call) },
        new("getSession", "GET", "/sessions/{id}") { Access = ApiAccess.Signed, Action = "sessions.own", Wider = GatewayVocabulary.ReadSessions, TellsRecordings = true, Handle = call => GetSessionAsync(index, call) },
        new("endSession", "POST", "/sessions/{id}/end") { Access = ApiAccess.Asking, Action = "sessions.leave", Wider = GatewayVocabulary.EndSessions, Body = ["reason"], Handle = call => EndSessionAsync(index, ending, call) },
        new("getOperation", "GET", "/operations/{id}") { Access = ApiAccess.Signed, Action = "operations.own", Wider = GatewayVocabulary.ReadSessions, TellsRecordings = true, Handle = call => GetOperationAsync(index, call) },
    ];

    /// <summary>Whose recordings a call may read; null for everybody's.</summary>
    private static string? OwnerOf(ApiCall call) => call.IsWider ? null : call.Identity.Key;

    private static async ValueTask<ApiAnswer> ListAsync(RecordingIndex index, ApiCall call) =>
        ApiAnswer.List(await index.ListSessionsAsync(new SessionFilter(OwnerOf(call), Limit: MaxSessions), call.Gone).ConfigureAwait(false), (json, session) => WriteSession(json, session, index));

    private static async ValueTask<ApiAnswer> SearchAsync(RecordingIndex index, ApiCall call)
    {
        if (SearchBody.Read(call.Body, out var problem) is not { } filter) return new ApiAnswer.Problem(StatusCodes.Status400BadRequest, RefusalCode.InvalidRequest, problem);
        // Which rule forbids is not told; to be able to ask for each would tell it.
        if (filter.Rule is not null && !call.IsWider) return new ApiAnswer.Problem(StatusCodes.Status400BadRequest, RefusalCode.InvalidRequest, $"Which rules matched is told to whom a policy grants `{GatewayVocabulary.ReadSessions}`. Leave out `rule`.");
        var page = await index.SearchAsync(filter with { Owner = OwnerOf(call) }, call.Gone).ConfigureAwait(false);
        return new ApiAnswer.Document(json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("items");
            foreach (var found in page.Operations) WriteFound(json, found, call.IsWider);
            json.WriteEndArray();
            if (page.Next is { } next) json.WriteNumber("next", next);
            else json.WriteNull("next");
            json.WriteBoolean("complete", page.IsComplete);
            json.WriteEndObject();
        });
    }

    private static void WriteFound(Utf8JsonWriter json, FoundOperation found, bool isWider)
    {
        json.WriteStartObject();
        json.WriteString("session", found.Operation.Session);
        json.WriteString("identity", found.Identity);
        json.WriteString("name", found.Name);
        json.WriteString("agent", found.Agent);
        json.WriteString("client", found.Client);
        json.WriteString("connection", found.Connection);
        json.WriteString("protocol", found.Protocol);
        WriteMembers(json, found.Operation, isWider);
        json.WriteEndObject();
    }

    private static async ValueTask<ApiAnswer> GetSessionAsync(RecordingIndex index, ApiCall call)
    {
        if (!TryNumber(call, "after", out var after) || !TryNumber(call, "limit", out var limit)) return new ApiAnswer.Problem(StatusCodes.Status400BadRequest, RefusalCode.InvalidRequest, "Expected `after` and `limit` to be whole numbers.");
        var most = (int)Math.Clamp(limit ?? MaxOperations, 1, MaxOperations);
        if (await index.GetSessionAsync(call.Value("id"), OwnerOf(call), call.Gone, after ?? 0, most).ConfigureAwait(false) is not { } detail) return ApiAnswer.NotFound();
        return new ApiAnswer.Document(json =>
        {
            json.WriteStartObject();
            json.WritePropertyName("session");
            WriteSession(json, detail.Session, index);
            json.WriteStartArray("operations");
            foreach (var operation in detail.Operations) WriteOperation(json, operation, call.IsWider);
            json.WriteEndArray();
            // Where to go on, when there is more than one answer holds.
            if (detail.Operations.Length == most) json.WriteNumber("next", detail.Operations[^1].Sequence);
            else json.WriteNull("next");
            json.WriteStartArray("countedDenials");
            foreach (var denial in detail.CountedDenials)
            {
                json.WriteStartObject();
                ApiDocuments.Instant(json, "from", denial.From);
                ApiDocuments.Instant(json, "to", denial.To);
                json.WriteNumber("count", denial.Count);
                json.WriteString("summary", denial.Summary);
                json.WriteString("code", denial.Code);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        });
    }

    private static async ValueTask<ApiAnswer> EndSessionAsync(RecordingIndex index, SessionEnding ending, ApiCall call)
    {
        var reason = call.Body is { ValueKind: JsonValueKind.Object } body && body.TryGetProperty("reason", out var said) ? said.ValueKind == JsonValueKind.String ? said.GetString() : null : "";
        if (reason is null or { Length: > MaxReason }) return new ApiAnswer.Problem(StatusCodes.Status400BadRequest, RefusalCode.InvalidRequest, $"Expected `reason` to be a text of at most {MaxReason} characters.");
        var id = call.Value("id");
        if (await index.GetSessionAsync(id, OwnerOf(call), call.Gone, limit: 1).ConfigureAwait(false) is null) return ApiAnswer.NotFound();
        var cut = await ending.EndAsync(id, call.Identity, reason, call.Running, call.Gone).ConfigureAwait(false);
        return new ApiAnswer.Document(json =>
        {
            json.WriteStartObject();
            json.WriteString("session", id);
            json.WriteNumber("ended", cut);
            json.WriteEndObject();
        });
    }

    private static async ValueTask<ApiAnswer> GetOperationAsync(RecordingIndex index, ApiCall call)
    {
        if (!OperationId.TryParse(call.Value("id"), out var id)) return ApiAnswer.NotFound();
        if (await index.GetOperationAsync(id, OwnerOf(call), call.Gone).ConfigureAwait(false) is not { } operation) return ApiAnswer.NotFound();
        return new ApiAnswer.Document(json => WriteWhole(json, operation, call.IsWider));
    }

    private static void WriteSession(Utf8JsonWriter json, SessionSummary session, RecordingIndex index)
    {
        json.WriteStartObject();
        json.WriteString("id", session.Id);
        json.WriteString("identity", session.Identity);
        json.WriteString("name", session.Name);
        json.WriteString("agent", session.Agent);
        json.WriteString("client", session.Client);
        json.WriteString("connection", session.Connection);
        json.WriteString("protocol", session.Protocol);
        ApiDocuments.Instant(json, "started", session.Started);
        ApiDocuments.Instant(json, "last", session.Last);
        json.WriteNumber("operations", session.Operations);
        json.WriteNumber("done", session.Done);
        json.WriteNumber("denied", session.Denied);
        json.WriteNumber("pending", session.Pending);
        json.WriteNumber("failed", session.Failed);
        json.WriteNumber("open", session.Open);
        json.WriteNumber("maskedValues", session.MaskedValues);
        json.WriteString("erased", index.ErasureOf(session.Id) is { } erasure ? new ClosedContent(erasure).ToString() : null);
        json.WriteEndObject();
    }

    private static bool TryNumber(ApiCall call, string name, out long? number)
    {
        number = null;
        if (call.Query(name) is not { } text) return true;
        if (!long.TryParse(text, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var read)) return false;
        number = read;
        return true;
    }

    private static void WriteOperation(Utf8JsonWriter json, OperationSummary operation, bool isWider)
    {
        json.WriteStartObject();
        WriteMembers(json, operation, isWider);
        json.WriteEndObject();
    }

    private static void WriteMembers(Utf8JsonWriter json, OperationSummary operation, bool isWider)
    {
        json.WriteString("id", operation.Id);
        ApiDocuments.Instant(json, "at", operation.At);
        json.WriteString("action", operation.Action);
        json.WriteString("summary", operation.Summary);
        json.WriteString("decision", operation.Decision);
        // Which rule forbids is not told: for a hidden name it would say that there is one.
        json.WriteString("rule", operation.Decision == "deny" && !isWider ? null : operation.Rule);
        json.WriteString("outcome", operation.Outcome);
        json.WriteString("code", operation.Code);
        json.WriteString("hold", operation.Hold);
        if (operation.EndedAt is { } ended) ApiDocuments.Instant(json, "endedAt", ended);
        json.WriteNumber("replyBytes", operation.ReplyBytes);
        json.WriteNumber("maskedValues", operation.MaskedValues);
        json.WriteNumber("sequence", operation.Sequence);
    }

    private static void WriteWhole(Utf8JsonWriter json, RecordedOperation operation, bool isWider)
    {
        var intent = operation.Intent;
        json.WriteStartObject();
        json.WriteString("id", intent.Op);
        json.WriteString("session", intent.Session);
        ApiDocuments.Instant(json, "at", intent.At);
        json.WriteString("identity", intent.Identity.Key);
        json.WriteString("agent", intent.Identity.Agent);
        json.WriteString("client", intent.Client);
        json.WriteString("connection", intent.Connection.Name);
        json.WriteString("protocol", intent.Connection.Protocol);
        json.WriteString("decision", intent.Decision.Kind);
        json.WriteString("rule", intent.Decision.Kind == "deny" && !isWider ? null : intent.Decision.RuleLabel);
        json.WriteNumber("policyVersion", intent.Decision.Version);
        json.WriteString("outcome", operation.Ending?.Outcome);
        json.WriteString("code", operation.Ending?.Code);
        json.WriteString("hold", operation.Clearing?.Hold ?? operation.Ending?.Hold);
        json.WriteString("closed", operation.Closed?.ToString());
        json.WriteBoolean("matchesDigests", operation.MatchesDigests);
        json.WriteString("request", Encoding.UTF8.GetString(operation.Request.Span));
        json.WriteString("requestDigest", intent.Request.Sha256);
        json.WriteStartArray("frames");
        foreach (var frame in operation.Frames)
        {
            json.WriteStartObject();
            ApiDocuments.Instant(json, "at", frame.Frame.At);
            json.WriteString("direction", frame.Frame.Dir);
            json.WriteNumber("bytes", frame.Frame.Bytes);
            json.WriteNumber("maskedValues", frame.Frame.Masked);
            json.WriteString("content", Encoding.UTF8.GetString(frame.Content.Span));
            // Frames of a protocol of bytes cannot stand in a text.
            if (!System.Text.Unicode.Utf8.IsValid(frame.Content.Span)) json.WriteBase64String("contentBase64", frame.Content.Span);
            json.WriteString("notKept", frame.NotKept);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }
}
