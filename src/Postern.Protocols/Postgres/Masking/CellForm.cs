using System.Runtime.InteropServices;

namespace Postern.Protocols.Postgres.Masking;

/// <summary>How the values of a type are read, and what a masked one becomes.</summary>
internal enum CellKind : byte
{
    /// <summary>Nothing is known of its binary form: searched as text or bytes, masked to NULL.</summary>
    Opaque,

    /// <summary>Holds no text at all (times, uuid, oid): not searched, masked to NULL.</summary>
    Closed,

    /// <summary>UTF-8 in both formats: masked in place.</summary>
    Text,

    /// <summary>A document in both formats.</summary>
    Json,

    /// <summary>A document; in binary behind a version byte.</summary>
    Jsonb,

    /// <summary>Bytes; in text <c>\x</c> and two digits each.</summary>
    Bytes,

    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Numeric,

    /// <summary>An address: searched as it is written, masked to NULL.</summary>
    Address,

    /// <summary>An array: each element by itself.</summary>
    Array,

    /// <summary>A row of no named type; in binary each field by itself.</summary>
    Record,
}

/// <summary>The form of one result column.</summary>
/// <param name="Kind">How a value is read.</param>
/// <param name="Element">Of an array: how its elements are.</param>
/// <param name="MaxCharacters">The most that a text of the type holds.</param>
/// <param name="IsBinary">The format that was asked for.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct CellForm(CellKind Kind, CellKind Element, int MaxCharacters, bool IsBinary)
{
    // A name is 63 bytes for the server; masks are ASCII.
    private const int NameLength = 63;

    // Of varchar and char: the declared length and four.
    private const int ModifierHeader = 4;

    /// <summary>The form of values of this type (<c>pg_type.dat</c> of PostgreSQL; its OIDs never change).</summary>
    public static CellForm Of(uint type, int modifier, bool isBinary)
    {
        var element = PgTypes.ElementOf(type);
        var kind = element == 0 ? PgTypes.KindOf(type) : CellKind.Array;
        var text = element == 0 ? type : element;
        var max = text switch
        {
            PgTypes.Varchar or PgTypes.BpChar when modifier > ModifierHeader => modifier - ModifierHeader,
            PgTypes.Name => NameLength,
            PgTypes.Char => 1,
            _ => int.MaxValue,
        };
        return new CellForm(kind, element == 0 ? CellKind.Opaque : PgTypes.KindOf(element), max, isBinary);
    }

    /// <summary>The form of this array's elements, or of this row's fields.</summary>
    public CellForm Inner(CellKind kind) => new(kind, CellKind.Opaque, MaxCharacters, IsBinary);
}
