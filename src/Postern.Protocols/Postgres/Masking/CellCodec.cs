using System.Buffers.Binary;
using System.Buffers.Text;
using System.Globalization;
using System.Net;
using System.Text;
using Postern.Core.Masking;

namespace Postern.Protocols.Postgres.Masking;

/// <summary>
/// One value behind its length: asks masks about what it says, and writes in its type and format what takes its place. What cannot be
/// written in its type becomes NULL.
/// </summary>
internal static class CellCodec
{
    /// <summary>The length that stands for NULL.</summary>
    public static ReadOnlySpan<byte> Null => [0xff, 0xff, 0xff, 0xff];

    private const byte JsonbVersion = 1;
    private const int LengthSize = sizeof(int);

    /// <summary>Masks the value.</summary>
    /// <param name="run">The masks.</param>
    /// <param name="frame">The frame that it stands in.</param>
    /// <param name="at">Where its length stands; the value follows.</param>
    /// <param name="end">Behind its last byte.</param>
    /// <param name="form">How it is read.</param>
    /// <param name="column">Its position in the row.</param>
    public static void Mask(scoped ref CellRun run, ReadOnlySpan<byte> frame, int at, int end, in CellForm form, int column)
    {
        var value = frame[(at + LengthSize)..end];
        switch (form.Kind)
        {
            case CellKind.Text:
                if (run.Text(value, column, form.MaxCharacters)) Put(ref run, at, end, run.Replacement);
                return;
            case CellKind.Json:
                if (run.Document(value, column)) Put(ref run, at, end, run.Replacement);
                return;
            case CellKind.Jsonb when form.IsBinary:
                Jsonb(ref run, value, at, end, column);
                return;
            case CellKind.Jsonb:
                goto case CellKind.Json;
            case CellKind.Bytes when form.IsBinary:
                if (run.Bytes(value, column)) Put(ref run, at, end, run.Replacement);
                return;
            case CellKind.Bytes:
                HexBytes(ref run, value, at, end, column);
                return;
            case CellKind.Bool:
                if (run.Value(column)) Put(ref run, at, end, form.IsBinary ? [0] : "f"u8);
                return;
            case CellKind.Int2 or CellKind.Int4 or CellKind.Int8 or CellKind.Float4 or CellKind.Float8 or CellKind.Numeric:
                if (run.IsMasked(column) || run.ReadsNumbers) Number(ref run, value, at, end, form, column);
                return;
            case CellKind.Address:
                if (run.IsMasked(column) ? run.Value(column) : run.ReadsTexts && HidesAddress(ref run, value, form.IsBinary)) Drop(ref run, at, end);
                return;
            case CellKind.Closed:
                if (run.Value(column)) Drop(ref run, at, end);
                return;
            case CellKind.Array when form.Element is CellKind.Closed or CellKind.Address or CellKind.Opaque or CellKind.Record && run.IsMasked(column):
                // Nothing but NULLs would be left of it, which many clients do not expect in an array.
                if (run.Value(column)) Drop(ref run, at, end);
                return;
            case CellKind.Array when form.IsBinary:
                if (run.IsMasked(column) || run.ReadsTexts) BinaryArray.Mask(ref run, frame, at, end, form, column);
                return;
            case CellKind.Array:
                if (run.IsMasked(column) || run.ReadsTexts) TextArray.Mask(ref run, value, at, end, form, column);
                return;
            case CellKind.Record when form.IsBinary && !run.IsMasked(column):
                if (run.ReadsTexts) BinaryRecord.Mask(ref run, frame, at, end);
                return;
            default:
                Opaque(ref run, value, at, end, form.IsBinary, column);
                return;
        }
    }

    /// <summary>What stands in the place of a value, behind its own length.</summary>
    public static void Put(scoped ref CellRun run, int at, int end, scoped ReadOnlySpan<byte> content)
    {
        Span<byte> length = stackalloc byte[LengthSize];
        BinaryPrimitives.WriteInt32BigEndian(length, content.Length);
        run.Replace(at, end, length, content);
    }

    /// <summary>NULL in the place of a value.</summary>
    public static void Drop(scoped ref CellRun run, int at, int end) => run.Replace(at, end, Null);

    /// <summary>The zero of a number's type, in binary.</summary>
    private static ReadOnlySpan<byte> ZeroOf(CellKind kind) => kind switch
    {
        CellKind.Int2 => [0, 0],
        CellKind.Int4 or CellKind.Float4 => [0, 0, 0, 0],
        // Of `numeric` too: no digits.
        _ => NumericText.Zero,
    };

