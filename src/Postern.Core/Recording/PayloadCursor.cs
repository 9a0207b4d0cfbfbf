using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using Postern.Core.Json;

namespace Postern.Core.Recording;

/// <summary>
/// Walks over a payload that stands exactly as <see cref="PayloadWriter"/> writes it, byte by byte as expected. Whatever it does not
/// expect, it says no to: the strict reader then says whether that is a payload at all. It never says yes to what is none, as long as the
/// slices that it hands out are read strictly.
/// </summary>
internal ref struct PayloadCursor(ReadOnlySpan<byte> json)
{
    private readonly ReadOnlySpan<byte> _json = json;
    private int _at;

    /// <summary>Everything was walked over.</summary>
    public readonly bool IsAtEnd => _at == _json.Length;

    /// <summary>Goes on behind exactly these bytes.</summary>
    public bool Take(ReadOnlySpan<byte> expected)
    {
        if (!_json[_at..].StartsWith(expected)) return false;
        _at += expected.Length;
        return true;
    }

    /// <summary>A text as it stands, with its quotes.</summary>
    public bool Text(out ReadOnlySpan<byte> quoted)
    {
        quoted = default;
        if (_at >= _json.Length || _json[_at] != '"') return false;
        var end = _at + 1;
        while (true)
        {
            var next = _json[end..].IndexOfAny((byte)'"', (byte)'\\');
            if (next < 0) return false;
            end += next;
            if (_json[end] == '"') break;
            end += 2;
            if (end > _json.Length) return false;
        }
        quoted = _json[_at..(end + 1)];
        _at = end + 1;
        return true;
    }

    /// <summary>A text of plain characters.</summary>
    public bool Plain(out string text)
    {
        text = "";
        if (!Text(out var quoted)) return false;
        var inner = quoted[1..^1];
        if (inner.ContainsAnyExceptInRange((byte)' ', (byte)'~') || inner.Contains((byte)'\\')) return false;
        text = Encoding.ASCII.GetString(inner);
        return true;
    }

    /// <summary>A time, as JSON has it.</summary>
    /// <exception cref="JsonException">The text is none.</exception>
    public bool Time(out DateTimeOffset at)
    {
        at = default;
        if (!Text(out var quoted)) return false;
        var reader = new Utf8JsonReader(quoted);
        return reader.Read() && reader.TryGetDateTimeOffset(out at);
    }

    /// <summary>A number that is not negative, in its shortest form.</summary>
    public bool Number(out long value)
    {
        var rest = _json[_at..];
        var end = rest.IndexOfAnyExceptInRange((byte)'0', (byte)'9');
        var digits = end < 0 ? rest : rest[..end];
        _at += digits.Length;
        return Utf8Parser.TryParse(digits, out value, out var read) && read == digits.Length && (digits[0] != '0' || read == 1);
    }

    /// <summary>An array or object as it stands.</summary>
    public bool Slice(byte opening, out ReadOnlySpan<byte> slice)
    {
        slice = default;
        if (_at >= _json.Length || _json[_at] != opening) return false;
        var end = JsonBrackets.EndOf(_json, _at + 1);
        if (end < 0) return false;
        slice = _json[_at..end];
        _at = end;
        return true;
    }
}
