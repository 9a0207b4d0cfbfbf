using System.Buffers.Binary;
using System.Text;
using Postern.Core.Masking;
using Postern.Core.Pipeline;
using Postern.Protocols.Postgres.Masking;
using Postern.Protocols.Postgres.Sql;
using Postern.Protocols.Postgres.Wire;

namespace Postern.Protocols.Postgres;

/// <summary>What is known of the rows that come next: how many values each has, and how masks read them. Made once per RowDescription.</summary>
internal sealed class RowPlan
{
    private const int FixedFieldLength = 18;

    // What does not repeat is not kept.
    private const int MostKept = 4_096;

    private readonly byte[] _description;

    private RowPlan(ReadOnlySpan<byte> description, int columns, FrameShape shape)
    {
        _description = description.Length <= MostKept ? description.ToArray() : [];
        Columns = columns;
        Shape = shape;
    }

    /// <summary>Values in each row; a row with another number is not passed on (attack M13).</summary>
    public int Columns { get; }

    /// <summary>
    /// The columns as the record has them: <c>[["name",type,modifier,format],…]</c>; nothing when they are too many to be kept. A race writes
    /// them twice, alike.
    /// </summary>
    public ReadOnlySpan<byte> Shown => _shown ??= _description.Length == 0 ? [] : Show(_description);

    private byte[]? _shown;

    /// <summary>How masks read batches with such rows.</summary>
    public FrameShape Shape { get; }

    /// <summary>Reads a RowDescription's body.</summary>
    /// <exception cref="WireException">It is none.</exception>
    public static RowPlan Of(ReadOnlySpan<byte> description, SqlStatement? statement)
    {
        // The server describes the rows of a statement alike each time, until somebody changes a table; then not one byte of this holds.
        if (statement?.Rows is { } known && known._description.AsSpan().SequenceEqual(description) && !description.IsEmpty) return known;
        var plan = new RowPlan(description, CountOf(description), ReplyShapes.Rows(description, statement));
        if (statement is not null && plan._description.Length > 0) statement.Rows = plan;
        return plan;
    }

    /// <summary>The plan for rows of a described statement in the formats that a Bind asked for.</summary>
    public static RowPlan? Of(Prepared prepared, ushort[] formats)
    {
        if (prepared.Description is not { } description) return null;
        switch (formats)
        {
            case []:
                return prepared.InText ??= Of(WithFormats(description, formats), prepared.Statement);
            case [1]:
                return prepared.InBinary ??= Of(WithFormats(description, formats), prepared.Statement);
            default:
                return Of(WithFormats(description, formats), prepared.Statement);
        }
    }

    /// <summary>A statement's RowDescription says nothing of formats; the Bind does.</summary>
    private static byte[] WithFormats(byte[] description, ushort[] formats)
    {
        var with = description.AsSpan().ToArray();
        var fields = new Fields(with);
        var count = fields.UInt16();
        if (formats.Length > 1 && formats.Length != count) throw new WireException("a Bind has another number of result formats than the rows have columns");
        for (var i = 0; i < count; i++)
        {
            fields.Text();
            fields.Take(FixedFieldLength);
            var format = formats.Length == 0 ? (ushort)0 : formats.Length == 1 ? formats[0] : formats[i];
            BinaryPrimitives.WriteUInt16BigEndian(with.AsSpan(with.Length - fields.Left - 2), format);
        }
        return with;
    }

    private static byte[] Show(byte[] description)
    {
        var scratch = JsonScratch.Take();
        try
        {
            var json = scratch.Relaxed;
            var fields = new Fields(description);
            json.WriteStartArray();
            for (var left = fields.UInt16(); left > 0; left--)
            {
                var name = fields.Text();
                var field = fields.Take(FixedFieldLength);
                json.WriteStartArray();
                // What is not UTF-8 is replaced; nobody computes with it.
                json.WriteStringValue(Encoding.UTF8.GetString(name));
                json.WriteNumberValue(BinaryPrimitives.ReadUInt32BigEndian(field[6..]));
                json.WriteNumberValue(BinaryPrimitives.ReadInt32BigEndian(field[12..]));
                json.WriteNumberValue(BinaryPrimitives.ReadUInt16BigEndian(field[16..]));
                json.WriteEndArray();
            }
            json.WriteEndArray();
            json.Flush();
            return scratch.Written.ToArray();
        }
        finally
        {
            scratch.Return();
        }
    }

    private static int CountOf(ReadOnlySpan<byte> description)
    {
        var fields = new Fields(description);
        var count = fields.UInt16();
        for (var i = 0; i < count; i++)
        {
            fields.Text();
            fields.Take(FixedFieldLength);
        }
        fields.End();
        return count;
    }
}
