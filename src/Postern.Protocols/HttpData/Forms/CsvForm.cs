using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Postern.Protocols.HttpData.Forms;

/// <summary>
/// Rows of separated values (RFC 4180) as an array of objects by the names of the first row, so that <c>$[*].email</c> and <c>$..email</c>
/// mean that column. A row with more fields than there are names, or a quote in the wrong place, is not read.
/// </summary>
internal sealed class CsvForm(char separator) : BodyForm
{
    public static readonly CsvForm Comma = new(',');
    public static readonly CsvForm Tab = new('\t');

    public override void ToJson(ReadOnlySpan<byte> body, IBufferWriter<byte> json)
    {
        if (body.IndexOf((byte)0) >= 0) throw new FormatException("text that holds NUL");
        if (body.StartsWith("\uFEFF"u8)) body = body["\uFEFF"u8.Length..];
        var rows = Rows(Encoding.UTF8.GetString(body));
        using var writer = new Utf8JsonWriter(json, TextForm.Writing);
        writer.WriteStartObject();
        writer.WriteStartArray("names");
        var names = rows.Count == 0 ? [] : rows[0];
        // Two columns of one name could not be told apart in an object.
        if (names.Distinct(StringComparer.Ordinal).Count() != names.Count) throw new FormatException("two columns have one name");
        foreach (var name in names)
        {
            // Programs that write `;` call it CSV too. A row that is one field to us would show no column to a mask.
            if (name.AsSpan().ContainsAny([';', '\t', '|']) || (names.Count == 1 && name.Contains(',', StringComparison.Ordinal))) throw new FormatException("it is not certain what separates its columns");
            // At the begin of the text readers take the mark off, and the column has another name than a mask was given.
            if (name.Contains('\uFEFF', StringComparison.Ordinal)) throw new FormatException("a column's name holds a byte order mark");
            writer.WriteStringValue(name);
        }
        writer.WriteEndArray();
        writer.WriteStartArray("rows");
        foreach (var row in rows.Skip(1))
        {
            if (row.Count > names.Count) throw new FormatException("a row has more fields than there are columns");
            writer.WriteStartObject();
            for (var i = 0; i < row.Count; i++) writer.WriteString(names[i], row[i]);
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    public override Postern.Core.Masking.FrameShape Shape => OfRows;

    private static readonly Postern.Core.Masking.FrameShape OfRows = new() { Form = Postern.Core.Masking.FrameForm.Json, Roots = [["rows"]] };

    public override void FromJson(ReadOnlySpan<byte> json, IBufferWriter<byte> body)
    {
        var text = new StringBuilder(json.Length);
        using var document = JsonDocument.Parse(json.ToArray());
        // Nothing is not a row with one empty field.
        if (document.RootElement.GetProperty("names").GetArrayLength() > 0) AppendRow(text, document.RootElement.GetProperty("names").EnumerateArray());
        foreach (var row in document.RootElement.GetProperty("rows").EnumerateArray()) AppendRow(text, row.EnumerateObject().Select(field => field.Value));
        Encoding.UTF8.GetBytes(text.ToString(), body);
    }

    private void AppendRow(StringBuilder text, IEnumerable<JsonElement> fields)
    {
        var isFirst = true;
        foreach (var field in fields)
        {
            if (!isFirst) text.Append(separator);
            isFirst = false;
            var value = field.GetString() ?? "";
            if (value.Length > 0 && !value.AsSpan().ContainsAny(['"', '\r', '\n', separator])) text.Append(value);
            else if (value.Length > 0) text.Append('"').Append(value.Replace("\"", "\"\"", StringComparison.Ordinal)).Append('"');
        }
        text.Append("\r\n");
    }

    private List<List<string>> Rows(string text)
    {
        var rows = new List<List<string>>();
        var row = new List<string>();
        var field = new StringBuilder();
        var (at, wasQuoted) = (0, false);
        while (at < text.Length)
        {
            var character = text[at];
            if (character == '"')
            {
                if (field.Length > 0 || wasQuoted) throw new FormatException("a quote stands inside a field");
                at = Quoted(text, at + 1, field);
                wasQuoted = true;
            }
            else if (character == separator || character is '\r' or '\n')
            {
                row.Add(field.ToString());
                field.Clear();
                wasQuoted = false;
                at += character == '\r' && at + 1 < text.Length && text[at + 1] == '\n' ? 2 : 1;
                if (character == separator) continue;
                rows.Add(row);
                row = [];
            }
            else
            {
                if (wasQuoted) throw new FormatException("text follows a quoted field");
                field.Append(character);
                at++;
            }
        }
        if (field.Length > 0 || row.Count > 0 || wasQuoted)
        {
            row.Add(field.ToString());
            rows.Add(row);
        }
        return rows;
    }

    private static int Quoted(string text, int at, StringBuilder field)
    {
        while (at < text.Length)
        {
            if (text[at] != '"') field.Append(text[at++]);
            else if (at + 1 < text.Length && text[at + 1] == '"')
            {
                field.Append('"');
                at += 2;
            }
            else return at + 1;
        }
        throw new FormatException("a quoted field does not end");
    }
}
