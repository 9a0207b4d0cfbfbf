using System.Globalization;
using System.Text;

namespace Postern.Upstreams.Stdio;

/// <summary>
/// Puts another token in the place of one or two of a message, and leaves every other byte as it is. Towards the child the
/// result is one line; towards a client one event of a stream.
/// </summary>
internal static class Splice
{
    private static ReadOnlySpan<byte> EventStart => "data: "u8;

    private static ReadOnlySpan<byte> EventEnd => "\n\n"u8;

    /// <summary>One line with its end. Line breaks between tokens become spaces: the transport ends a message at the first.</summary>
    public static byte[] Line(ReadOnlySpan<byte> message, Slot first, ReadOnlySpan<byte> firstToken, Slot second = default, ReadOnlySpan<byte> secondToken = default)
    {
        var line = new byte[message.Length + Change(first, firstToken) + Change(second, secondToken) + 1]; // + 1: LF
        Write(message, first, firstToken, second, secondToken, line);
        // Strict JSON has raw control characters nowhere but between tokens, so this changes no value.
        line.AsSpan(..^1).Replace((byte)'\n', (byte)' ');
        line.AsSpan(..^1).Replace((byte)'\r', (byte)' ');
        line[^1] = (byte)'\n';
        return line;
    }

    /// <summary>One event of an event stream. The message holds no line break.</summary>
    public static byte[] Event(ReadOnlySpan<byte> message, Slot first = default, ReadOnlySpan<byte> firstToken = default, Slot second = default, ReadOnlySpan<byte> secondToken = default)
    {
        var framed = new byte[EventStart.Length + message.Length + Change(first, firstToken) + Change(second, secondToken) + EventEnd.Length];
        EventStart.CopyTo(framed);
        Write(message, first, firstToken, second, secondToken, framed.AsSpan(EventStart.Length..^EventEnd.Length));
        EventEnd.CopyTo(framed.AsSpan(^EventEnd.Length..));
        return framed;
    }

    /// <summary>The message inside an event.</summary>
    public static ReadOnlyMemory<byte> Unframe(byte[] framed) => framed.AsMemory(EventStart.Length..^EventEnd.Length);

    /// <summary>A number as a token.</summary>
    public static byte[] Token(long number) => Encoding.ASCII.GetBytes(number.ToString(CultureInfo.InvariantCulture));

    private static int Change(Slot slot, ReadOnlySpan<byte> token) => slot.IsEmpty ? 0 : token.Length - slot.Length;

    private static void Write(ReadOnlySpan<byte> message, Slot first, ReadOnlySpan<byte> firstToken, Slot second, ReadOnlySpan<byte> secondToken, Span<byte> into)
    {
        if (second.Length > 0 && second.Start < first.Start)
        {
            Write(message, second, secondToken, first, firstToken, into);
            return;
        }
        var at = 0;
        var from = 0;
        Replace(message, first, firstToken, into, ref from, ref at);
        Replace(message, second, secondToken, into, ref from, ref at);
        message[from..].CopyTo(into[at..]);
    }

    private static void Replace(ReadOnlySpan<byte> message, Slot slot, ReadOnlySpan<byte> token, Span<byte> into, ref int from, ref int at)
    {
        if (slot.IsEmpty) return;
        message[from..slot.Start].CopyTo(into[at..]);
        at += slot.Start - from;
        token.CopyTo(into[at..]);
        at += token.Length;
        from = slot.Start + slot.Length;
    }
}
