namespace Postern.Protocols.Postgres.Masking;

/// <summary>The built-in types that masks know, by OID (<c>src/include/catalog/pg_type.dat</c>). All others are opaque.</summary>
internal static class PgTypes
{
    public const uint Bool = 16, Bytea = 17, Char = 18, Name = 19, Int8 = 20, Int2 = 21, Int4 = 23, Text = 25, Oid = 26;
    public const uint Json = 114, Xml = 142, Cidr = 650, Float4 = 700, Float8 = 701, Unknown = 705, Inet = 869, BpChar = 1042, Varchar = 1043;
    public const uint Date = 1082, Time = 1083, Timestamp = 1114, TimestampTz = 1184, Interval = 1186, TimeTz = 1266, Numeric = 1700, RefCursor = 1790;
    public const uint Record = 2249, CString = 2275, Uuid = 2950, Jsonb = 3802;

    private const uint Xid = 28, Cid = 29, Tid = 27, MacAddr = 829, MacAddr8 = 774, Money = 790, Bit = 1560, VarBit = 1562, Void = 2278, PgLsn = 3220, Xid8 = 5069;

    public static CellKind KindOf(uint type) => type switch
    {
        Text or Varchar or BpChar or Name or Char or Xml or Unknown or CString or RefCursor => CellKind.Text,
        Json => CellKind.Json,
        Jsonb => CellKind.Jsonb,
        Bytea => CellKind.Bytes,
        Bool => CellKind.Bool,
        Int2 => CellKind.Int2,
        Int4 => CellKind.Int4,
        Int8 => CellKind.Int8,
        Float4 => CellKind.Float4,
        Float8 => CellKind.Float8,
        Numeric => CellKind.Numeric,
        Inet or Cidr => CellKind.Address,
        Record => CellKind.Record,
        Oid or Xid or Cid or Tid or Date or Time or Timestamp or TimestampTz or Interval or TimeTz or Uuid or MacAddr or MacAddr8 or Money or Bit or VarBit or Void or PgLsn or Xid8 => CellKind.Closed,
        _ => CellKind.Opaque,
    };

    /// <summary>The element type of a built-in array; 0 for what is none.</summary>
    public static uint ElementOf(uint type) => type switch
    {
        1000 => Bool,
        1001 => Bytea,
        1002 => Char,
        1003 => Name,
        1005 => Int2,
        1007 => Int4,
        1009 => Text,
        1014 => BpChar,
        1015 => Varchar,
        1016 => Int8,
        1021 => Float4,
        1022 => Float8,
        1028 => Oid,
        1041 => Inet,
        651 => Cidr,
        1115 => Timestamp,
        1182 => Date,
        1183 => Time,
        1185 => TimestampTz,
        1187 => Interval,
        1231 => Numeric,
        1263 => CString,
        143 => Xml,
        199 => Json,
        2951 => Uuid,
        3807 => Jsonb,
        _ => 0,
    };
}
