using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Postern.Core.Pipeline;

namespace Postern.Protocols.HttpData;

/// <summary>A refusal as problem details (RFC 9457), with the envelope of every protocol in it.</summary>
internal static class Problem
{
    /// <summary>How long a caller that is told to come back waits at least.</summary>
    public static readonly TimeSpan PendingRetry = TimeSpan.FromSeconds(15);

    /// <summary>The status that goes with a refusal.</summary>
    public static int StatusOf(Refusal refusal) => refusal.Code switch
    {
        RefusalCode.InvalidRequest => 400,
        RefusalCode.RequestTooLarge => 413,
        RefusalCode.Limit => 429,
        RefusalCode.CredentialEnded => 401,
        RefusalCode.UpstreamUnavailable or RefusalCode.UpstreamInvalid => 502,
        RefusalCode.RecordUnavailable or RefusalCode.GatewayUnavailable => 503,
        _ => 403,
    };

    /// <summary>Answers with a refusal. Nothing may have been sent before.</summary>
    public static Task WriteAsync(HttpContext http, Refusal refusal, CancellationToken cancellationToken)
    {
        var status = StatusOf(refusal);
        if (refusal.RequestUrl is { } url && refusal.Code == RefusalCode.HoldPending) http.Response.Headers.Location = url;
        var wait = refusal.RetryAfter ?? (refusal.Code == RefusalCode.HoldPending ? PendingRetry : null);
        if (wait is { } span) http.Response.Headers.RetryAfter = ((long)Math.Ceiling(span.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        return WriteAsync(http, status, refusal.Code, Envelope.TextOf(refusal), refusal, cancellationToken);
    }

    /// <summary>Answers a request that never became an operation.</summary>
    public static Task WriteAsync(HttpContext http, int status, string code, string detail, CancellationToken cancellationToken) => WriteAsync(http, status, code, detail, null, cancellationToken);

    private static Task WriteAsync(HttpContext http, int status, string code, string detail, Refusal? refusal, CancellationToken cancellationToken)
    {
        var body = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            json.WriteString("type", "about:blank");
            json.WriteString("title", code);
            json.WriteNumber("status", status);
            json.WriteString("detail", detail);
            json.WriteString("code", code);
            if (refusal is not null)
            {
                json.WritePropertyName("postern");
                Envelope.Write(json, refusal);
            }
            json.WriteEndObject();
        }
        var response = http.Response;
        response.StatusCode = status;
        response.ContentType = "application/problem+json";
        response.ContentLength = body.WrittenCount;
        return HttpMethods.IsHead(http.Request.Method) ? Task.CompletedTask : response.Body.WriteAsync(body.WrittenMemory, cancellationToken).AsTask();
    }
}
