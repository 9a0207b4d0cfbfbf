using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;
using Postern.Core.Json;
using Postern.Core.Operations;
using Postern.Core.Recording;
using Postern.Protocols.Mcp.Wire;

namespace Postern.Protocols.Mcp;

/// <summary>What happens to one HTTP request at <c>/mcp/{connection}</c>, first byte to last. Every step can only refuse.</summary>
internal sealed class McpEndpoint(McpGateway gateway)
{
    /// <summary>The route; the connection's name is exact.</summary>
    public const string Route = "/mcp/{connection}";

    /// <summary>Largest message that a client may send.</summary>
    public const int MaxBody = 4 * 1024 * 1024;

    private readonly OriginGuard _origins = new(gateway.Services);
    private readonly ProtocolServices _services = gateway.Services;

    public async Task HandleAsync(HttpContext http)
    {
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers.XContentTypeOptions = "nosniff";

        // 1. Not led here by a foreign page or a rebound name.
        if (!_origins.Permits(http))
        {
            await RefuseAsync(http, 403, JsonRpcCodes.OriginRefused, "host or origin is not served here", "foreign host or origin").ConfigureAwait(false);
            return;
        }

        // 2. An exact connection. Whatever does not exist gets the same answer.
        var name = http.Request.RouteValues["connection"] as string ?? "";
        if (_services.Connections.Find(name) is not { Protocol: McpProtocol.ProtocolName } connection)
        {
            await RefuseAsync(http, 404, JsonRpcCodes.SessionUnknown, "no such connection", "unknown connection").ConfigureAwait(false);
            return;
        }

        // 3. Who asks: one bearer token in one header.
        if (await AuthenticateAsync(http, connection).ConfigureAwait(false) is not { } identity) return;

        // 4. What is asked.
        switch (http.Request.Method)
        {
            case "POST":
                await PostAsync(http, connection, identity).ConfigureAwait(false);
                return;
            case "GET":
            case "DELETE":
                await TransportAsync(http, connection, identity).ConfigureAwait(false);
                return;
            default:
                http.Response.Headers.Allow = "GET, POST, DELETE";
                await RefuseAsync(http, 405, JsonRpcCodes.InvalidRequest, "expected `GET`, `POST` or `DELETE`", "method", connection, identity).ConfigureAwait(false);
                return;
        }
    }

    private async ValueTask<Identity?> AuthenticateAsync(HttpContext http, Connection connection)
    {
        string? token = null;
        var header = http.Request.Headers.Authorization;
        var reason = "no token";
        string? error = null;
        if (http.Request.Query.ContainsKey("access_token") || header.Count > 1)
        {
            reason = "a token in the query, or more than one";
            error = "invalid_request";
        }
        else if (header.Count == 1 && BearerToken(header[0]) is { } presented)
        {
            token = presented;
        }
        else if (header.Count == 1)
        {
            reason = "no bearer token";
            error = "invalid_request";
        }
        var path = "/mcp/" + connection.Name;
        var transient = false;
        if (token is not null)
        {
            switch (await _services.Authenticator.AuthenticateAsync(token, ProtectedResource.ResourceUrl(_services.PublicUrl, path), http.RequestAborted).ConfigureAwait(false))
            {
                case Authentication.Accepted accepted:
                    return accepted.Identity;
                case Authentication.Refused refused:
                    reason = refused.Reason;
                    error = "invalid_token";
                    transient = refused.IsTransient;
                    break;
                default:
                    reason = "the authenticator gave no answer";
                    error = "invalid_token";
                    break;
            }
        }
        await gateway.Notes.NoteAsync("auth.refused", reason, connection.Name).ConfigureAwait(false);
        if (!transient) http.Response.Headers.WWWAuthenticate = ProtectedResource.Challenge(_services.PublicUrl, path, error);
        await WriteAsync(http, transient ? 503 : 401, McpReplies.Error(null, JsonRpcCodes.Unauthenticated, "expected a valid bearer token for this connection; sign in")).ConfigureAwait(false);
        return null;
    }

