using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;

namespace Postern.Protocols.Postgres.Masking;

/// <summary>A text of SQL as a JSON string, made once for all the times that it comes.</summary>
internal sealed class ShownText
{
    // Of what is long the bytes that would be kept cost more than making them again.
    private const int Longest = 4_096;

    private readonly byte[] _text;
    private readonly byte[] _json;

    private ShownText(byte[] text, byte[] json) => (_text, _json) = (text, json);

    /// <summary>With its quotes.</summary>
    public ReadOnlySpan<byte> Json => _json;

    /// <summary>True when it is of this text and no other.</summary>
    public bool IsOf(ReadOnlySpan<byte> text) => _text.AsSpan().SequenceEqual(text);

    /// <summary>Null when it is not worth keeping, or is no text.</summary>
    public static ShownText? Of(ReadOnlySpan<byte> text)
    {
        if (text.Length > Longest || !Utf8.IsValid(text)) return null;
        return new ShownText(text.ToArray(), [(byte)'"', .. JsonEncodedText.Encode(text, JavaScriptEncoder.UnsafeRelaxedJsonEscaping).EncodedUtf8Bytes, (byte)'"']);
    }
}
