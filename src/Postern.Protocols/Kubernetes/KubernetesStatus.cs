using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Postern.Core.Pipeline;

namespace Postern.Protocols.Kubernetes;

/// <summary>
/// A refusal as a <c>Status</c>, which kubectl prints as one line, with the envelope of every protocol in it (clients skip members that they do
/// not know).
/// </summary>
internal static class KubernetesStatus
{
    /// <summary>
    /// With 429 and this many seconds client-go repeats the identical request by itself, up to ten times (decision 0025), so that the
    /// repeat consumes the approval.
    /// </summary>
    public const int PendingRetrySeconds = 1;

    // A longer wait would keep a kubectl silent for as long; it is told and decides itself.
    private const int LongestSilentRetrySeconds = 10;

    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Answers with a refusal. Nothing may have been sent before.</summary>
    public static Task WriteAsync(HttpContext http, Refusal refusal, CancellationToken cancellationToken)
    {
        var (status, reason) = StatusOf(refusal);
        // Never for what broke off: client-go would repeat it, and it may have happened.
        int? wait = refusal.Code switch
        {
            RefusalCode.HoldPending => PendingRetrySeconds,
            RefusalCode.Limit when refusal.RetryAfter is { } after && after.TotalSeconds <= LongestSilentRetrySeconds => (int)Math.Ceiling(after.TotalSeconds),
            _ => null,
        };
        return WriteAsync(http, status, reason, SentenceOf(refusal), refusal.Code, wait, refusal, cancellationToken);
    }

    /// <summary>Answers a request that never became an operation.</summary>
    public static Task WriteAsync(HttpContext http, int status, string reason, string message, string code, CancellationToken cancellationToken) =>
        WriteAsync(http, status, reason, message, code, null, null, cancellationToken);

    /// <summary>One sentence: refused on purpose or not, why, what helps.</summary>
    public static string SentenceOf(Refusal refusal)
    {
        var text = new StringBuilder(refusal.Code switch
        {
            RefusalCode.HoldPending => "Postern holds this request until people agree",
            RefusalCode.UpstreamUnavailable or RefusalCode.UpstreamInvalid or RefusalCode.RecordUnavailable or RefusalCode.GatewayUnavailable => "Postern could not carry this out, nobody refused it",
            _ => "Postern refused this on purpose",
        });
        text.Append(": ").Append(refusal.Reason.TrimEnd('.').Replace(". ", "; ", StringComparison.Ordinal));
        if (refusal.Code == RefusalCode.HoldPending)
        {
            if (refusal.RequestUrl is { } url) text.Append("; approve at ").Append(url);
            text.Append("; then repeat the identical command");
        }
        if (refusal is { Code: RefusalCode.NotPermitted, RequestUrl: { } ask }) text.Append("; access may be asked for at ").Append(ask);
        if (!refusal.Alternatives.IsDefaultOrEmpty) text.Append("; permitted instead: ").AppendJoin(", ", refusal.Alternatives);
        return text.Append(" (decision ").Append(refusal.DecisionId.ToString()).Append(')').ToString();
    }

    private static (int Status, string Reason) StatusOf(Refusal refusal) => refusal.Code switch
    {
        RefusalCode.InvalidRequest => (400, "BadRequest"),
        RefusalCode.RequestTooLarge => (413, "RequestEntityTooLarge"),
        RefusalCode.HoldPending or RefusalCode.Limit => (429, "TooManyRequests"),
        RefusalCode.CredentialEnded or RefusalCode.Unauthenticated => (401, "Unauthorized"),
        RefusalCode.UpstreamUnavailable or RefusalCode.UpstreamInvalid or RefusalCode.RecordUnavailable or RefusalCode.GatewayUnavailable => (503, "ServiceUnavailable"),
        _ => (403, "Forbidden"),
    };

    /// <summary>A refusal as a document, for a stream that ends with it.</summary>
    public static ReadOnlyMemory<byte> Document(Refusal refusal)
    {
        var (status, reason) = StatusOf(refusal);
        return Document(status, reason, SentenceOf(refusal), refusal.Code, null, refusal);
    }

    private static Task WriteAsync(HttpContext http, int status, string reason, string message, string code, int? wait, Refusal? refusal, CancellationToken cancellationToken)
    {
        var body = Document(status, reason, message, code, wait, refusal);
        var response = http.Response;
        response.StatusCode = status;
        response.ContentType = "application/json";
        response.ContentLength = body.Length;
        if (wait is { } after) response.Headers.RetryAfter = after.ToString(CultureInfo.InvariantCulture);
        return HttpMethods.IsHead(http.Request.Method) ? Task.CompletedTask : response.Body.WriteAsync(body, cancellationToken).AsTask();
    }

    private static ReadOnlyMemory<byte> Document(int status, string reason, string message, string code, int? wait, Refusal? refusal)
    {
        var body = new ArrayBufferWriter<byte>(512);
        using var json = new Utf8JsonWriter(body, Options);
        json.WriteStartObject();
        json.WriteString("kind"u8, "Status"u8);
        json.WriteString("apiVersion"u8, "v1"u8);
        json.WriteStartObject("metadata"u8);
        json.WriteEndObject();
        json.WriteString("status"u8, "Failure"u8);
        json.WriteString("message"u8, message);
        json.WriteString("reason"u8, reason);
        json.WriteStartObject("details"u8);
        if (wait is { } seconds) json.WriteNumber("retryAfterSeconds"u8, seconds);
        json.WriteStartArray("causes"u8);
        json.WriteStartObject();
        json.WriteString("reason"u8, code);
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteNumber("code"u8, status);
        if (refusal is not null)
        {
            json.WritePropertyName("postern"u8);
            Envelope.Write(json, refusal);
        }
        json.WriteEndObject();
        json.Flush();
        return body.WrittenMemory;
    }
}