    // RFC 6750 section 2.1; anything else in the header, be it two values that a proxy joined, is no token.
    private static string? BearerToken(string? header)
    {
        const string Scheme = "Bearer ";
        if (header is null || !header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)) return null;
        var token = header[Scheme.Length..];
        foreach (var character in token)
        {
            if (!char.IsAsciiLetterOrDigit(character) && character is not ('-' or '.' or '_' or '~' or '+' or '/' or '=')) return null;
        }
        return token.Length > 0 ? token : null;
    }

    private async Task PostAsync(HttpContext http, Connection connection, Identity identity)
    {
        if (!IsJson(http.Request.ContentType))
        {
            await RefuseAsync(http, 415, JsonRpcCodes.InvalidRequest, "expected `Content-Type: application/json`", "content type", connection, identity).ConfigureAwait(false);
            return;
        }
        if (!Accepts(http.Request.Headers.Accept, "application/json") || !Accepts(http.Request.Headers.Accept, "text/event-stream"))
        {
            await RefuseAsync(http, 406, JsonRpcCodes.InvalidRequest, "expected `Accept: application/json, text/event-stream`", "accept", connection, identity).ConfigureAwait(false);
            return;
        }
        if (await ReadBodyAsync(http).ConfigureAwait(false) is not { } body)
        {
            await RefuseAsync(http, 413, JsonRpcCodes.TooLarge, string.Create(CultureInfo.InvariantCulture, $"the message is larger than {MaxBody} bytes"), "too large", connection, identity).ConfigureAwait(false);
            return;
        }

        // One meaning for every reader, before anyone reads.
        if (StrictJson.Check(body.Span, JsonRpcReader.MaxDepth) is { } fault)
        {
            var code = fault.Kind is JsonFaultKind.DuplicateName or JsonFaultKind.TooDeep or JsonFaultKind.TooManyNames or JsonFaultKind.NulInName ? JsonRpcCodes.InvalidRequest : JsonRpcCodes.ParseError;
            await RefuseAsync(http, 400, code, fault.Message, $"json: {fault.Kind}", connection, identity).ConfigureAwait(false);
            return;
        }
        var message = JsonRpcReader.Read(body.Span);
        if (message.Kind == JsonRpcKind.Invalid)
        {
            await RefuseAsync(http, 400, message.IsNotJson ? JsonRpcCodes.ParseError : JsonRpcCodes.InvalidRequest, message.Fault!, message.Fault!, connection, identity).ConfigureAwait(false);
            return;
        }
        var rawId = message.Kind == JsonRpcKind.Request ? Encoding.UTF8.GetString(message.Id.Of(body.Span)) : null;
        if (!TryHeaders(http, out var headers) || McpHeaders.Check(headers.Version, headers.Method, headers.Name, message, out var era) is not null)
        {
            await RefuseHeadersAsync(http, connection, identity, rawId, headers, message).ConfigureAwait(false);
            return;
        }

        McpSession? session = null;
        if (era == McpEra.Sessions && message.Method != McpMethods.Initialize && !TrySession(http, identity, connection, out session))
        {
            await RefuseAsync(http, 404, JsonRpcCodes.SessionUnknown, "session not found; initialize again", "unknown session", connection, identity, rawId).ConfigureAwait(false);
            return;
        }
        if (message.Kind is JsonRpcKind.Result or JsonRpcKind.Error)
        {
            await AnswerAskAsync(http, connection, identity, session, message, body).ConfigureAwait(false);
            return;
        }
        await RunAsync(http, connection, identity, era, session, headers, message, rawId, body).ConfigureAwait(false);
    }

    private async Task RunAsync(
        HttpContext http, Connection connection, Identity identity, McpEra era, McpSession? session, Headers headers, JsonRpcMessage message, string? rawId, ReadOnlyMemory<byte> body)
    {
        var pin = default(McpPin);
        await gateway.Definitions.EnsureAsync(connection, http.RequestAborted).ConfigureAwait(false);
        if (McpOperations.DefinitionFact(message) is { } fact && message.Name is not null) pin = gateway.Definitions.PinOf(connection.Name, fact, message.Name);

        var origin = new McpOrigin(connection, session?.Run, session?.ClientName ?? message.ClientName);
        if (!McpOperations.TryRead(origin, era, message, body, pin, _services.Clock.GetUtcNow(), out var operation, out var fault))
        {
            await RefuseAsync(http, fault.Status, fault.Code, fault.Message, fault.Message, connection, identity, rawId).ConfigureAwait(false);
            return;
        }
        if (session is not null && rawId is not null && !session.TryOpen(new OpenRequest(rawId, message.Method!, operation.Parts[0].Facts.FirstOrDefault())))
        {
            await RefuseAsync(http, 400, JsonRpcCodes.InvalidRequest, "a request with this `id` is in flight already", "reused id", connection, identity, rawId).ConfigureAwait(false);
            return;
        }
        var call = new McpCall
        {
            HttpMethod = "POST",
            Era = era,
            Version = headers.Version,
            Message = message,
            RawId = rawId,
            ProgressToken = message.ProgressToken.IsEmpty ? null : Encoding.UTF8.GetString(message.ProgressToken.Of(body.Span)),
            Session = session,
            MethodHeader = headers.Method,
            NameHeader = headers.Name,
            ParamHeaders = era == McpEra.Stateless ? McpParamHeaders.Verified(http.Request.Headers, gateway.Definitions.Find(connection.Name, McpVocabulary.Tool, message.Name ?? ""), message, body, out var wrong) : NoParams(out wrong),
        };
        if (wrong)
        {
            await RefuseAsync(http, 400, JsonRpcCodes.HeaderMismatch, "`Mcp-Param-*` must say what the arguments say", "header mismatch", connection, identity, rawId).ConfigureAwait(false);
            return;
        }
        using var exchange = new McpExchange(gateway, http, identity, origin, operation, call);
        await _services.Pipeline.RunAsync(exchange, identity, http.RequestAborted).ConfigureAwait(false);
    }

    /// <summary>GET opens or resumes a stream, DELETE ends a session; both belong to the sessions era.</summary>
    private async Task TransportAsync(HttpContext http, Connection connection, Identity identity)
    {
        if (!TryHeaders(http, out var headers) || (headers.Version is not null && !McpVersions.IsOfSessions(headers.Version)))
        {
            http.Response.Headers.Allow = "POST";
            await RefuseAsync(http, 405, JsonRpcCodes.InvalidRequest, "this revision knows `POST` only", "method", connection, identity).ConfigureAwait(false);
            return;
        }
        if (!TrySession(http, identity, connection, out var session))
        {
            await RefuseAsync(http, 404, JsonRpcCodes.SessionUnknown, "session not found; initialize again", "unknown session", connection, identity).ConfigureAwait(false);
            return;
        }
        var isGet = http.Request.Method == "GET";
        if (isGet && !Accepts(http.Request.Headers.Accept, "text/event-stream"))
        {
            await RefuseAsync(http, 406, JsonRpcCodes.InvalidRequest, "expected `Accept: text/event-stream`", "accept", connection, identity).ConfigureAwait(false);
            return;
        }
        string? after = null;
        if (isGet && http.Request.Headers.TryGetValue(McpHeaders.LastEventId, out var last))
        {
            after = session is not null && last is [{ } sealedId] ? gateway.Sessions.EventIds.Open(session, sealedId) : null;
            if (after is null)
            {
                await RefuseAsync(http, 400, JsonRpcCodes.InvalidRequest, "`Last-Event-ID` names no event of this session", "unknown event id", connection, identity).ConfigureAwait(false);
                return;
            }
        }
        var resumable = after is null ? [] : session!.Unanswered();
        var origin = new McpOrigin(connection, session?.Run, session?.ClientName);
        var action = isGet ? after is null ? McpActions.OpenStream : McpActions.ResumeStream : McpActions.EndSession;
        var operation = McpOperations.OfTransport(origin, action, [.. resumable.Where(open => open.Fact is not null).Select(open => new Part { Action = McpActions.ResumeStream, IsImplied = true, Facts = [open.Fact!] })], _services.Clock.GetUtcNow());
        var call = new McpCall { HttpMethod = http.Request.Method, Era = McpEra.Sessions, Version = headers.Version, Session = session, ResumeAfter = after, Resumable = resumable };
        using var exchange = new McpExchange(gateway, http, identity, origin, operation, call);
        await _services.Pipeline.RunAsync(exchange, identity, http.RequestAborted).ConfigureAwait(false);
    }

    /// <summary>A response is let in only as the answer to a question that this session was asked and has not answered (row P08).</summary>
    private async Task AnswerAskAsync(HttpContext http, Connection connection, Identity identity, McpSession? session, JsonRpcMessage message, ReadOnlyMemory<byte> body)
    {
        var ask = message.Id.IsEmpty ? null : session?.Asks.TryTake(Encoding.UTF8.GetString(message.Id.Of(body.Span)));
        if (ask is not null && await ask.AnswerAsync(body).ConfigureAwait(false))
        {
            http.Response.StatusCode = StatusCodes.Status202Accepted;
            return;
        }
        await RefuseAsync(http, 400, JsonRpcCodes.InvalidRequest, "a response to nothing that was asked", "stray response", connection, identity).ConfigureAwait(false);
    }

    private async Task RefuseHeadersAsync(HttpContext http, Connection connection, Identity identity, string? rawId, Headers headers, JsonRpcMessage message)
    {
        var fault = headers.IsDoubled
            ? new HeaderFault(JsonRpcCodes.HeaderMismatch, "a header stands there twice")
            : McpHeaders.Check(headers.Version, headers.Method, headers.Name, message, out _)!;
        await gateway.Notes.NoteAsync("request.refused", fault.Message, connection.Name, identity.Key).ConfigureAwait(false);
        await WriteAsync(http, 400, fault.IsVersion ? McpReplies.UnsupportedVersion(rawId, headers.Version!) : McpReplies.Error(rawId, fault.Code, fault.Message)).ConfigureAwait(false);
    }

    private bool TrySession(HttpContext http, Identity identity, Connection connection, out McpSession? session)
    {
        session = null;
        if (!http.Request.Headers.TryGetValue(McpHeaders.SessionId, out var ids)) return true;
        session = ids is [{ } id] ? gateway.Sessions.Find(id, identity, connection) : null;
        return session is not null;
    }

    private static bool TryHeaders(HttpContext http, out Headers headers)
    {
        var all = http.Request.Headers;
        headers = new Headers(Single(all[McpHeaders.ProtocolVersion]), Single(all[McpHeaders.Method]), Single(all[McpHeaders.Name]), IsDoubled: false);
        if (all[McpHeaders.ProtocolVersion].Count <= 1 && all[McpHeaders.Method].Count <= 1 && all[McpHeaders.Name].Count <= 1) return true;
        headers = headers with { IsDoubled = true };
        return false;

        static string? Single(StringValues values) => values.Count == 1 ? values[0] : null;
    }

    private static List<KeyValuePair<string, string>> NoParams(out bool wrong)
    {
        wrong = false;
        return [];
    }

    private static bool IsJson(string? contentType)
    {
        var type = contentType.AsSpan();
        var semicolon = type.IndexOf(';');
        return (semicolon < 0 ? type : type[..semicolon]).Trim().Equals("application/json", StringComparison.OrdinalIgnoreCase);
    }

    private static bool Accepts(StringValues accept, string type)
    {
        if (accept.Count == 0) return true;
        foreach (var value in accept)
        {
            if (value is null) continue;
            foreach (var range in value.AsSpan().Split(','))
            {
                var wanted = value.AsSpan()[range];
                var semicolon = wanted.IndexOf(';');
                if (semicolon >= 0) wanted = wanted[..semicolon];
                wanted = wanted.Trim();
                if (wanted.SequenceEqual("*/*") || wanted.Equals(type, StringComparison.OrdinalIgnoreCase)) return true;
                if (wanted.EndsWith("/*") && type.AsSpan().StartsWith(wanted[..^1], StringComparison.OrdinalIgnoreCase)) return true;
            }
        }
        return false;
    }

    /// <summary>The whole body, or null when it is over the limit. Read to its end before anything is dialled.</summary>
    private static async ValueTask<ReadOnlyMemory<byte>?> ReadBodyAsync(HttpContext http)
    {
        if (http.Request.ContentLength > MaxBody) return null;
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit) limit.MaxRequestBodySize = MaxBody + 1;
        var reader = http.Request.BodyReader;
        while (true)
        {
            var read = await reader.ReadAsync(http.RequestAborted).ConfigureAwait(false);
            if (read.Buffer.Length > MaxBody) return null;
            if (read.IsCompleted)
            {
                var body = new byte[read.Buffer.Length];
                System.Buffers.BuffersExtensions.CopyTo(read.Buffer, body);
                reader.AdvanceTo(read.Buffer.End);
                return body;
            }
            reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    private async ValueTask RefuseAsync(
        HttpContext http, int status, int code, string message, string reason, Connection? connection = null, Identity? identity = null, string? rawId = null)
    {
        await gateway.Notes.NoteAsync("request.refused", reason, connection?.Name ?? "-", identity?.Key).ConfigureAwait(false);
        await WriteAsync(http, status, McpReplies.Error(rawId, code, message)).ConfigureAwait(false);
    }

    private static async ValueTask WriteAsync(HttpContext http, int status, ReadOnlyMemory<byte> body)
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = "application/json";
        http.Response.ContentLength = body.Length;
        await http.Response.BodyWriter.WriteAsync(body, http.RequestAborted).ConfigureAwait(false);
    }

    [System.Runtime.InteropServices.StructLayout(System.Runtime.InteropServices.LayoutKind.Auto)]
    private readonly record struct Headers(string? Version, string? Method, string? Name, bool IsDoubled);
}
