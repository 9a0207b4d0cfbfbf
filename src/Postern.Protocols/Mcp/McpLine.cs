using System.Text.Json;
using Postern.Protocols.Mcp.Wire;
using Postern.Upstreams.Stdio;

namespace Postern.Protocols.Mcp;

/// <summary>What the pipe to a server over stdio must know of one message, read by the same reader as every other message.</summary>
public static class McpLine
{
    private const string SubscriptionKey = "io.modelcontextprotocol/subscriptionId";

    /// <summary>Reads the envelope. Total: what is not one message is <see cref="LineKind.Invalid"/>.</summary>
    public static LineEnvelope Read(ReadOnlySpan<byte> bytes)
    {
        var message = JsonRpcReader.Read(bytes);
        var kind = message.Kind switch
        {
            JsonRpcKind.Request => LineKind.Request,
            JsonRpcKind.Notification => LineKind.Notification,
            JsonRpcKind.Result or JsonRpcKind.Error => LineKind.Response,
            _ => LineKind.Invalid,
        };
        if (kind == LineKind.Invalid) return default;
        try
        {
            return EnvelopeOf(bytes, message, kind);
        }
        catch (InvalidOperationException)
        {
            // A key inside with half a surrogate pair: it parses, and throws when it is compared. Nobody could say what it is.
            return default;
        }
    }

    private static LineEnvelope EnvelopeOf(ReadOnlySpan<byte> bytes, in JsonRpcMessage message, LineKind kind) => new(kind)
    {
        Method = message.Method,
        Id = SlotOf(message.Id),
        ProgressToken = SlotOf(message.ProgressToken),
        RequestId = SlotOf(message.RequestId),
        Subscription = kind == LineKind.Request || bytes.IndexOf("subscriptionId"u8) < 0 ? default : SubscriptionOf(bytes, kind == LineKind.Notification ? message.Params : message.Result),
        ErrorCode = message.Kind == JsonRpcKind.Error ? ErrorCodeOf(message.Error.Of(bytes)) : null,
        StandsAlone = message.MetaVersion is not null,
    };

    private static Slot SlotOf(ByteRange range) => new(range.Start, range.Length);

    /// <summary>The raw <c>_meta["…/subscriptionId"]</c> of an object that was read before; the first one, as no key stands there twice.</summary>
    private static Slot SubscriptionOf(ReadOnlySpan<byte> bytes, ByteRange container)
    {
        if (container.IsEmpty) return default;
        var reader = new Utf8JsonReader(container.Of(bytes), new JsonReaderOptions { MaxDepth = JsonRpcReader.MaxDepth });
        return TryEnter(ref reader, "_meta") && TryEnter(ref reader, SubscriptionKey) ? new Slot(container.Start + (int)reader.TokenStartIndex, (int)(reader.BytesConsumed - reader.TokenStartIndex)) : default;
    }

    /// <summary>Moves from the start of an object, or from before it, to the value under a key.</summary>
    private static bool TryEnter(ref Utf8JsonReader reader, string key)
    {
        if (reader.TokenType == JsonTokenType.None) reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject) return false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isIt = reader.ValueTextEquals(key);
            reader.Read();
            if (isIt) return true;
            reader.Skip();
        }
        return false;
    }

    private static int? ErrorCodeOf(ReadOnlySpan<byte> error)
    {
        var reader = new Utf8JsonReader(error, new JsonReaderOptions { MaxDepth = JsonRpcReader.MaxDepth });
        return TryEnter(ref reader, "code") && reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out var code) ? code : 0;
    }
}
