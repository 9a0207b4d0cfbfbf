using System.Buffers;
using System.Text;
using System.Text.Json;
using Postern.Core.Json;
using Postern.Core.Masking;

namespace Postern.Protocols.HttpData.Forms;

/// <summary>
/// Several bodies in one (RFC 2046 section 5.1): each part's headers and its body in the form of its own type, so that a mask's <c>$</c> is
/// each of them. A part that cannot be read blocks the whole. Preamble and epilogue, which nobody is meant to read, are not passed on.
/// </summary>
internal sealed class MultipartForm(string boundary) : BodyForm
{
    private const int MaxParts = 256;
    private const int MaxHeaders = 8 * 1024;

    private static readonly SearchValues<char> Token = SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
    private static readonly SearchValues<char> Controls = SearchValues.Create([.. Enumerable.Range(0, 32).Where(character => character != '\t').Select(character => (char)character), '\x7f']);

    private static readonly FrameShape OfParts = new() { Form = FrameForm.Json, Roots = [["parts", "[*]", "body"], ["parts", "[*]", "headers"]] };

    private readonly byte[] _line = Encoding.ASCII.GetBytes("--" + boundary);

    public override FrameShape Shape => OfParts;

    /// <summary>RFC 2046 section 5.1.1: up to 70 characters of a closed set.</summary>
    public static bool IsBoundary(string boundary) => boundary.Length is > 0 and <= 70 && boundary[^1] != ' ' && boundary.All(character => char.IsAsciiLetterOrDigit(character) || "'()+_,-./:=? ".Contains(character, StringComparison.Ordinal));

    public override void ToJson(ReadOnlySpan<byte> body, IBufferWriter<byte> json)
    {
        using var writer = new Utf8JsonWriter(json, TextForm.Writing);
        writer.WriteStartObject();
        writer.WriteStartArray("parts");
        var rest = AfterLine(body, out var isLast);
        for (var parts = 0; !isLast; parts++)
        {
            if (parts == MaxParts) throw new FormatException($"it has more than {MaxParts} parts");
            var end = EndOfPart(rest);
            Part(rest[..end], writer);
            rest = AfterLine(rest[(end + 2)..], out isLast);
        }
        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    public override void FromJson(ReadOnlySpan<byte> json, IBufferWriter<byte> body)
    {
        using var document = JsonDocument.Parse(json.ToArray(), new JsonDocumentOptions { MaxDepth = 128 });
        foreach (var part in document.RootElement.GetProperty("parts").EnumerateArray())
        {
            body.Write(_line);
            body.Write("\r\n"u8);
            MediaType type = default;
            foreach (var header in part.GetProperty("headers").EnumerateObject())
            {
                var value = header.Value.GetString() ?? "";
                if (header.Name.Equals("content-type", StringComparison.OrdinalIgnoreCase)) _ = MediaType.TryRead(value, out type);
                Encoding.UTF8.GetBytes($"{header.Name}: {value.Replace('\r', ' ').Replace('\n', ' ')}\r\n", body);
            }
            body.Write("\r\n"u8);
            FormOf(type).FromJson(Encoding.UTF8.GetBytes(part.GetProperty("body").GetRawText()), body);
            body.Write("\r\n"u8);
        }
        body.Write(_line);
        body.Write("--\r\n"u8);
    }

    private static BodyForm FormOf(MediaType type) => type.Name is null ? TextForm.Instance : type.IsMultipart ? throw new FormatException("a part has parts") : BodyForms.Of(type) ?? throw new FormatException("a part is of a type that no mask can read");

    private static void Part(ReadOnlySpan<byte> part, Utf8JsonWriter writer)
    {
        var end = part.StartsWith("\r\n"u8) ? 0 : part.IndexOf("\r\n\r\n"u8) is var found and >= 0 ? found + 2 : throw new FormatException("a part has no end of its headers");
        if (end > MaxHeaders) throw new FormatException("the headers of a part are too long");
        writer.WriteStartObject();
        writer.WriteStartObject("headers");
        MediaType type = default;
        var names = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var line in Encoding.UTF8.GetString(part[..end]).Split("\r\n", StringSplitOptions.RemoveEmptyEntries))
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            // A name with white space or a bare carriage return is another name, or another line, to another reader.
            if (colon <= 0 || line.AsSpan(0, colon).ContainsAnyExcept(Token) || line.AsSpan(colon).ContainsAny(Controls)) throw new FormatException("a header of a part cannot be read");
            var (name, value) = (line[..colon], line[(colon + 1)..].Trim(' ', '\t'));
            if (!names.Add(name)) throw new FormatException("a header of a part stands twice");
            if (name.Equals("content-transfer-encoding", StringComparison.OrdinalIgnoreCase) && value is not ("7bit" or "8bit" or "binary")) throw new FormatException("a part is in an encoding that is not read here");
            if (name.Equals("content-type", StringComparison.OrdinalIgnoreCase) && !MediaType.TryRead(value, out type)) throw new FormatException("a part has no type");
            writer.WriteString(name, value);
        }
        writer.WriteEndObject();
        var content = Charsets.ToUtf8(part[(end + 2)..].ToArray(), type.Charset is { } charset && !Charsets.IsUtf8(charset) ? throw new FormatException("a part is not UTF-8") : type.Charset);
        var json = new ArrayBufferWriter<byte>(content.Length + 64);
        FormOf(type).ToJson(content.Span, json);
        // Written as it is into a larger document: an empty part would throw, and one that is no JSON could pass for several parts.
        if (StrictJson.Check(json.WrittenSpan) is not null) throw new FormatException("a part is not JSON with one meaning");
        writer.WritePropertyName("body");
        writer.WriteRawValue(json.WrittenSpan, skipInputValidation: true);
        writer.WriteEndObject();
    }

    /// <summary>What follows the delimiter line that stands first; text before it is left out.</summary>
    private ReadOnlySpan<byte> AfterLine(ReadOnlySpan<byte> rest, out bool isLast)
    {
        var at = rest.StartsWith(_line) ? 0 : rest.IndexOf(_line);
        if (at < 0 || (at > 0 && rest[at - 1] != (byte)'\n')) throw new FormatException("it lacks its boundary");
        rest = rest[(at + _line.Length)..];
        isLast = rest.StartsWith("--"u8);
        if (isLast) return default;
        rest = rest.TrimStart(" \t"u8);
        return rest.StartsWith("\r\n"u8) ? rest[2..] : throw new FormatException("its boundary is not a line of its own");
    }

    private int EndOfPart(ReadOnlySpan<byte> rest)
    {
        for (var from = 0; ;)
        {
            var at = rest[from..].IndexOf(_line);
            if (at < 0) throw new FormatException("it does not end");
            at += from;
            if (at >= 2 && rest[at - 2] == (byte)'\r' && rest[at - 1] == (byte)'\n') return at - 2;
            from = at + 1;
        }
    }
}
