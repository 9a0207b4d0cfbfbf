using System.Buffers;
using System.Text.Json;

namespace Postern.Protocols.Kubernetes.Wire;

/// <summary>
/// The channels of <c>v4.channel.k8s.io</c> and <c>v5.channel.k8s.io</c>: each message is binary and begins with the channel's number
/// (k8s.io/apimachinery, util/remotecommand; KEP-4006 for the close signal of v5).
/// </summary>
internal static class StreamChannel
{
    public const byte Stdin = 0;
    public const byte Stdout = 1;
    public const byte Stderr = 2;
    public const byte Error = 3;
    public const byte Resize = 4;

    /// <summary>v5: the stream whose number follows has ended.</summary>
    public const byte Close = 255;

    public const string V5 = "v5.channel.k8s.io";
    public const string V4 = "v4.channel.k8s.io";

    /// <summary>Longest message about a size: two numbers and their names.</summary>
    public const int MaxSize = 128;

    /// <summary>The name of a channel in the record.</summary>
    public static string NameOf(byte channel) => channel switch
    {
        Stdin => "stdin",
        Stdout => "stdout",
        Stderr => "stderr",
        Error => "error",
        Resize => "resize",
        _ => "other",
    };

    /// <summary>Reads the size of a terminal: <c>{"Width":80,"Height":24}</c>, and nothing else.</summary>
    public static bool TryReadSize(ReadOnlySpan<byte> message, out int width, out int height)
    {
        (width, height) = (0, 0);
        if (message.Length is 0 or > MaxSize) return false;
        try
        {
            var reader = new Utf8JsonReader(message);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) return false;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isWidth = reader.ValueTextEquals("Width"u8);
                if ((!isWidth && !reader.ValueTextEquals("Height"u8)) || !reader.Read() || reader.TokenType != JsonTokenType.Number || !reader.TryGetUInt16(out var value)) return false;
                if (isWidth) width = value;
                else height = value;
            }
            return reader.TokenType == JsonTokenType.EndObject && !reader.Read();
        }
        catch (JsonException)
        {
            return false;
        }
    }

    /// <summary>Writes the size of a terminal.</summary>
    public static void WriteSize(IBufferWriter<byte> output, int width, int height)
    {
        using var json = new Utf8JsonWriter(output);
        json.WriteStartObject();
        json.WriteNumber("Width"u8, width);
        json.WriteNumber("Height"u8, height);
        json.WriteEndObject();
    }
}
