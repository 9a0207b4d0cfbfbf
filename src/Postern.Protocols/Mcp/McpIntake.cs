using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Postern.Core.Json;
using Postern.Core.Operations;
using Postern.Protocols.Mcp.Wire;

namespace Postern.Protocols.Mcp;

/// <summary>From the bytes of one POST to an exchange that can run, or to the reason why there is none.</summary>
internal sealed class McpIntake(McpGateway gateway)
{
    /// <summary>
    /// Reads one message: an exchange to run, or the question that it answers, or why it is refused. Without a wait in
    /// between, so that what was checked is what runs.
    /// </summary>
    public McpExchange? Read(HttpContext http, Connection connection, Identity identity, ReadOnlyMemory<byte> body, out Refused? refused, out ServerAsk? ask)
    {
        ask = null;

        // One meaning for every reader, before anyone reads.
        if (StrictJson.Check(body.Span, JsonRpcReader.MaxDepth) is { } json)
        {
            refused = Refused.Of(json);
            return null;
        }
        var message = JsonRpcReader.Read(body.Span);
        if (message.Kind == JsonRpcKind.Invalid)
        {
            refused = new Refused(400, message.IsNotJson ? JsonRpcCodes.ParseError : JsonRpcCodes.InvalidRequest, message.Fault!);
            return null;
        }
        var rawId = message.Kind == JsonRpcKind.Request ? Encoding.UTF8.GetString(message.Id.Of(body.Span)) : null;
        var headers = McpRequestHeaders.Of(http);
        var mismatch = McpHeaders.Check(headers.Version, headers.Method, headers.Name, message, out var era);
        if (headers.IsDoubled) mismatch = new HeaderFault(JsonRpcCodes.HeaderMismatch, "a header stands there twice");
        if (mismatch is not null)
        {
            refused = new Refused(400, mismatch.Code, mismatch.Message) { RawId = rawId, UnsupportedVersion = mismatch.IsVersion ? headers.Version : null };
            return null;
        }
        McpSession? session = null;
        if (era == McpEra.Sessions && message.Method != McpMethods.Initialize && !TrySession(http, identity, connection, out session))
        {
            refused = Refused.NoSession(rawId);
            return null;
        }
        if (message.Kind is JsonRpcKind.Result or JsonRpcKind.Error)
        {
            // A response is let in only as the answer to a question that this session was asked and has not answered (row P08).
            ask = message.Id.IsEmpty ? null : session?.Asks.TryTake(Encoding.UTF8.GetString(message.Id.Of(body.Span)));
            refused = null;
            return null;
        }
        if (message.Method == McpMethods.Cancelled && message.Kind == JsonRpcKind.Notification)
        {
            // Only what this very session has in flight can be cancelled, and what the target never saw it need not hear of.
            // In the stateless era it is the closed stream that cancels; some clients say it besides.
            var open = message.RequestId.IsEmpty ? null : session?.FindOpen(Encoding.UTF8.GetString(message.RequestId.Of(body.Span)));
            if (open is null || open.TryCancel())
            {
                open?.Waiting?.Leave(); // nobody is asked any more for what will not be forwarded
                refused = open is null ? Refused.NothingToCancel : Refused.Cancelled;
                return null;
            }
        }
        // Cursors are ours to open: what is judged, recorded and forwarded holds the target's own.
        if (gateway.Cursors.Open(identity, connection, message, body) is not { } asked)
        {
            refused = new Refused(400, JsonRpcCodes.InvalidParams, "`params.cursor` was not given out for this list, or by this run of the gateway; begin the list anew") { RawId = rawId };
            return null;
        }
        if (!asked.Equals(body)) message = JsonRpcReader.Read(asked.Span);
        if (era != McpEra.Stateless || message.RequestState.IsEmpty) return Prepare(http, connection, identity, era, session, headers, message, rawId, asked, null, out refused);

        // What a client brings back is ours to open: the target gets what it gave, and nothing else.
        if (gateway.States.Open(message, asked) is not { } returned)
        {
            refused = Refused.NotOurs(rawId);
            return null;
        }
        return Prepare(http, connection, identity, era, session, headers, JsonRpcReader.Read(returned.Body.Span), rawId, returned.Body, returned, out refused);
    }

    /// <summary>What the message says in <c>_meta</c> comes before what its carrier says (2025-11-25, "Trace context propagation").</summary>
    private static System.Diagnostics.ActivityContext TraceOf(in JsonRpcMessage message, HttpContext http) =>
        TraceParent.Read(message.Trace) is var said && said.TraceId != default ? said : http.Request.Headers.TryGetValue("traceparent", out var header) && header is [{ } text] ? TraceParent.Read(text) : default;

