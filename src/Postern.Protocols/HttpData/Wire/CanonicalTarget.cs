using System.Buffers;
using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Text;

namespace Postern.Protocols.HttpData.Wire;

/// <summary>One name of a query or a form, decoded; the value is null where no <c>=</c> stood.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct FieldPair(string Name, string? Value);

/// <summary>
/// The request target (RFC 9112 section 3.2.1, RFC 3986) in the one spelling that is judged and sent. Path and query are decoded
/// once and written again: whatever stands in <see cref="Text"/> decodes to <see cref="Path"/> and <see cref="Query"/>, and to nothing
/// else for a reader that decodes once. What common servers read in two ways has no such spelling and is refused.
/// </summary>
internal sealed class CanonicalTarget
{
    /// <summary>Longest target, as it comes and as it is sent.</summary>
    public const int MaxLength = 8 * 1024;

    /// <summary>Most names of a query.</summary>
    public const int MaxPairs = 256;

    // RFC 3986 pchar without `;`, which some servers take for the end of a segment.
    private static readonly SearchValues<char> PlainInPath = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,=:@/");

    private CanonicalTarget(string text, string path, ImmutableArray<FieldPair> query) => (Text, Path, Query) = (text, path, query);

    /// <summary>Path and query as they are sent.</summary>
    public string Text { get; }

    /// <summary>The path, decoded; what policies match.</summary>
    public string Path { get; }

    /// <summary>The query's names and values, decoded, in their order.</summary>
    public ImmutableArray<FieldPair> Query { get; }

    /// <summary>Reads a path and query as it stood in the request line; null with a reason when it has no one reading.</summary>
    public static CanonicalTarget? Read(ReadOnlySpan<char> raw, out string? fault)
    {
        if (raw.Length > MaxLength)
        {
            fault = $"the target is longer than {MaxLength} characters";
            return null;
        }
        if (raw.IsEmpty || raw[0] != '/')
        {
            fault = "expected a path as the request target";
            return null;
        }
        var mark = raw.IndexOf('?');
        var rawPath = mark < 0 ? raw : raw[..mark];
        if (PathOf(rawPath, out fault) is not { } path) return null;
        var query = ImmutableArray<FieldPair>.Empty;
        if (mark >= 0 && !TryPairs(raw[(mark + 1)..], out query, out fault)) return null;
        // Mostly the path is canonical as it stands, and there is no query.
        if (mark < 0 && path.Length == rawPath.Length && !path.AsSpan().ContainsAnyExcept(PlainInPath)) return new CanonicalTarget(path, path, query);
        var text = new StringBuilder(raw.Length);
        AppendPath(text, path);
        if (mark >= 0) AppendPairs(text.Append('?'), query, isForm: false);
        if (text.Length > MaxLength)
        {
            fault = $"the target is longer than {MaxLength} characters once everything in it is escaped";
            return null;
        }
        return new CanonicalTarget(text.ToString(), path, query);
    }

    /// <summary>Reads <c>name=value&amp;…</c> (application/x-www-form-urlencoded, WHATWG URL section 5.1).</summary>
    public static bool TryPairs(ReadOnlySpan<char> raw, out ImmutableArray<FieldPair> pairs, out string? fault)
    {
        fault = null;
        pairs = [];
        var found = ImmutableArray.CreateBuilder<FieldPair>();
        foreach (var range in raw.Split('&'))
        {
            var pair = raw[range];
            if (pair.IsEmpty) continue;
            if (found.Count == MaxPairs)
            {
                fault = $"more than {MaxPairs} names";
                return false;
            }
            var equals = pair.IndexOf('=');
            if (!TryDecode(equals < 0 ? pair : pair[..equals], isPath: false, out var name, out fault)) return false;
            string? value = null;
            if (equals >= 0 && !TryDecode(pair[(equals + 1)..], isPath: false, out value, out fault)) return false;
            found.Add(new FieldPair(name, value));
        }
        pairs = found.DrainToImmutable();
        return true;
    }

    /// <summary>Writes pairs so that they decode to what they are. A space is <c>%20</c> in a query, where not everyone reads <c>+</c>, and <c>+</c> in a form.</summary>
    public static void AppendPairs(StringBuilder text, ImmutableArray<FieldPair> pairs, bool isForm)
    {
        for (var i = 0; i < pairs.Length; i++)
        {
            if (i > 0) text.Append('&');
            AppendEscaped(text, pairs[i].Name, isForm);
            if (pairs[i].Value is not { } value) continue;
            text.Append('=');
            AppendEscaped(text, value, isForm);
        }
    }

