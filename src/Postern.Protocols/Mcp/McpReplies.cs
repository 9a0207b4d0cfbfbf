using System.Buffers;
using System.Text.Json;
using Postern.Core.Pipeline;
using Postern.Protocols.Mcp.Wire;

namespace Postern.Protocols.Mcp;

/// <summary>The messages that the gateway itself answers with, in the words of the caller's era.</summary>
internal static class McpReplies
{
    /// <summary>Where the envelope stands in <c>_meta</c> of a tool result.</summary>
    public const string MetaKey = "postern/decision";

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
        writer.WriteStartObject("_meta");
        writer.WritePropertyName(MetaKey);
        Envelope.Write(writer, refusal);
        writer.WriteEndObject();
        writer.WriteEndObject();
    });

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
