using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Unicode;

namespace Postern.Protocols.Postgres.Masking;

/// <summary>A value as a person reads it. What is binary and not known here is shown as its bytes.</summary>
internal static class ValueText
{
    private const int MicrosecondsPerSecond = 1_000_000;

    // PostgreSQL counts days and microseconds from here.
    private static readonly DateTime s_epoch = new(2000, 1, 1, 0, 0, 0, DateTimeKind.Unspecified);

    /// <summary>The value of a described column.</summary>
    public static string Of(ReadOnlySpan<byte> value, uint type, in CellForm form)
    {
        if (!form.IsBinary) return Encoding.UTF8.GetString(value);
        return form.Kind switch
        {
            CellKind.Text or CellKind.Json => Encoding.UTF8.GetString(value),
            CellKind.Jsonb when value is [1, .. var json] => Encoding.UTF8.GetString(json),
            CellKind.Bool when value.Length == 1 => value[0] == 0 ? "f" : "t",
            CellKind.Int2 when value.Length == sizeof(short) => BinaryPrimitives.ReadInt16BigEndian(value).ToString(CultureInfo.InvariantCulture),
            CellKind.Int4 when value.Length == sizeof(int) => BinaryPrimitives.ReadInt32BigEndian(value).ToString(CultureInfo.InvariantCulture),
            CellKind.Int8 when value.Length == sizeof(long) => BinaryPrimitives.ReadInt64BigEndian(value).ToString(CultureInfo.InvariantCulture),
            CellKind.Float4 when value.Length == sizeof(float) => BinaryPrimitives.ReadSingleBigEndian(value).ToString("R", CultureInfo.InvariantCulture),
            CellKind.Float8 when value.Length == sizeof(double) => BinaryPrimitives.ReadDoubleBigEndian(value).ToString("R", CultureInfo.InvariantCulture),
            CellKind.Numeric => Numeric(value),
            CellKind.Address when value.Length is 8 or 20 => $"{new IPAddress(value[4..])}/{value[1]}",
            CellKind.Closed => Closed(value, type),
            _ => Bytes(value),
        };
    }

    /// <summary>The value of a column of which nothing is known.</summary>
    public static string ByLooks(ReadOnlySpan<byte> value) => Utf8.IsValid(value) && !value.ContainsAnyInRange((byte)0, (byte)8) ? Encoding.UTF8.GetString(value) : Bytes(value);

    private static string Closed(ReadOnlySpan<byte> value, uint type)
    {
        switch (type)
        {
            case PgTypes.Uuid when value.Length == 16:
                return new Guid(value, bigEndian: true).ToString();
            case PgTypes.Oid when value.Length == sizeof(uint):
                return BinaryPrimitives.ReadUInt32BigEndian(value).ToString(CultureInfo.InvariantCulture);
            case PgTypes.Date when value.Length == sizeof(int) && BinaryPrimitives.ReadInt32BigEndian(value) is var days && IsInRange(days):
                return s_epoch.AddDays(days).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
            case PgTypes.Timestamp or PgTypes.TimestampTz when value.Length == sizeof(long) && BinaryPrimitives.ReadInt64BigEndian(value) is var microseconds && IsInRange(microseconds / MicrosecondsPerSecond / 86_400):
                return s_epoch.AddTicks(microseconds * TimeSpan.TicksPerMicrosecond).ToString("yyyy-MM-dd HH:mm:ss.FFFFFF", CultureInfo.InvariantCulture) + (type == PgTypes.TimestampTz ? "+00" : "");
            case PgTypes.Time when value.Length == sizeof(long) && BinaryPrimitives.ReadInt64BigEndian(value) is >= 0 and <= 86_400L * MicrosecondsPerSecond and var time:
                return TimeSpan.FromTicks(time * TimeSpan.TicksPerMicrosecond).ToString(null, CultureInfo.InvariantCulture);
            default:
                return Bytes(value);
        }
    }

    private static bool IsInRange(long days) => days is > -730_000 and < 2_900_000;

    private static string Numeric(ReadOnlySpan<byte> value)
    {
        Span<byte> text = stackalloc byte[NumericText.MaxLength];
        return NumericText.Write(value, text) is > 0 and var length ? Encoding.ASCII.GetString(text[..length]) : Bytes(value);
    }

    private static string Bytes(ReadOnlySpan<byte> value) => "\\x" + Convert.ToHexStringLower(value);
}
