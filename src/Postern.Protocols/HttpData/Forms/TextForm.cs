using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Postern.Protocols.HttpData.Forms;

/// <summary>
/// Text as one JSON string. A document that a target sends as text is read as that document: what a body is called must not decide
/// what of it is hidden.
/// </summary>
internal sealed class TextForm : BodyForm
{
    public static readonly TextForm Instance = new();

    /// <summary>How every form of this folder writes its JSON.</summary>
    public static readonly JsonWriterOptions Writing = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    public override void ToJson(ReadOnlySpan<byte> body, IBufferWriter<byte> json)
    {
        // Text in an encoding that nobody declared: detectors would not see what a reader that guesses does (attack H17).
        if (body.IndexOf((byte)0) >= 0) throw new FormatException("text that holds NUL");
        using var writer = new Utf8JsonWriter(json, Writing);
        writer.WriteStringValue(body);
    }

    public override void FromJson(ReadOnlySpan<byte> json, IBufferWriter<byte> body)
    {
        var reader = new Utf8JsonReader(json);
        reader.Read();
        Put(ref reader, body);
    }

    /// <summary>Writes the text of the string or other scalar that the reader stands on.</summary>
    public static void Put(ref Utf8JsonReader reader, IBufferWriter<byte> body)
    {
        if (reader.TokenType == JsonTokenType.Null) return;
        if (reader.TokenType != JsonTokenType.String)
        {
            body.Write(reader.ValueSpan);
            return;
        }
        var span = body.GetSpan(reader.ValueSpan.Length + 1);
        body.Advance(reader.CopyString(span));
    }
}
