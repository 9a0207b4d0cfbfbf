using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Postern.Protocols.Mcp.Wire;

/// <summary>
/// Reads one JSON-RPC 2.0 message in one pass over its raw bytes. Total: whatever the bytes, it returns a message or a fault.
/// Refuses what two parsers could read differently: duplicate and case-variant envelope keys, batches, byte order marks,
/// invalid UTF-8, ids that are neither text nor integer.
/// </summary>
internal static class JsonRpcReader
{
    /// <summary>Deepest nesting that is read.</summary>
    public const int MaxDepth = 64;

    /// <summary>Longest name, URI or version that is read, in bytes as written.</summary>
    public const int MaxText = 8 * 1024;

    private const string VersionKey = "io.modelcontextprotocol/protocolVersion";
    private const string ClientInfoKey = "io.modelcontextprotocol/clientInfo";

    private static readonly JsonReaderOptions Options = new() { MaxDepth = MaxDepth, CommentHandling = JsonCommentHandling.Disallow, AllowTrailingCommas = false };

    private static readonly string[] EnvelopeKeys = ["jsonrpc", "id", "method", "params", "result", "error"];

    private static readonly string[] ParamsKeys =
    [
        "name", "arguments", "uri", "_meta", "cursor", "ref", "argument", "protocolVersion", "capabilities", "clientInfo", "requestId", "reason",
        "progressToken", "progress", "level", "requestState", "inputResponses", "task", "taskId", "notifications", "filter", "context",
    ];

    private const int LengthOfTrace = 55; // a traceparent of version 00; anything else is none

    private static readonly string[] MetaKeys =
        ["progressToken", VersionKey, ClientInfoKey, "io.modelcontextprotocol/clientCapabilities", "io.modelcontextprotocol/logLevel", "traceparent"];

    private static readonly string[] ResultKeys =
    [
        "tools", "prompts", "resources", "resourceTemplates", "cacheScope", "inputRequests", "content", "structuredContent", "isError", "_meta", "resultType",
        "nextCursor", "ttlMs", "requestState",
    ];

    /// <summary>Reads a whole message.</summary>
    public static JsonRpcMessage Read(ReadOnlySpan<byte> bytes)
    {
        if (!Utf8.IsValid(bytes)) return Invalid("the message is not valid UTF-8", isNotJson: true);
        try
        {
            var message = default(JsonRpcMessage);
            var reader = new Utf8JsonReader(bytes, Options);
            if (!reader.Read()) return Invalid("the message is empty", isNotJson: true);
            if (reader.TokenType == JsonTokenType.StartArray) return Invalid("batches are not accepted; send one message per request");
            if (reader.TokenType != JsonTokenType.StartObject) return Invalid("expected a JSON object");
            ReadEnvelope(ref reader, ref message);
            if (message.Fault is null && reader.Read()) message.Fault = "expected one JSON object and nothing after it";
            return message.Fault is null ? Classify(message) : Invalid(message.Fault);
        }
        catch (JsonException)
        {
            return Invalid("the message is not valid JSON", isNotJson: true);
        }
        catch (InvalidOperationException)
        {
            // A name with a lone surrogate parses and fails only when it is decoded.
            return Invalid("the message holds text that is not valid Unicode", isNotJson: true);
        }
    }

    private static JsonRpcMessage Invalid(string fault, bool isNotJson = false) => new() { Fault = fault, IsNotJson = isNotJson };

