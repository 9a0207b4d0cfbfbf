using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using Postern.Core.Operations;
using Postern.Core.Recording;
using Postern.Gateway.Recordings;

namespace Postern.Gateway.Api;

/// <summary>
/// The routes of the control API that read recordings: everyone's own, and nobody else's. Reading a whole operation is itself
/// recorded (G18).
/// </summary>
internal static class RecordingRoutes
{
    private const int MaxSessions = 200;

    public static ImmutableArray<ApiRoute> Of(RecordingIndex index, IRecorder recorder, TimeProvider clock) =>
    [
        new("listSessions", "GET", "/sessions") { Access = ApiAccess.Signed, Action = "sessions.own", Handle = call => ListAsync(index, call) },
        new("getSession", "GET", "/sessions/{id}") { Access = ApiAccess.Signed, Action = "sessions.own", Handle = call => GetSessionAsync(index, call) },
        new("getOperation", "GET", "/operations/{id}") { Access = ApiAccess.Signed, Action = "operations.own", Handle = call => GetOperationAsync(index, recorder, clock, call) },
    ];

    private static async ValueTask<ApiAnswer> ListAsync(RecordingIndex index, ApiCall call)
    {
        await index.CatchUpAsync(call.Gone).ConfigureAwait(false);
        return ApiAnswer.List(await index.ListSessionsAsync(new SessionFilter(call.Identity.Key, Limit: MaxSessions), call.Gone).ConfigureAwait(false), (json, session) => WriteSession(json, session, index));
    }

    private static async ValueTask<ApiAnswer> GetSessionAsync(RecordingIndex index, ApiCall call)
    {
        await index.CatchUpAsync(call.Gone).ConfigureAwait(false);
        if (await index.GetSessionAsync(call.Value("id"), call.Identity.Key, call.Gone).ConfigureAwait(false) is not { } detail) return ApiAnswer.NotFound();
        return new ApiAnswer.Document(json =>
        {
            json.WriteStartObject();
            json.WritePropertyName("session");
            WriteSession(json, detail.Session, index);
            json.WriteStartArray("operations");
            foreach (var operation in detail.Operations) WriteOperation(json, operation);
            json.WriteEndArray();
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

    private static async ValueTask<ApiAnswer> GetOperationAsync(RecordingIndex index, IRecorder recorder, TimeProvider clock, ApiCall call)
    {
        if (!OperationId.TryParse(call.Value("id"), out var id)) return ApiAnswer.NotFound();
        await index.CatchUpAsync(call.Gone).ConfigureAwait(false);
        if (await index.GetOperationAsync(id, call.Identity.Key, call.Gone).ConfigureAwait(false) is not { } operation) return ApiAnswer.NotFound();
        await recorder.NoteAsync(new Occurrence("recording.read", clock.GetUtcNow(), [new("operation", id.ToString()), new("by", call.Identity.Key), new("agent", call.Identity.Agent ?? "")]), CancellationToken.None).ConfigureAwait(false);
        return new ApiAnswer.Document(json => WriteWhole(json, operation));
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

    private static void WriteOperation(Utf8JsonWriter json, OperationSummary operation)
    {
        json.WriteStartObject();
        json.WriteString("id", operation.Id);
        ApiDocuments.Instant(json, "at", operation.At);
        json.WriteString("action", operation.Action);
        json.WriteString("summary", operation.Summary);
        json.WriteString("decision", operation.Decision);
        // Which rule forbids is not told: for a hidden name it would say that there is one.
        json.WriteString("rule", operation.Decision == "deny" ? null : operation.Rule);
        json.WriteString("outcome", operation.Outcome);
        json.WriteString("code", operation.Code);
        json.WriteString("hold", operation.Hold);
        if (operation.EndedAt is { } ended) ApiDocuments.Instant(json, "endedAt", ended);
        json.WriteNumber("replyBytes", operation.ReplyBytes);
        json.WriteNumber("maskedValues", operation.MaskedValues);
        json.WriteEndObject();
    }

    private static void WriteWhole(Utf8JsonWriter json, RecordedOperation operation)
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
        json.WriteString("rule", intent.Decision.Kind == "deny" ? null : intent.Decision.RuleLabel);
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
