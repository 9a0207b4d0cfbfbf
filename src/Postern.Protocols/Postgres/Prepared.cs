using System.Buffers.Binary;
using System.Collections.Immutable;
using Postern.Protocols.Postgres.Sql;
using Postern.Protocols.Postgres.Wire;

namespace Postern.Protocols.Postgres;

/// <summary>What the name of a prepared statement stands for.</summary>
/// <param name="text">The text that was judged; a copy of its own.</param>
/// <param name="statement">What was understood of it; null for a text without a statement.</param>
/// <param name="types">The parameters' types as the client gave them; 0 or missing where it left them to the server.</param>
internal sealed class Prepared(ReadOnlyMemory<byte> text, SqlStatement? statement, uint[] types)
{
    public ReadOnlyMemory<byte> Text { get; } = text;

    public SqlStatement? Statement { get; } = statement;

    /// <summary>The version of the catalogue under which it was understood.</summary>
    public required string Version { get; init; }

    /// <summary>True when a PREPARE made it, somewhere in a longer text perhaps.</summary>
    public bool IsOfText { get; init; }

    /// <summary>What the server says of the parameters' types, once it was asked; until then the client's own word.</summary>
    public uint[] Types { get; set; } = types;

    /// <summary>How its rows look, once the server was asked; the formats are not in it.</summary>
    public byte[]? Description { get; set; }

    /// <summary>True once the server said that it gives no rows.</summary>
    public bool HasNoRows { get; set; }

    /// <summary>Rows in text, and rows in binary: the two that clients ask for, made once.</summary>
    public RowPlan? InText { get; set; }

    public RowPlan? InBinary { get; set; }
}

/// <summary>What the name of a portal stands for: a statement with values, until it is executed.</summary>
internal sealed class Portal
{
    public required Prepared Prepared { get; init; }

    public required ImmutableArray<BoundValue> Values { get; init; }

    /// <summary>The formats of the result's columns as Bind gave them: none, one for all, or one each.</summary>
    public required ushort[] Formats { get; init; }

    /// <summary>How its rows look, once that is known.</summary>
    public RowPlan? Rows { get; set; }

    /// <summary>True once the server said that it gives no rows.</summary>
    public bool HasNoRows { get; set; }

    /// <summary>The same with values of its own, which outlive the unit's bytes.</summary>
    public Portal Copied() => new()
    {
        Prepared = Prepared,
        Values = [.. Values.Select(value => value with { Content = value.Content.ToArray() })],
        Formats = Formats,
        Rows = Rows,
        HasNoRows = HasNoRows,
    };

    /// <summary>Reads the values of a Bind whose form was checked.</summary>
    public static Portal Read(Prepared prepared, ReadOnlyMemory<byte> unit, in ClientMessage message)
    {
        var start = message.Start + ClientMessage.HeaderLength;
        var body = message.BodyOf(unit.Span);
        var fields = new Fields(body);
        fields.Text();
        fields.Text();
        var formats = FormatsOf(ref fields);
        var count = fields.UInt16();
        var values = count == 0 ? [] : new BoundValue[count];
        for (var i = 0; i < count; i++)
        {
            var content = fields.Value(out var isNull);
            var at = start + body.Length - fields.Left - content.Length;
            var format = formats.Length == 0 ? 0 : formats.Length == 1 ? formats[0] : i < formats.Length ? formats[i] : throw new WireException("a Bind has fewer formats than values");
            values[i] = new BoundValue(i < prepared.Types.Length ? prepared.Types[i] : 0, format == 1, isNull, unit.Slice(at, content.Length));
        }
        return new Portal
        {
            Prepared = prepared,
            Values = System.Runtime.InteropServices.ImmutableCollectionsMarshal.AsImmutableArray(values),
            Formats = FormatsOf(ref fields),
        };
    }

    private static readonly ushort[] _allBinary = [1];

    private static ushort[] FormatsOf(ref Fields fields)
    {
        var count = fields.UInt16();
        if (count == 0) return [];
        if (count == 1) return fields.UInt16() == 1 ? _allBinary : [];
        var formats = new ushort[count];
        for (var i = 0; i < count; i++) formats[i] = fields.UInt16();
        return formats;
    }

    /// <summary>The types that a Parse gives its parameters.</summary>
    public static uint[] TypesOf(ReadOnlySpan<byte> parse)
    {
        var fields = new Fields(parse);
        fields.Text();
        fields.Text();
        var count = fields.UInt16();
        if (count == 0) return [];
        var types = new uint[count];
        for (var i = 0; i < count; i++) types[i] = BinaryPrimitives.ReadUInt32BigEndian(fields.Take(4));
        return types;
    }
}
