using System.Buffers.Binary;

namespace Postern.Protocols.Postgres.Wire;

/// <summary>Reads the fields of one message body, in order and to its exact end (attack Q14).</summary>
internal ref struct Fields(ReadOnlySpan<byte> body)
{
    private ReadOnlySpan<byte> _rest = body;

    /// <summary>Bytes that are left.</summary>
    public readonly int Left => _rest.Length;

    public byte Byte()
    {
        var value = Take(1)[0];
        return value;
    }

    /// <summary>Counts and numbers of 16 bits; counts are unsigned.</summary>
    public ushort UInt16() => BinaryPrimitives.ReadUInt16BigEndian(Take(2));

    public int Int32() => BinaryPrimitives.ReadInt32BigEndian(Take(4));

    /// <summary>A text up to its zero byte, without it.</summary>
    public ReadOnlySpan<byte> Text()
    {
        var end = _rest.IndexOf((byte)0);
        if (end < 0) throw new WireException("a text in a message has no end");
        var text = _rest[..end];
        _rest = _rest[(end + 1)..];
        return text;
    }

    /// <summary>A value with its length before it; -1 stands for NULL.</summary>
    public ReadOnlySpan<byte> Value(out bool isNull)
    {
        var length = Int32();
        isNull = length == -1;
        if (length < -1) throw new WireException("a value in a message has a negative length");
        return isNull ? [] : Take(length);
    }

    public ReadOnlySpan<byte> Take(int count)
    {
        if (count > _rest.Length) throw new WireException("a message is shorter than what stands in it");
        var taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }

    /// <summary>Nothing may be left.</summary>
    public readonly void End()
    {
        if (!_rest.IsEmpty) throw new WireException("a message is longer than what stands in it");
    }
}
