using System.Collections.Immutable;
using System.Buffers.Binary;
using Postern.Core.Masking;
using Postern.Protocols.Postgres.Sql;

namespace Postern.Protocols.Postgres.Masking;

/// <summary>What is known of a row's columns: how each is read, and from which columns of tables it comes. Read once per RowDescription.</summary>
internal sealed class RowColumns
{
    // OID of the table, attribute number, OID of the type, its length, its modifier, the format.
    private const int FieldLength = 4 + 2 + 4 + 2 + 4 + 2;

    private RowColumns(CellForm[] forms, CellColumns sources)
    {
        Forms = forms;
        Sources = sources;
    }

    /// <summary>No rows are expected.</summary>
    public static RowColumns None { get; } = new([], CellColumns.None);

    public CellForm[] Forms { get; }

    public CellColumns Sources { get; }

    /// <summary>Reads the body of a RowDescription.</summary>
    /// <param name="description">With the formats that the rows will have.</param>
    /// <param name="output">What is known of where values come from; default when nothing is.</param>
    /// <exception cref="MaskingException">It is not what it should be.</exception>
    public static RowColumns Read(ReadOnlySpan<byte> description, ImmutableArray<OutputColumn> output)
    {
        if (description.Length < 2) throw Broken();
        var count = BinaryPrimitives.ReadUInt16BigEndian(description);
        var forms = new CellForm[count];
        var sources = ImmutableArray.CreateBuilder<ImmutableArray<string>>(count);
        var rest = description[2..];
        for (var i = 0; i < count; i++)
        {
            var end = rest.IndexOf((byte)0);
            if (end < 0 || rest.Length < end + 1 + FieldLength) throw Broken();
            var field = rest.Slice(end + 1, FieldLength);
            var format = BinaryPrimitives.ReadUInt16BigEndian(field[16..]);
            if (format > 1) throw Broken();
            forms[i] = CellForm.Of(BinaryPrimitives.ReadUInt32BigEndian(field[6..]), BinaryPrimitives.ReadInt32BigEndian(field[12..]), format == 1);
            var isKnown = !output.IsDefault && output.Length == count;
            sources.Add(isKnown ? SourcesOf(output[i], BinaryPrimitives.ReadUInt32BigEndian(field), BinaryPrimitives.ReadInt16BigEndian(field[4..])) : default);
            rest = rest[(end + 1 + FieldLength)..];
        }
        if (!rest.IsEmpty) throw Broken();
        return new RowColumns(forms, new CellColumns(sources.MoveToImmutable()));
    }

    /// <summary>
    /// Where the values of one column come from. A server that names another column than the statement reads means something else by a
    /// name (it was made anew, or shadowed): then nobody can tell (attack M13).
    /// </summary>
    private static ImmutableArray<string> SourcesOf(OutputColumn column, uint relation, short number)
    {
        if (column.IsThroughFunction) return default;
        var isNamed = relation == 0;
        foreach (var origin in column.Origins) isNamed |= origin.Relation == relation && origin.Number == number;
        return isNamed ? [.. column.Origins.Select(origin => origin.Name)] : default;
    }

    private static MaskingException Broken() => new("a row description is not what it should be; blocked");
}