    private static void ReadEnvelope(ref Utf8JsonReader reader, ref JsonRpcMessage message)
    {
        var seen = 0;
        var version = false;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            var key = KeyOf(ref reader, EnvelopeKeys, ref seen, ref message);
            if (message.Fault is not null) return;
            reader.Read();
            switch (key)
            {
                case 0:
                    version = reader.TokenType == JsonTokenType.String && reader.ValueTextEquals("2.0"u8);
                    break;
                case 1:
                    message.IdKind = reader.TokenType switch
                    {
                        JsonTokenType.String => JsonRpcIdKind.Text,
                        JsonTokenType.Number => reader.ValueSpan.IndexOfAny((byte)'.', (byte)'e', (byte)'E') < 0 ? JsonRpcIdKind.Integer : JsonRpcIdKind.Other,
                        JsonTokenType.Null => JsonRpcIdKind.Null,
                        _ => JsonRpcIdKind.Other,
                    };
                    message.Id = RangeOf(ref reader);
                    break;
                case 2:
                    if (reader.TokenType != JsonTokenType.String || reader.ValueSpan.Length > MaxText)
                    {
                        message.Fault = "`method` must be text";
                        return;
                    }
                    message.Method = McpMethods.Read(reader);
                    break;
                case 3:
                    if (reader.TokenType == JsonTokenType.StartObject) ReadParams(ref reader, ref message);
                    else message.Fault = "`params` must be an object";
                    if (message.Fault is not null) return;
                    break;
                case 4:
                    ReadResult(ref reader, ref message);
                    if (message.Fault is not null) return;
                    break;
                case 5:
                    message.Error = RangeOf(ref reader);
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }
        if (!version) message.Fault ??= "`jsonrpc` must be `2.0`";
    }