    private McpExchange? Prepare(
        HttpContext http, Connection connection, Identity identity, McpEra era, McpSession? session, McpRequestHeaders headers, in JsonRpcMessage message, string? rawId, ReadOnlyMemory<byte> body, ReturnedState? returned, out Refused? refused)
    {
        var pin = McpOperations.DefinitionOf(message, body) is ({ } fact, { } defined) ? gateway.Definitions.PinOf(connection.Name, fact, defined) : default;
        var origin = new McpOrigin(connection, session?.Run, session?.ClientName ?? message.ClientName) { Trace = TraceOf(message, http) };
        if (!McpOperations.TryRead(origin, era, message, body, pin, returned?.Continues, gateway.Tasks.PartsOf(identity, origin, message, body), gateway.Services.Clock.GetUtcNow(), out var operation, out var fault))
        {
            refused = new Refused(fault.Status, fault.Code, fault.Message) { RawId = rawId };
            return null;
        }
        IReadOnlyList<KeyValuePair<string, string>> mirrored = [];
        if (era == McpEra.Stateless)
        {
            mirrored = McpParamHeaders.Verified(http.Request.Headers, gateway.Definitions.Find(connection.Name, McpVocabulary.Tool, message.Name ?? ""), message, body, out var isWrong);
            if (isWrong)
            {
                refused = new Refused(400, JsonRpcCodes.HeaderMismatch, "`Mcp-Param-*` must say what the arguments say") { RawId = rawId };
                return null;
            }
        }
        if (returned is not null && !gateway.States.TryUse(returned, identity, operation))
        {
            refused = Refused.NotOurs(rawId);
            return null;
        }
        var open = session is null || rawId is null ? null : new OpenRequest(rawId, message.Method!, operation.Parts[0].Facts.IsDefaultOrEmpty ? null : operation.Parts[0].Facts[0]);
        if (open is not null && !session!.TryOpen(open))
        {
            refused = new Refused(400, JsonRpcCodes.InvalidRequest, "a request with this `id` is in flight already") { RawId = rawId };
            return null;
        }
        refused = null;
        var call = new McpCall
        {
            HttpMethod = "POST",
            Era = era,
            Version = headers.Version,
            Method = message.Method,
            ClientName = message.ClientName,
            RawId = rawId,
            ProgressToken = message.ProgressToken.IsEmpty ? null : Encoding.UTF8.GetString(message.ProgressToken.Of(body.Span)),
            Session = session,
            LegsBehind = operation.Continues?.Leg ?? 0,
            Open = open,
            MethodHeader = headers.Method,
            NameHeader = headers.Name,
            ParamHeaders = mirrored,
        };
        return new McpExchange(gateway, http, identity, origin, operation, call);
    }

    /// <summary>The session that a request names, if it names one; false for one that is not this caller's.</summary>
    public bool TrySession(HttpContext http, Identity identity, Connection connection, out McpSession? session)
    {
        session = null;
        if (!http.Request.Headers.TryGetValue(McpHeaders.SessionId, out var ids)) return true;
        session = ids is [{ } id] ? gateway.Sessions.Find(id, identity, connection) : null;
        return session is not null;
    }
}

/// <summary>The headers that MCP reads, as they stand.</summary>
[System.Runtime.InteropServices.StructLayout(System.Runtime.InteropServices.LayoutKind.Auto)]
internal readonly record struct McpRequestHeaders(string? Version, string? Method, string? Name, bool IsDoubled)
{
    public static McpRequestHeaders Of(HttpContext http)
    {
        var version = http.Request.Headers[McpHeaders.ProtocolVersion];
        var method = http.Request.Headers[McpHeaders.Method];
        var name = http.Request.Headers[McpHeaders.Name];
        return new McpRequestHeaders(Single(version), Single(method), Single(name), version.Count > 1 || method.Count > 1 || name.Count > 1);
    }

    private static string? Single(StringValues values) => values.Count == 1 ? values[0] : null;
}

/// <summary>Why a request is refused before it is an operation. The message is ours; nothing of the request is in it but the id and version.</summary>
internal sealed record Refused(int Status, int Code, string Message)
{
    public static readonly Refused Stray = new(400, JsonRpcCodes.InvalidRequest, "a response to nothing that was asked");

    /// <summary>Notifications are not answered: these two are taken and go no further.</summary>
    public static readonly Refused NothingToCancel = new(202, JsonRpcCodes.InvalidRequest, "a cancellation of nothing that this session has in flight");

    public static readonly Refused Cancelled = new(202, JsonRpcCodes.InvalidRequest, "cancelled before it was forwarded");

    public string? RawId { get; init; }

    public string? UnsupportedVersion { get; init; }

    public static Refused NoSession(string? rawId) => new(404, JsonRpcCodes.SessionUnknown, "session not found; initialize again") { RawId = rawId };

    // One text for every reason, so that nobody learns by trying which of them it is.
    public static Refused NotOurs(string? rawId) => new(400, JsonRpcCodes.InvalidParams, "`requestState` was not given out for this call, was used already, or is over; make the call anew without it") { RawId = rawId };

    public static Refused Of(JsonFault fault) => new(
        400,
        fault.Kind is JsonFaultKind.DuplicateName or JsonFaultKind.TooDeep or JsonFaultKind.TooManyNames or JsonFaultKind.NulInName ? JsonRpcCodes.InvalidRequest : JsonRpcCodes.ParseError,
        fault.Message);
}
