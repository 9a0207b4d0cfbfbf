using System.Buffers;
using System.Collections.Concurrent;
using System.Globalization;
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
    private readonly McpIntake _intake = new(gateway);
    private readonly ProtocolServices _services = gateway.Services;
    private readonly Identification _identification = new(
        gateway.Services, gateway.Notes, "/mcp/",
        static (http, status) => WriteAsync(http, status, McpReplies.Error(null, JsonRpcCodes.Unauthenticated, "expected a valid bearer token for this connection; sign in")));

    public Task HandleAsync(HttpContext http)
    {
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers.XContentTypeOptions = "nosniff";

        // 1. Not led here by a foreign page or a rebound name.
        if (!_origins.Permits(http)) return RefuseAsync(http, 403, JsonRpcCodes.OriginRefused, "host or origin is not served here").AsTask();

        // 2. An exact connection. Whatever does not exist gets the same answer.
        var name = http.Request.RouteValues["connection"] as string ?? "";
        if (_services.Connections.Find(name) is not { Protocol: McpProtocol.ProtocolName } connection) return RefuseAsync(http, 404, JsonRpcCodes.SessionUnknown, "no such connection").AsTask();

        // 3. Who asks: one bearer token in one header. Whoever asked before is known at once.
        var identified = _identification.OfAsync(http, connection.Name);
        return identified.IsCompletedSuccessfully ? HandleAsync(http, connection, identified.Result) : IdentifiedAsync(http, connection, identified);
    }

    private async Task IdentifiedAsync(HttpContext http, Connection connection, ValueTask<Identity?> identified) =>
        await HandleAsync(http, connection, await identified.ConfigureAwait(false)).ConfigureAwait(false);

    private Task HandleAsync(HttpContext http, Connection connection, Identity? identity)
    {
        if (identity is null) return Task.CompletedTask; // and was told so

        // 4. What is asked.
        switch (http.Request.Method)
        {
            case "POST":
                return PostAsync(http, connection, identity);
            case "GET":
            case "DELETE":
                return TransportAsync(http, connection, identity);
            default:
                http.Response.Headers.Allow = "GET, POST, DELETE";
                return RefuseAsync(http, 405, JsonRpcCodes.InvalidRequest, "expected `GET`, `POST` or `DELETE`", connection, identity).AsTask();
        }
    }

    private async Task PostAsync(HttpContext http, Connection connection, Identity identity)
    {
        if (!IsJson(http.Request.ContentType))
        {
            await RefuseAsync(http, 415, JsonRpcCodes.InvalidRequest, "expected `Content-Type: application/json`", connection, identity).ConfigureAwait(false);
            return;
        }
        if (!Accepts(http.Request.Headers.Accept, "application/json") || !Accepts(http.Request.Headers.Accept, "text/event-stream"))
        {
            await RefuseAsync(http, 406, JsonRpcCodes.InvalidRequest, "expected `Accept: application/json, text/event-stream`", connection, identity).ConfigureAwait(false);
            return;
        }
        if (await WholeBody.ReadAsync(http, MaxBody).ConfigureAwait(false) is not { } body)
        {
            await RefuseAsync(http, 413, JsonRpcCodes.TooLarge, string.Create(CultureInfo.InvariantCulture, $"the message is larger than {MaxBody} bytes"), connection, identity).ConfigureAwait(false);
            return;
        }

        // The first request of a connection waits until what its target defines was read.
        if (!gateway.Definitions.Knows(connection.Name)) await gateway.Definitions.EnsureAsync(connection, http.RequestAborted).ConfigureAwait(false);

        var exchange = _intake.Read(http, connection, identity, body, out var refused, out var ask);
        if (exchange is not null)
        {
            using (exchange) await _services.Pipeline.RunAsync(exchange, identity, http.RequestAborted).ConfigureAwait(false);
        }
        else if (ask is not null && await ask.AnswerAsync(body).ConfigureAwait(false))
        {
            http.Response.StatusCode = StatusCodes.Status202Accepted;
        }
        else
        {
            await RefuseAsync(http, refused ?? Refused.Stray, connection, identity).ConfigureAwait(false);
        }
    }

    /// <summary>GET opens or resumes a stream, DELETE ends a session; both belong to the sessions era.</summary>
    private async Task TransportAsync(HttpContext http, Connection connection, Identity identity)
    {
        var headers = McpRequestHeaders.Of(http);
        if (headers.IsDoubled || (headers.Version is not null && !McpVersions.IsOfSessions(headers.Version)))
        {
            http.Response.Headers.Allow = "POST";
            await RefuseAsync(http, 405, JsonRpcCodes.InvalidRequest, "this revision knows `POST` only", connection, identity).ConfigureAwait(false);
            return;
        }
        if (!_intake.TrySession(http, identity, connection, out var session))
        {
            await RefuseAsync(http, 404, JsonRpcCodes.SessionUnknown, "session not found; initialize again", connection, identity).ConfigureAwait(false);
            return;
        }
        var isGet = http.Request.Method == "GET";
        if (isGet && !Accepts(http.Request.Headers.Accept, "text/event-stream"))
        {
            await RefuseAsync(http, 406, JsonRpcCodes.InvalidRequest, "expected `Accept: text/event-stream`", connection, identity).ConfigureAwait(false);
            return;
        }
        string? after = null;
        if (isGet && http.Request.Headers.TryGetValue(McpHeaders.LastEventId, out var last))
        {
            after = session is not null && last is [{ } sealedId] ? gateway.Sessions.EventIds.Open(session, sealedId) : null;
            if (after is null)
            {
                await RefuseAsync(http, 400, JsonRpcCodes.InvalidRequest, "`Last-Event-ID` names no event of this session", connection, identity).ConfigureAwait(false);
                return;
            }
        }
        // From here on the session's later requests let this stream go first.
        var opening = isGet && after is null && session is not null ? session.Opening = new StreamOpening(_services.Clock) : null;
        var resumable = after is null ? [] : session!.Unanswered();
        var origin = new McpOrigin(connection, session?.Run, session?.ClientName);
        var action = isGet ? after is null ? McpActions.OpenStream : McpActions.ResumeStream : McpActions.EndSession;
        var operation = McpOperations.OfTransport(origin, action, [.. resumable.Where(open => open.Fact is not null).Select(open => new Part { Action = McpActions.ResumeStream, IsImplied = true, Facts = [open.Fact!] })], _services.Clock.GetUtcNow());
        var call = new McpCall { HttpMethod = http.Request.Method, Era = McpEra.Sessions, Version = headers.Version, Session = session, ResumeAfter = after, Resumable = resumable };
        try
        {
            using var exchange = new McpExchange(gateway, http, identity, origin, operation, call);
            await _services.Pipeline.RunAsync(exchange, identity, http.RequestAborted).ConfigureAwait(false);
        }
        finally
        {
            opening?.Finish();
        }
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

    private ValueTask RefuseAsync(HttpContext http, int status, int code, string message, Connection? connection = null, Identity? identity = null) =>
        RefuseAsync(http, new Refused(status, code, message), connection, identity);

    private async ValueTask RefuseAsync(HttpContext http, Refused refused, Connection? connection, Identity? identity)
    {
        await gateway.Notes.NoteAsync("request.refused", refused.Message, connection?.Name ?? "-", identity?.Key).ConfigureAwait(false);
        if (refused.Status == StatusCodes.Status202Accepted)
        {
            http.Response.StatusCode = refused.Status;
            return;
        }
        await WriteAsync(http, refused.Status, refused.UnsupportedVersion is { } version ? McpReplies.UnsupportedVersion(refused.RawId, version) : McpReplies.Error(refused.RawId, refused.Code, refused.Message)).ConfigureAwait(false);
    }

    private static async ValueTask WriteAsync(HttpContext http, int status, ReadOnlyMemory<byte> body)
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = "application/json";
        http.Response.ContentLength = body.Length;
        await http.Response.BodyWriter.WriteAsync(body, http.RequestAborted).ConfigureAwait(false);
    }
}
