using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Unicode;

namespace Postern.Protocols.Postgres.Wire;

/// <summary>Where one message stands in its unit.</summary>
/// <param name="Type">Its type byte.</param>
/// <param name="Start">Where it begins, the type byte included.</param>
/// <param name="Length">All its bytes, the type byte included.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct ClientMessage(byte Type, int Start, int Length)
{
    /// <summary>Type and length.</summary>
    public const int HeaderLength = 5;

    /// <summary>The body.</summary>
    public ReadOnlySpan<byte> BodyOf(ReadOnlySpan<byte> unit) => unit.Slice(Start + HeaderLength, Length - HeaderLength);

    /// <summary>
    /// Bytes of the message that begins here, its type included; 0 while the header is not whole. Looks at the length before any memory is
    /// taken for it.
    /// </summary>
    /// <exception cref="WireException">The type is unknown, or the length impossible for it.</exception>
    public static int LengthOf(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty) return 0;
        var rule = MessageTable.OfClient(bytes[0]);
        if (rule.Handling == Handling.Unknown) throw new WireException("a message of a type that does not exist");
        if (bytes.Length < HeaderLength) return 0;
        var length = BinaryPrimitives.ReadInt32BigEndian(bytes[1..]);
        if (length < 4) throw new WireException($"a {rule.Name} message of an impossible length");
        if (length > rule.Longest) throw new WireException($"a {rule.Name} message is longer than the {rule.Longest} bytes that are read");
        return 1 + length;
    }

    /// <summary>The text of a Query.</summary>
    public static ReadOnlySpan<byte> Query(ReadOnlySpan<byte> body)
    {
        var fields = new Fields(body);
        var text = Utf8Of(fields.Text());
        fields.End();
        return text;
    }

    /// <summary>Name and text of a Parse; checks the types behind them.</summary>
    public static ReadOnlySpan<byte> Parse(ReadOnlySpan<byte> body, out ReadOnlySpan<byte> name)
    {
        var fields = new Fields(body);
        name = NameOf(fields.Text());
        var text = Utf8Of(fields.Text());
        fields.Take(fields.UInt16() * 4);
        fields.End();
        return text;
    }

    /// <summary>Portal and statement of a Bind, and where its formats and values begin; checks all of them.</summary>
    public static BoundNames Bind(ReadOnlySpan<byte> body)
    {
        var fields = new Fields(body);
        var portal = NameOf(fields.Text());
        var statement = NameOf(fields.Text());
        Formats(ref fields);
        var count = fields.UInt16();
        for (var i = 0; i < count; i++) fields.Value(out _);
        Formats(ref fields);
        fields.End();
        return new BoundNames(portal, statement);
    }

    /// <summary>The portal of an Execute, and its row limit; 0 for none.</summary>
    public static ReadOnlySpan<byte> Execute(ReadOnlySpan<byte> body, out int limit)
    {
        var fields = new Fields(body);
        var portal = NameOf(fields.Text());
        limit = fields.Int32();
        fields.End();
        return portal;
    }

    /// <summary>What a Describe or Close names: a statement or a portal.</summary>
    public static ReadOnlySpan<byte> Named(ReadOnlySpan<byte> body, out bool isPortal)
    {
        var fields = new Fields(body);
        var kind = fields.Byte();
        if (kind is not ((byte)'S' or (byte)'P')) throw new WireException("a Describe or Close names neither a statement nor a portal");
        isPortal = kind == (byte)'P';
        var name = NameOf(fields.Text());
        fields.End();
        return name;
    }

    private static void Formats(ref Fields fields)
    {
        var count = fields.UInt16();
        for (var i = 0; i < count; i++)
        {
            if (fields.UInt16() > 1) throw new WireException("a format that is neither text nor binary");
        }
    }

    private static ReadOnlySpan<byte> Utf8Of(ReadOnlySpan<byte> text) => Utf8.IsValid(text) ? text : throw new WireException("a statement is not UTF-8");

    // The server cuts names to 63 bytes, and would take two longer ones for the same.
    private static ReadOnlySpan<byte> NameOf(ReadOnlySpan<byte> name) =>
        name.Length <= 63 && Utf8.IsValid(name) ? name : throw new WireException("the name of a statement or portal is longer than 63 bytes, or not UTF-8");
}

/// <summary>What a Bind ties together.</summary>
internal readonly ref struct BoundNames(ReadOnlySpan<byte> portal, ReadOnlySpan<byte> statement)
{
    public ReadOnlySpan<byte> Portal { get; } = portal;

    public ReadOnlySpan<byte> Statement { get; } = statement;
}