    private static void ReadParams(ref Utf8JsonReader reader, ref JsonRpcMessage message)
    {
        var start = (int)reader.TokenStartIndex;
        var seen = 0;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            var key = KeyOf(ref reader, ParamsKeys, ref seen, ref message);
            if (message.Fault is not null) return;
            var name = new ByteRange((int)reader.TokenStartIndex, (int)(reader.BytesConsumed - reader.TokenStartIndex));
            reader.Read();
            switch (key < 0 ? "" : ParamsKeys[key])
            {
                case "name":
                    message.Name = TextOf(ref reader, ref message);
                    break;
                case "uri":
                    message.Uri = TextOf(ref reader, ref message);
                    break;
                case "arguments":
                    message.Arguments = RangeOf(ref reader);
                    break;
                case "cursor":
                    message.Cursor = RangeOf(ref reader);
                    break;
                case "requestId":
                    message.RequestId = RangeOf(ref reader);
                    break;
                case "requestState":
                    message.RequestStateName = name;
                    message.RequestState = RangeOf(ref reader);
                    break;
                case "inputResponses":
                    message.InputResponses = RangeOf(ref reader);
                    break;
                case "progressToken":
                    message.ProgressToken = RangeOf(ref reader);
                    break;
                case "clientInfo":
                    ReadClientInfo(ref reader, ref message);
                    break;
                case "_meta":
                    ReadMeta(ref reader, ref message);
                    break;
                default:
                    reader.Skip();
                    break;
            }
            if (message.Fault is not null) return;
        }
        message.Params = new ByteRange(start, (int)reader.BytesConsumed - start);
    }

    private static void ReadMeta(ref Utf8JsonReader reader, ref JsonRpcMessage message)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            message.Fault = "`params._meta` must be an object";
            return;
        }
        var start = (int)reader.TokenStartIndex;
        var seen = 0;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            var key = KeyOf(ref reader, MetaKeys, ref seen, ref message);
            if (message.Fault is not null) return;
            reader.Read();
            switch (key)
            {
                case 0:
                    message.ProgressToken = RangeOf(ref reader);
                    break;
                case 1:
                    if (reader.TokenType != JsonTokenType.String) message.Fault = $"`{VersionKey}` must be text";
                    else message.MetaVersion = reader.ValueTextEquals(McpVersions.Stateless) ? McpVersions.Stateless : TextOf(ref reader, ref message);
                    break;
                case 2:
                    ReadClientInfo(ref reader, ref message);
                    break;
                case 5 when reader.TokenType == JsonTokenType.String && reader.ValueSpan.Length == LengthOfTrace:
                    message.Trace = reader.GetString();
                    break;
                default:
                    reader.Skip();
                    break;
            }
            if (message.Fault is not null) return;
        }
        message.Meta = new ByteRange(start, (int)reader.BytesConsumed - start);
    }

    private static void ReadResult(ref Utf8JsonReader reader, ref JsonRpcMessage message)
    {
        var start = (int)reader.TokenStartIndex;
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            message.Result = RangeOf(ref reader);
            return;
        }
        var seen = 0;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            var key = KeyOf(ref reader, ResultKeys, ref seen, ref message);
            if (message.Fault is not null) return;
            reader.Read();
            switch (key)
            {
                case >= 0 and <= 3:
                    if (!message.Items.IsEmpty)
                    {
                        message.Fault = "a result lists one kind of thing";
                        return;
                    }
                    message.Items = RangeOf(ref reader);
                    break;
                case 4:
                    message.CacheScope = RangeOf(ref reader);
                    break;
                case 5:
                    message.InputRequests = RangeOf(ref reader);
                    break;
                case 11:
                    message.NextCursor = RangeOf(ref reader);
                    break;
                case 13:
                    message.RequestState = RangeOf(ref reader);
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }
        message.Result = new ByteRange(start, (int)reader.BytesConsumed - start);
    }

    private static void ReadClientInfo(ref Utf8JsonReader reader, ref JsonRpcMessage message)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return;
        }
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            var isName = reader.ValueTextEquals("name"u8);
            reader.Read();
            if (isName && reader.TokenType == JsonTokenType.String && reader.ValueSpan.Length <= MaxText) message.ClientName = reader.GetString();
            else reader.Skip();
        }
    }

    /// <summary>
    /// Which reserved key stands here, or -1. A second time, or in another case, is a fault: parsers that ignore case or keep
    /// the last would read another message than the one that is judged.
    /// </summary>
    private static int KeyOf(ref Utf8JsonReader reader, string[] reserved, ref int seen, ref JsonRpcMessage message)
    {
        for (var i = 0; i < reserved.Length; i++)
        {
            // Plain keys are compared as bytes; only escaped ones need decoding.
            if (reader.ValueIsEscaped ? !reader.ValueTextEquals(reserved[i]) : !Ascii.Equals(reader.ValueSpan, reserved[i])) continue;
            if ((seen & (1 << i)) != 0)
            {
                message.Fault = $"`{reserved[i]}` stands there twice";
                return -1;
            }
            seen |= 1 << i;
            return i;
        }
        if (reader.ValueSpan.Length <= 256 && CaseFold.IsVariantOfAny(reader.GetString()!, reserved) is { } variant)
            message.Fault = $"unknown key, written almost like `{variant}`; keys are case-sensitive";
        return -1;
    }

    private static string? TextOf(ref Utf8JsonReader reader, ref JsonRpcMessage message)
    {
        if (reader.TokenType != JsonTokenType.String)
        {
            reader.Skip();
            return null;
        }
        if (reader.ValueSpan.Length <= MaxText) return reader.GetString();
        message.Fault = $"a name is longer than {MaxText} bytes";
        return null;
    }

    private static ByteRange RangeOf(ref Utf8JsonReader reader)
    {
        var start = (int)reader.TokenStartIndex;
        reader.Skip();
        return new ByteRange(start, (int)reader.BytesConsumed - start);
    }

    private static JsonRpcMessage Classify(JsonRpcMessage message)
    {
        var hasResult = !message.Result.IsEmpty;
        var hasError = !message.Error.IsEmpty;
        if (message.Method is not null)
        {
            if (hasResult || hasError) return Invalid("a message has either `method`, or `result`, or `error`");
            message.Kind = message.IdKind == JsonRpcIdKind.Absent ? JsonRpcKind.Notification : JsonRpcKind.Request;
            // JSON-RPC 2.0 section 4; MCP forbids null. A fraction or 1e3 is an id that parsers spell back differently.
            return message.IdKind is JsonRpcIdKind.Null or JsonRpcIdKind.Other ? Invalid("`id` must be text or an integer") : message;
        }
        if (hasResult == hasError) return Invalid("expected exactly one of `method`, `result` and `error`");
        if (hasResult && message.IdKind is not (JsonRpcIdKind.Text or JsonRpcIdKind.Integer)) return Invalid("`id` must be text or an integer");
        if (message.IdKind == JsonRpcIdKind.Other) return Invalid("`id` must be text or an integer");
        message.Kind = hasResult ? JsonRpcKind.Result : JsonRpcKind.Error;
        return message;
    }
}