    private static string? PathOf(ReadOnlySpan<char> raw, out string? fault)
    {
        // A backslash is a slash to some, `;` ends a segment for others, and `#` should never have been sent.
        if (raw.IndexOfAny("\\;#") >= 0)
        {
            fault = "the path holds a separator that servers read differently";
            return null;
        }
        if (raw.IndexOf("//", StringComparison.Ordinal) >= 0)
        {
            fault = "the path holds an empty segment, which some servers drop";
            return null;
        }
        if (!TryDecode(raw, isPath: true, out var path, out fault)) return null;
        foreach (var segment in path.AsSpan().Split('/'))
        {
            if (path.AsSpan()[segment] is "." or "..")
            {
                fault = "the path holds a dot segment";
                return null;
            }
        }
        return path;
    }

    /// <summary>Undoes one layer of percent-encoding, strictly: whole escapes, UTF-8, no control characters, nothing that a second layer would change.</summary>
    private static bool TryDecode(ReadOnlySpan<char> raw, bool isPath, out string decoded, out string? fault)
    {
        fault = null;
        decoded = "";
        if (raw.ContainsAnyExceptInRange('!', '~'))
        {
            fault = "the target holds characters that must be escaped";
            return false;
        }
        if (raw.IndexOf('#') >= 0)
        {
            fault = "the target holds a fragment";
            return false;
        }
        if (raw.IndexOf('%') < 0 && (isPath || raw.IndexOf('+') < 0))
        {
            decoded = raw.ToString();
            return true;
        }
        Span<byte> bytes = raw.Length <= 512 ? stackalloc byte[raw.Length] : new byte[raw.Length];
        var length = 0;
        for (var i = 0; i < raw.Length; i++)
        {
            var character = raw[i];
            if (character == '+' && !isPath) character = ' ';
            if (character != '%')
            {
                bytes[length++] = (byte)character;
                continue;
            }
            if (i + 2 >= raw.Length || !char.IsAsciiHexDigit(raw[i + 1]) || !char.IsAsciiHexDigit(raw[i + 2]))
            {
                fault = "an escape of the target is not `%` and two hexadecimal digits";
                return false;
            }
            var value = (byte)((Convert.ToInt32(raw[i + 1].ToString(), 16) << 4) | Convert.ToInt32(raw[i + 2].ToString(), 16));
            if (Forbidden(value, isPath) is { } why)
            {
                fault = why;
                return false;
            }
            bytes[length++] = value;
            i += 2;
        }
        try
        {
            decoded = Strict.GetString(bytes[..length]);
        }
        catch (DecoderFallbackException)
        {
            // Overlong forms end here too: `%c0%af` is a slash to a lenient reader.
            fault = "the target's escapes are not UTF-8";
            return false;
        }
        if (isPath && HasSecondLayer(decoded))
        {
            fault = "the path is escaped twice";
            return false;
        }
        foreach (var each in decoded)
        {
            // C1 controls, line and paragraph separators, and what only some readers drop.
            if (each is (>= '\u0080' and <= '\u009f') or '\u2028' or '\u2029' or '\ufeff' or '\ufffd')
            {
                fault = "the target holds a control character";
                return false;
            }
        }
        return true;
    }

    private static string? Forbidden(byte value, bool isPath) => value switch
    {
        (byte)'/' or (byte)'\\' when isPath => "the path holds an escaped separator",
        (byte)'\t' or (byte)'\r' or (byte)'\n' when !isPath => null,
        < 0x20 or 0x7f => "the target holds an escaped control character",
        _ => null,
    };

    private static bool HasSecondLayer(ReadOnlySpan<char> path)
    {
        for (var at = path.IndexOf('%'); at >= 0 && at + 2 < path.Length;)
        {
            if (char.IsAsciiHexDigit(path[at + 1]) && char.IsAsciiHexDigit(path[at + 2])) return true;
            var next = path[(at + 1)..].IndexOf('%');
            if (next < 0) return false;
            at += next + 1;
        }
        return false;
    }

    private static void AppendPath(StringBuilder text, string path)
    {
        foreach (var rune in path.EnumerateRunes())
        {
            if (rune.IsAscii && PlainInPath.Contains((char)rune.Value)) text.Append((char)rune.Value);
            else AppendRune(text, rune);
        }
    }

    private static void AppendEscaped(StringBuilder text, string value, bool isForm)
    {
        foreach (var rune in value.EnumerateRunes())
        {
            if (rune.IsAscii && IsPlainInPair((char)rune.Value, isForm)) text.Append((char)rune.Value);
            else if (isForm && rune.Value == ' ') text.Append('+');
            else AppendRune(text, rune);
        }
    }

    private static bool IsPlainInPair(char character, bool isForm) =>
        char.IsAsciiLetterOrDigit(character) || character is '-' or '.' or '_' or '~' or '*' || (!isForm && character is '!' or '$' or '\'' or '(' or ')' or ',' or ':' or '@' or '/');

    private static void AppendRune(StringBuilder text, Rune rune)
    {
        Span<byte> utf8 = stackalloc byte[4];
        foreach (var value in utf8[..rune.EncodeToUtf8(utf8)]) text.Append('%').Append("0123456789ABCDEF"[value >> 4]).Append("0123456789ABCDEF"[value & 15]);
    }

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
}
