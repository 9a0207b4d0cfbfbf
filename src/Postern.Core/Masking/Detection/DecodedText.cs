using System.Buffers;
using System.Text;
using Postern.Core.Json;

namespace Postern.Core.Masking.Detection;

/// <summary>
/// A text as it reads with spellings undone, and for each of its bytes where it came from. Several spellings in each other are
/// undone level by level. Rented space; one at a time.
/// </summary>
internal sealed class DecodedText : IDisposable
{
    // Each level undoes one wrapping; deeper nesting than this is nobody's format.
    private const int MaxLevels = 3;

    private static readonly SearchValues<byte> s_signs = SearchValues.Create("%\\&"u8);

    private byte[] _bytes = [];
    private int[] _origins = [];
    private int _length;
    private int _end;

    /// <summary>The text as it reads.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, _length);

    /// <summary>Where in the original text this byte began; its end for the end.</summary>
    public int OriginOf(int place) => place < _length ? _origins[place] : _end;

    /// <summary>Undoes these spellings. True when the text reads otherwise than it stands.</summary>
    public bool Read(ReadOnlySpan<byte> text, Decodings decodings)
    {
        Rent(text.Length);
        text.CopyTo(_bytes);
        _length = _end = text.Length;
        for (var i = 0; i < text.Length; i++) _origins[i] = i;
        var isChanged = false;
        for (var level = 0; level < MaxLevels; level++)
        {
            var before = _length;
            Undo(decodings);
            if (_length == before) break;
            isChanged = true;
        }
        return isChanged;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_bytes.Length > 0) ArrayPool<byte>.Shared.Return(_bytes);
        if (_origins.Length > 0) ArrayPool<int>.Shared.Return(_origins);
        (_bytes, _origins, _length) = ([], [], 0);
    }

    private void Rent(int length)
    {
        if (_bytes.Length >= length) return;
        Dispose();
        _bytes = ArrayPool<byte>.Shared.Rent(length);
        _origins = ArrayPool<int>.Shared.Rent(length);
    }

    /// <summary>One pass in place: what stands for a character is never shorter than the character.</summary>
    private void Undo(Decodings decodings)
    {
        var text = _bytes.AsSpan(0, _length);
        var folds = (decodings & Decodings.Lookalikes) != Decodings.None;
        if (text.IndexOfAny(s_signs) < 0 && !(folds && (!Ascii.IsValid(text) || text.Contains((byte)0)))) return;
        var written = 0;
        Span<byte> utf8 = stackalloc byte[4];
        for (var at = 0; at < text.Length;)
        {
            var (length, rune) = Spelt(text[at..], decodings);
            if (length == 0 && folds) (length, rune) = Lookalikes.Read(text[at..]);
            if (length == 0)
            {
                _origins[written] = _origins[at];
                text[written++] = text[at++];
                continue;
            }
            var origin = _origins[at];
            at += length;
            if (rune < 0) continue;
            // A percent-encoded byte is a byte, whatever it belongs to.
            var count = rune <= 0xff && length == 3 && text[at - 3] == '%' ? One(rune, utf8) : new Rune(rune).EncodeToUtf8(utf8);
            for (var i = 0; i < count; i++)
            {
                _origins[written] = origin;
                text[written++] = utf8[i];
            }
        }
        _length = written;
    }

    private static int One(int value, Span<byte> destination)
    {
        destination[0] = (byte)value;
        return 1;
    }

    /// <summary>The length of an escape here and what it stands for; length 0 for none.</summary>
    private static (int Length, int Rune) Spelt(ReadOnlySpan<byte> here, Decodings decodings)
    {
        if (here[0] == '%' && (decodings & Decodings.Url) != Decodings.None) return Hex(here, 1, 2) is >= 0 and var value ? (3, value) : default;
        if ((decodings & Decodings.Escapes) == Decodings.None) return default;
        return here[0] switch
        {
            (byte)'\\' when here.Length > 1 => Backslash(here),
            (byte)'&' => Entity(here),
            _ => default,
        };
    }

    private static (int Length, int Rune) Backslash(ReadOnlySpan<byte> here)
    {
        if (here[1] == 'x') return Hex(here, 2, 2) is >= 0 and var value ? (4, value) : default;
        if (here[1] == '/') return (2, '/');
        if (here[1] == '\\') return (2, '\\');
        if (here[1] != 'u') return default;
        var unit = Hex(here, 2, 4);
        if (Rune.IsValid(unit)) return (6, unit);
        if (unit is >= 0xd800 and <= 0xdbff && here.Length > 7 && here[6] == '\\' && here[7] == 'u' && Hex(here[6..], 2, 4) is >= 0xdc00 and <= 0xdfff and var low)
            return (12, char.ConvertToUtf32((char)unit, (char)low));
        return default;
    }

    private static (int Length, int Rune) Entity(ReadOnlySpan<byte> here)
    {
        if (here.Length > 1 && here[1] == '#')
        {
            var isHex = here.Length > 2 && (here[2] | 0x20) == 'x';
            var (at, value) = (isHex ? 3 : 2, 0);
            var start = at;
            for (; at < here.Length && at - start < 7; at++)
            {
                var digit = char.IsAsciiHexDigit((char)here[at]) ? JsonText.HexValue(here[at]) : 16;
                if (digit >= (isHex ? 16 : 10)) break;
                value = (value * (isHex ? 16 : 10)) + digit;
            }
            if (at == start || !Rune.IsValid(value)) return default;
            return (at < here.Length && here[at] == ';' ? at + 1 : at, value);
        }
        foreach (var (name, rune) in s_entities)
        {
            if (here.StartsWith(name)) return (name.Length, rune);
        }
        return default;
    }

    private static int Hex(ReadOnlySpan<byte> here, int from, int digits)
    {
        if (here.Length < from + digits) return -1;
        var value = 0;
        foreach (var digit in here.Slice(from, digits))
        {
            if (!char.IsAsciiHexDigit((char)digit)) return -1;
            value = (value << 4) | JsonText.HexValue(digit);
        }
        return value;
    }

    private static readonly (byte[] Name, int Rune)[] s_entities =
    [
        .. new[] { ("&amp;", '&'), ("&commat;", '@'), ("&period;", '.'), ("&colon;", ':'), ("&sol;", '/'), ("&lowbar;", '_'), ("&equals;", '='), ("&plus;", '+'), ("&nbsp;", ' '), ("&quot;", '"'), ("&hyphen;", '-'), ("&dash;", '-') }
            .Select(entity => (Encoding.ASCII.GetBytes(entity.Item1), (int)entity.Item2)),
    ];
}