    private static void Number(scoped ref CellRun run, ReadOnlySpan<byte> value, int at, int end, in CellForm form, int column)
    {
        Span<byte> text = stackalloc byte[NumericText.MaxLength];
        var digits = form.IsBinary ? text[..Write(value, form.Kind, text)] : value;
        if (run.IsMasked(column) ? run.Value(column) : run.Number(digits, column)) Put(ref run, at, end, form.IsBinary ? ZeroOf(form.Kind) : "0"u8);
    }

    private static int Write(ReadOnlySpan<byte> value, CellKind kind, Span<byte> text)
    {
        var written = 0;
        switch (kind)
        {
            case CellKind.Int2 when value.Length == sizeof(short):
                Utf8Formatter.TryFormat(BinaryPrimitives.ReadInt16BigEndian(value), text, out written);
                break;
            case CellKind.Int4 when value.Length == sizeof(int):
                Utf8Formatter.TryFormat(BinaryPrimitives.ReadInt32BigEndian(value), text, out written);
                break;
            case CellKind.Int8 when value.Length == sizeof(long):
                Utf8Formatter.TryFormat(BinaryPrimitives.ReadInt64BigEndian(value), text, out written);
                break;
            case CellKind.Float4 when value.Length == sizeof(float):
                BinaryPrimitives.ReadSingleBigEndian(value).TryFormat(text, out written, "F0", CultureInfo.InvariantCulture);
                break;
            case CellKind.Float8 when value.Length == sizeof(double):
                BinaryPrimitives.ReadDoubleBigEndian(value).TryFormat(text, out written, "R", CultureInfo.InvariantCulture);
                break;
            case CellKind.Numeric:
                return NumericText.Write(value, text);
            default:
                throw new MaskingException("a number under a mask does not have the length of its type; blocked");
        }
        return written;
    }

    private static void Jsonb(scoped ref CellRun run, ReadOnlySpan<byte> value, int at, int end, int column)
    {
        if (!run.ReadsTexts && !run.IsMasked(column)) return;
        if (value is not [JsonbVersion, .. var json]) throw new MaskingException("a jsonb value under a mask is of an unknown version; blocked");
        if (!run.Document(json, column)) return;
        Span<byte> head = stackalloc byte[LengthSize + 1];
        BinaryPrimitives.WriteInt32BigEndian(head, 1 + run.Replacement.Length);
        head[LengthSize] = JsonbVersion;
        run.Replace(at, end, head, run.Replacement);
    }

    private static void HexBytes(scoped ref CellRun run, ReadOnlySpan<byte> value, int at, int end, int column)
    {
        if (!run.ReadsTexts && !run.IsMasked(column)) return;
        if (!value.StartsWith("\\x"u8))
        {
            // `bytea_output = escape`: read as it stands, and not written again.
            if (run.Bytes(value, column)) Drop(ref run, at, end);
            return;
        }
        var bytes = System.Buffers.ArrayPool<byte>.Shared.Rent(value.Length / 2);
        try
        {
            if (Convert.FromHexString(value[2..], bytes, out _, out var length) != System.Buffers.OperationStatus.Done) throw new MaskingException("a bytea value under a mask is not in hexadecimal digits; blocked");
            if (!run.Bytes(bytes.AsSpan(0, length), column)) return;
            var masked = run.Replacement;
            var hex = new byte[2 + (2 * masked.Length)];
            "\\x"u8.CopyTo(hex);
            Convert.TryToHexStringLower(masked, hex.AsSpan(2), out _);
            Put(ref run, at, end, hex);
        }
        finally
        {
            System.Buffers.ArrayPool<byte>.Shared.Return(bytes, clearArray: true);
        }
    }

    private static void Opaque(scoped ref CellRun run, ReadOnlySpan<byte> value, int at, int end, bool isBinary, int column)
    {
        if (run.IsMasked(column) ? run.Value(column) : run.ReadsTexts && (isBinary ? run.Bytes(value, column) : run.Text(value, column))) Drop(ref run, at, end);
    }

    /// <summary>Family, bits, whether it is a network, length, address (<c>network_send</c>).</summary>
    private static bool HidesAddress(scoped ref CellRun run, ReadOnlySpan<byte> value, bool isBinary)
    {
        if (!isBinary) return run.Text(value, CellRun.NoColumn);
        if (value.Length < 4 || value[3] != value.Length - 4 || value[3] is not (4 or 16)) throw new MaskingException("an address under a mask is not what it should be; blocked");
        return run.Text(Encoding.ASCII.GetBytes(new IPAddress(value[4..]).ToString()), CellRun.NoColumn);
    }
}
