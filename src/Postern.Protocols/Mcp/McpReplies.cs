using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Postern.Core.Pipeline;
using Postern.Protocols.Mcp.Wire;

namespace Postern.Protocols.Mcp;

/// <summary>The messages that the gateway itself answers with, in the words of the caller's era.</summary>
internal static class McpReplies
{
    /// <summary>Where the envelope stands in <c>_meta</c> of a tool result.</summary>
    public const string MetaKey = "postern/decision";

    /// <summary>What one sign of life adds to the progress of a call that waits.</summary>
    public const decimal ProgressStep = 0.000001m;

    private static readonly JsonWriterOptions Options = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.Default };

    /// <summary>
    /// A refusal as a message. A tool call gets a result with <c>isError</c>, which models read and which is exempt from the
    /// output schema; every other request gets a JSON-RPC error.
    /// </summary>
    public static ReadOnlyMemory<byte> Refusal(Refusal refusal, McpCall call) => call is { IsRequest: true, Method: McpMethods.ToolsCall }
        ? ToolResult(refusal, call)
        : Error(call.RawId, CodeFor(refusal, call), IsUnknownMethod(refusal, call) ? "Method not found" : Envelope.TextOf(refusal), writer => Envelope.Write(writer, refusal));

    /// <summary>The HTTP status that goes with it.</summary>
    public static int StatusFor(Refusal refusal, McpCall call)
    {
        if (!call.IsRequest) return refusal.Retry == RetryMode.After ? 503 : 403;
        // A client that only probes takes 400, 429 and an error under 200 for "speaks the older revisions" and downgrades itself.
        if (call.Method == McpMethods.Discover) return refusal.Retry == RetryMode.After ? 503 : 403;
        if (call.Era == McpEra.Stateless && IsUnknownMethod(refusal, call)) return 404;
        return 200;
    }

    /// <summary>
    /// Tells a client of the stateless era to come back with the identical call and this state (2026-07-28, "Multi Round-Trip
    /// Requests": a result without questions needs no capability). What is waited for stands in <c>_meta</c>.
    /// </summary>
    public static ReadOnlyMemory<byte> ComeBack(Refusal refusal, string state, McpCall call) => Compose(call.RawId, writer =>
    {
        writer.WriteStartObject("result");
        writer.WriteString("resultType", "input_required");
        writer.WriteString("requestState", state);
        WriteMeta(writer, refusal);
        writer.WriteEndObject();
    });

    /// <summary>
    /// Progress of a call that waits for people. The values rise in steps far below any that a target counts in, so that its own
    /// progress goes on from there.
    /// </summary>
    public static ReadOnlyMemory<byte> WaitingProgress(Refusal refusal, string rawToken, int step)
    {
        var output = new ArrayBufferWriter<byte>(256);
        using var writer = new Utf8JsonWriter(output, Options);
        writer.WriteStartObject();
        writer.WriteString("jsonrpc", "2.0");
        writer.WriteString("method", McpMethods.Progress);
        writer.WriteStartObject("params");
        writer.WritePropertyName("progressToken");
        writer.WriteRawValue(rawToken);
        writer.WritePropertyName("progress");
        writer.WriteRawValue((step * ProgressStep).ToString(CultureInfo.InvariantCulture));
        writer.WriteString("message", $"Waiting for people to approve exactly this call: {refusal.RequestUrl}");
        writer.WriteEndObject();
        writer.WriteEndObject();
        writer.Flush();
        return output.WrittenMemory;
    }

    /// <summary>An error of the gateway's own.</summary>
    /// <param name="rawId">The request id's raw token, or null.</param>
    /// <param name="code">The JSON-RPC code.</param>
    /// <param name="message">What was expected and found.</param>
    /// <param name="writeData">Writes <c>data</c>, or null.</param>
    public static ReadOnlyMemory<byte> Error(string? rawId, int code, string message, Action<Utf8JsonWriter>? writeData = null) => Compose(rawId, writer =>
    {
        writer.WriteStartObject("error");
        writer.WriteNumber("code", code);
        writer.WriteString("message", message);
        if (writeData is not null)
        {
            writer.WritePropertyName("data");
            writeData(writer);
        }
        writer.WriteEndObject();
    });

    /// <summary>The error for a version that is not served (2026-07-28, -32022).</summary>
    public static ReadOnlyMemory<byte> UnsupportedVersion(string? rawId, string requested) => Error(rawId, JsonRpcCodes.UnsupportedVersion, "Unsupported protocol version", writer =>
    {
        writer.WriteStartObject();
        writer.WriteStartArray("supported");
        writer.WriteStringValue(McpVersions.Stateless);
        writer.WriteEndArray();
        writer.WriteString("requested", requested);
        writer.WriteEndObject();
    });

    /// <summary>The code of an error object; 0 when it has none.</summary>
    public static int CodeOf(ReadOnlyMemory<byte> error)
    {
        using var document = JsonDocument.Parse(error);
        return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("code", out var code) && code.ValueKind == JsonValueKind.Number && code.TryGetInt32(out var number) ? number : 0;
    }

    private static ReadOnlyMemory<byte> ToolResult(Refusal refusal, McpCall call) => Compose(call.RawId, writer =>
    {
        writer.WriteStartObject("result");
        if (call.Era == McpEra.Stateless) writer.WriteString("resultType", "complete");
        writer.WriteStartArray("content");
        writer.WriteStartObject();
        writer.WriteString("type", "text");
        writer.WriteString("text", Envelope.TextOf(refusal));
        writer.WriteEndObject();
        writer.WriteEndArray();
        writer.WriteBoolean("isError", true);
        WriteMeta(writer, refusal);
        writer.WriteEndObject();
    });

    private static void WriteMeta(Utf8JsonWriter writer, Refusal refusal)
    {
        writer.WriteStartObject("_meta");
        writer.WritePropertyName(MetaKey);
        Envelope.Write(writer, refusal);
        writer.WriteEndObject();
    }

    private static ReadOnlyMemory<byte> Compose(string? rawId, Action<Utf8JsonWriter> writeRest)
    {
        var output = new ArrayBufferWriter<byte>(1024);
        using var writer = new Utf8JsonWriter(output, Options);
        writer.WriteStartObject();
        writer.WriteString("jsonrpc", "2.0");
        writer.WritePropertyName("id");
        writer.WriteRawValue(rawId ?? "null");
        writeRest(writer);
        writer.WriteEndObject();
        writer.Flush();
        return output.WrittenMemory;
    }

    private static bool IsUnknownMethod(Refusal refusal, McpCall call) =>
        refusal.Code == RefusalCode.NotPermitted && call.IsRequest && !McpMethods.IsSpecified(call.Method!, call.Era);

    private static int CodeFor(Refusal refusal, McpCall call)
    {
        if (IsUnknownMethod(refusal, call)) return JsonRpcCodes.MethodNotFound;
        return refusal.Code switch
        {
            RefusalCode.HoldPending => JsonRpcCodes.Held,
            RefusalCode.Unauthenticated or RefusalCode.CredentialEnded => JsonRpcCodes.Unauthenticated,
            RefusalCode.UpstreamInvalid or RefusalCode.UpstreamUnavailable or RefusalCode.RecordUnavailable or RefusalCode.GatewayUnavailable => JsonRpcCodes.Unavailable,
            _ => JsonRpcCodes.Denied,
        };
    }
}
