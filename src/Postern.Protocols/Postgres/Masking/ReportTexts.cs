using System.Buffers;

namespace Postern.Protocols.Postgres.Masking;

/// <summary>Which texts of an error or a notice may quote values of rows (PostgreSQL documentation, "Error and Notice Message Fields").</summary>
internal static class ReportTexts
{
    /// <summary>What stands in their place.</summary>
    public static ReadOnlySpan<byte> Withheld => "withheld: it may quote a masked column"u8;

    private static readonly SearchValues<byte> s_code = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"u8);

    // The message of these says names of the schema or words of the statement itself, never a value of a row. Classes: syntax and access (42)
    // without those that evaluate, division by zero, transactions (25, 40), resources and operator (53, 57), and the constraints (23), whose values are in DETAIL.
    private static readonly SearchValues<string> s_speaksOfNames = SearchValues.Create(
        [
            "22012", "23502", "23503", "23505", "23514", "23P01", "25001", "25006", "25P01", "25P02", "25P03", "26000", "34000", "3B001", "3D000", "3F000", "40001", "40P01",
            "42501", "42601", "42602", "42622", "42701", "42702", "42703", "42704", "42710", "42712", "42723", "42725", "42803", "42804", "42809", "42830", "42846", "42883", "42939",
            "42P01", "42P02", "42P03", "42P04", "42P05", "42P06", "42P07", "42P08", "42P09", "42P10", "42P16", "42P18", "42P19", "42P20", "42P21", "42P22",
            "53100", "53200", "53300", "53400", "54001", "54011", "54023", "55006", "55P03", "57014", "57P01", "57P02", "57P03", "57P05", "00000",
        ],
        StringComparison.Ordinal);

    // Of those, the ones that also come of a value: `email::regclass` reads a name from a row, and says that no such relation exists. When the
    // name stands in the statement, the server says where.
    private static readonly SearchValues<string> s_speaksOfPlaces = SearchValues.Create(
        ["26000", "34000", "3D000", "3F000", "42601", "42602", "42622", "42703", "42704", "42725", "42809", "42883", "42P01", "42P02"],
        StringComparison.Ordinal);

    /// <summary>
    /// True when the message itself may. What a procedural language raises may say anything under any code; its own source files are named in
    /// the report, which no function can change.
    /// </summary>
    public static bool MayQuote(ReadOnlySpan<byte> fields)
    {
        var isNames = false;
        var isOfServer = false;
        var needsPlace = false;
        var hasPlace = false;
        while (fields is [not 0 and var field, .. var rest])
        {
            var length = rest.IndexOf((byte)0);
            if (length < 0) return true;
            var text = rest[..length];
            if (field == 'C')
            {
                var code = text.Length == 5 ? System.Text.Encoding.ASCII.GetString(text) : "";
                isNames = s_speaksOfNames.Contains(code);
                needsPlace = s_speaksOfPlaces.Contains(code);
            }
            hasPlace |= field == 'P';
            if (field == 'F') isOfServer = text.Length > 0 && !text.StartsWith("pl"u8);
            fields = rest[(length + 1)..];
        }
        return !isNames || !isOfServer || (needsPlace && !hasPlace);
    }

    /// <summary>True for fields that clients compute with: the severity that is not translated, the code, positions, the line.</summary>
    public static bool IsCode(byte field) => field is (byte)'V' or (byte)'C' or (byte)'P' or (byte)'p' or (byte)'L';

    /// <summary>True when such a field holds nothing but what it is for.</summary>
    public static bool IsSound(byte field, ReadOnlySpan<byte> text) => field switch
    {
        (byte)'V' => text.Length is > 0 and <= 7 && !text.ContainsAnyExceptInRange((byte)'A', (byte)'Z'),
        (byte)'C' => text.Length == 5 && !text.ContainsAnyExcept(s_code),
        _ => text.Length is > 0 and <= 10 && !text.ContainsAnyExceptInRange((byte)'0', (byte)'9'),
    };

    /// <summary>Detail, context and inner statement may always; message and hint as <see cref="MayQuote"/> says.</summary>
    public static bool IsWithheld(byte field, bool mayQuote) => field switch
    {
        (byte)'D' or (byte)'W' or (byte)'q' => true,
        (byte)'M' or (byte)'H' => mayQuote,
        // Fixed words, codes, numbers and names of the schema.
        (byte)'S' or (byte)'V' or (byte)'C' or (byte)'P' or (byte)'p' or (byte)'s' or (byte)'t' or (byte)'c' or (byte)'d' or (byte)'n' or (byte)'F' or (byte)'L' or (byte)'R' => false,
        _ => true,
    };
}
