using System.Buffers;
using System.Runtime.InteropServices;

namespace Postern.Core.Json;

/// <summary>
/// Writes a strict document's canonical form: members as they come, put in order when their object closes.
/// </summary>
internal ref struct CanonicalForm : IDisposable
{
    private static readonly SearchValues<byte> s_tokenEnd = SearchValues.Create(",]} \n\r\t"u8);

    private readonly ReadOnlySpan<byte> _utf8;
    private byte[] _output;
    private int _length;
    private Member[] _members = [];
    private int _count;
    private int _at;

    public CanonicalForm(ReadOnlySpan<byte> strictUtf8)
    {
        _utf8 = strictUtf8;
        // Only raw controls would grow, and those are not valid; so the form is never longer than the document.
        _output = ArrayPool<byte>.Shared.Rent(Math.Max(strictUtf8.Length, 16));
        Value();
    }

    /// <summary>Where one member stands in the output: its name without quotes, then the rest up to its end.</summary>
    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Member(int Start, int NameLength, int End);

    public readonly ReadOnlySpan<byte> Written => _output.AsSpan(0, _length);

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_output);
        if (_members.Length > 0) ArrayPool<Member>.Shared.Return(_members);
        _output = [];
        _members = [];
    }

    private void Value()
    {
        SkipSpace();
        switch (_utf8[_at])
        {
            case (byte)'"': Text(); break;
            case (byte)'{': Object(); break;
            case (byte)'[': Array(); break;
            default: Token(); break;
        }
    }

    private void Token()
    {
        var rest = _utf8[_at..];
        var end = rest.IndexOfAny(s_tokenEnd);
        var token = end < 0 ? rest : rest[..end];
        token.CopyTo(_output.AsSpan(_length));
        _length += token.Length;
        _at += token.Length;
    }

    private void Text()
    {
        var rest = _utf8[(_at + 1)..];
        var end = JsonText.IndexOfQuote(rest, out var isEscaped);
        var text = rest[..end];
        _at += end + 2;
        Put((byte)'"');
        if (!isEscaped)
        {
            text.CopyTo(_output.AsSpan(_length));
            _length += text.Length;
        }
        else
        {
            var unescaped = ArrayPool<byte>.Shared.Rent(text.Length);
            var length = JsonText.Unescape(text, unescaped);
            _length += JsonText.Escape(unescaped.AsSpan(0, length), _output.AsSpan(_length));
            ArrayPool<byte>.Shared.Return(unescaped);
        }
        Put((byte)'"');
    }

    private void Array()
    {
        Open();
        while (_utf8[_at] != (byte)']')
        {
            Value();
            Separate();
        }
        Close();
    }

    private void Object()
    {
        var first = _count;
        Open();
        while (_utf8[_at] != (byte)'}')
        {
            var start = _length;
            Text();
            var nameLength = _length - start - 2;
            SkipSpace();
            Put(_utf8[_at++]);
            Value();
            Add(new Member(start, nameLength, _length));
            Separate();
        }
        Order(first);
        Close();
    }

    private void Open()
    {
        Put(_utf8[_at++]);
        SkipSpace();
    }

    private void Close() => Put(_utf8[_at++]);

    private void Separate()
    {
        SkipSpace();
        if (_utf8[_at] != (byte)',') return;
        Put(_utf8[_at++]);
        SkipSpace();
    }

    private void Order(int first)
    {
        var members = _members.AsSpan(first, _count - first);
        _count = first;
        var output = _output;
        int Compare(Member one, Member other) =>
            Utf16Order.Compare(output.AsSpan(one.Start + 1, one.NameLength), output.AsSpan(other.Start + 1, other.NameLength));
        var isOrdered = true;
        for (var i = 1; i < members.Length && isOrdered; i++) isOrdered = Compare(members[i - 1], members[i]) < 0;
        if (isOrdered) return;

        var start = members[0].Start;
        var length = _length - start;
        var unordered = ArrayPool<byte>.Shared.Rent(length);
        _output.AsSpan(start, length).CopyTo(unordered);
        members.Sort(Compare);
        var to = start;
        foreach (var member in members)
        {
            if (to > start) _output[to++] = (byte)',';
            unordered.AsSpan(member.Start - start, member.End - member.Start).CopyTo(_output.AsSpan(to));
            to += member.End - member.Start;
        }
        ArrayPool<byte>.Shared.Return(unordered);
    }

    private void Add(Member member)
    {
        if (_count == _members.Length)
        {
            var larger = ArrayPool<Member>.Shared.Rent(Math.Max(_count * 2, 16));
            _members.AsSpan(0, _count).CopyTo(larger);
            if (_members.Length > 0) ArrayPool<Member>.Shared.Return(_members);
            _members = larger;
        }
        _members[_count++] = member;
    }

    private void Put(byte value) => _output[_length++] = value;

    private void SkipSpace()
    {
        while (_at < _utf8.Length && _utf8[_at] is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t') _at++;
    }
}
