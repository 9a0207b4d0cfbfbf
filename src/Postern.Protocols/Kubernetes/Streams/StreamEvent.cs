using System.Buffers;
using System.Collections.Immutable;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;
using Postern.Core.Masking;
using Postern.Protocols.Kubernetes.Wire;

namespace Postern.Protocols.Kubernetes.Streams;

/// <summary>
/// One message of an exec or attach as masks read it, the record keeps it and the other side gets it again: which stream, when (seconds since
/// it was opened), and the text, the bytes, the end of the command or the size of the terminal.
/// </summary>
internal static class StreamEvent
{
    /// <summary>Text: <c>{"at":1.25,"stream":"stdout","text":"…"}</c>. A document that is printed whole is read as that document.</summary>
    public static readonly FrameShape Text = new() { Form = FrameForm.Json, IsRead = true, Roots = [["text"]], Structure = [["at"], ["stream"]] };

    /// <summary>The end of the command: <c>{"at":1.25,"stream":"error","status":{…}}</c>, a <c>Status</c> of the API.</summary>
    public static readonly FrameShape Status = new()
    {
        Form = FrameForm.Json,
        IsRead = true,
        Roots = [["status"]],
        Structure = [["at"], ["stream"], .. ImmutableArray.Create("kind", "apiVersion", "status", "reason", "code").Select(ImmutableArray<string> (member) => ["status", member])],
    };

    /// <summary>What we wrote ourselves, from numbers: <c>{"at":1.25,"stream":"resize","width":80,"height":24}</c>.</summary>
    public static readonly FrameShape Own = new() { Form = FrameForm.Json, IsRead = true, Structure = [["at"], ["stream"], ["width"], ["height"], ["closed"]] };

    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    /// <summary>Writes what came over a stream; returns how masks read it. What is not text is bytes that no mask can read.</summary>
    public static FrameShape Write(IBufferWriter<byte> output, double at, string stream, ReadOnlySpan<byte> content)
    {
        using var json = Begin(output, at, stream);
        // NUL: text in an encoding that nobody declared (attack H17), or an archive.
        var isText = Utf8.IsValid(content) && !content.Contains((byte)0);
        if (isText) json.WriteString("text"u8, content);
        else json.WriteBase64String("base64"u8, content);
        json.WriteEndObject();
        return isText ? Text : FrameShape.Bytes;
    }

    /// <summary>Writes the end of the command.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="at">Seconds since the opening.</param>
    /// <param name="status">Strict JSON.</param>
    public static FrameShape WriteStatus(IBufferWriter<byte> output, double at, ReadOnlySpan<byte> status)
    {
        using var json = Begin(output, at, StreamChannel.NameOf(StreamChannel.Error));
        json.WritePropertyName("status"u8);
        json.WriteRawValue(status, skipInputValidation: true);
        json.WriteEndObject();
        return Status;
    }

    /// <summary>Writes a new size of the terminal.</summary>
    public static FrameShape WriteResize(IBufferWriter<byte> output, double at, int width, int height)
    {
        using var json = Begin(output, at, StreamChannel.NameOf(StreamChannel.Resize));
        json.WriteNumber("width"u8, width);
        json.WriteNumber("height"u8, height);
        json.WriteEndObject();
        return Own;
    }

    /// <summary>Writes that the input has ended.</summary>
    public static FrameShape WriteClosed(IBufferWriter<byte> output, double at)
    {
        using var json = Begin(output, at, StreamChannel.NameOf(StreamChannel.Stdin));
        json.WriteBoolean("closed"u8, value: true);
        json.WriteEndObject();
        return Own;
    }

    /// <summary>Writes the content of an event as the wire carries it; what is no content of its own (a size, an end) is written by <see cref="StreamChannel"/>.</summary>
    public static void WriteContent(ReadOnlySpan<byte> json, IBufferWriter<byte> output)
    {
        var reader = new Utf8JsonReader(json);
        reader.Read();
        int width = 0, height = 0;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var (isText, isBytes, isStatus) = (reader.ValueTextEquals("text"u8), reader.ValueTextEquals("base64"u8), reader.ValueTextEquals("status"u8));
            var (isWidth, isHeight) = (reader.ValueTextEquals("width"u8), reader.ValueTextEquals("height"u8));
            reader.Read();
            if (isText)
            {
                // Unescaped text never is longer than it was.
                output.Advance(reader.CopyString(output.GetSpan(reader.ValueSpan.Length + 1)));
            }
            else if (isBytes)
            {
                output.Write(reader.GetBytesFromBase64());
            }
            else if (isStatus)
            {
                var start = (int)reader.TokenStartIndex;
                reader.Skip();
                output.Write(json[start..(int)reader.BytesConsumed]);
            }
            else if (isWidth || isHeight)
            {
                _ = isWidth ? width = reader.GetInt32() : height = reader.GetInt32();
                if (isHeight) StreamChannel.WriteSize(output, width, height);
            }
            else
            {
                reader.Skip();
            }
        }
    }

    private static Utf8JsonWriter Begin(IBufferWriter<byte> output, double at, string stream)
    {
        var json = new Utf8JsonWriter(output, Options);
        json.WriteStartObject();
        json.WriteNumber("at"u8, Math.Round(at, 6));
        json.WriteString("stream"u8, stream);
        return json;
    }
}
