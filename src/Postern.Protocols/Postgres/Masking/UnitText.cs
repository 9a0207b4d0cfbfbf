using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Unicode;
using Postern.Core.Masking;
using Postern.Protocols.Postgres.Sql;

namespace Postern.Protocols.Postgres.Masking;

/// <summary>
/// A unit as people are shown it and the record keeps it: <c>{"statements":[{"sql":"…","params":["…",null]}]}</c>, and <c>"results":[[["name",25,-1,0]]]</c>
/// where rows come that were described earlier. The text of a statement stands
/// there even where the unit only names what was prepared earlier. Values are written as text; of a binary form that is not read here the bytes.
/// </summary>
internal static class UnitText
{
    /// <summary>Under this stands how rows look that are described nowhere else in the record of the unit.</summary>
    public static ReadOnlySpan<byte> ResultsName => "results"u8;

    // One for each text that was understood, as long as that is kept.
    private static readonly ConditionalWeakTable<SqlStatement, FrameShape> s_shapes = [];

    /// <summary>Writes the unit.</summary>
    /// <param name="unit">Its statements.</param>
    /// <param name="results">For each Execute how its rows look, where its own answer will not tell.</param>
    public static ReadOnlyMemory<byte> Write(ImmutableArray<UnitStatement> unit, List<RowPlan?>? results = null)
    {
        var scratch = JsonScratch.Take();
        try
        {
            var json = scratch.Relaxed;
            json.WriteStartObject();
            json.WriteStartArray("statements"u8);
            for (var i = 0; i < unit.Length; i++)
            {
                // The statements of one text stand in it together.
                if (i > 0 && unit[i].Values.IsDefaultOrEmpty && unit[i - 1].Values.IsDefaultOrEmpty && unit[i].Text.Equals(unit[i - 1].Text)) continue;
                json.WriteStartObject();
                json.WritePropertyName("sql"u8);
                Sql(json, unit[i]);
                if (!unit[i].Values.IsDefaultOrEmpty)
                {
                    json.WriteStartArray("params"u8);
                    foreach (var value in unit[i].Values) Value(json, value);
                    json.WriteEndArray();
                }
                json.WriteEndObject();
            }
            json.WriteEndArray();
            if (results is not null) Results(json, results);
            json.WriteEndObject();
            json.Flush();
            return scratch.Written.ToArray();
        }
        finally
        {
            scratch.Return();
        }
    }

    /// <summary>How masks read it: values and literals of a unit that touches a masked column are masked as the column is.</summary>
    public static FrameShape ShapeOf(ImmutableArray<UnitStatement> unit) => unit is [var only] ? s_shapes.GetValue(only.Statement, static statement => MakeShape([statement])) : MakeShape(unit.Select(step => step.Statement));

    private static FrameShape MakeShape(IEnumerable<SqlStatement> statements)
    {
        var columns = new HashSet<string>(StringComparer.Ordinal);
        foreach (var statement in statements)
        {
            foreach (var part in statement.Parts)
            {
                var fact = part.FactOrEmpty(SqlVocabulary.Column);
                if (fact.IsAll || part.FactOrEmpty(SqlVocabulary.Table).IsAll) return UnitReader.Unbounded;
                columns.UnionWith(fact.Values);
                columns.UnionWith(fact.Beside);
            }
            // What stands beside a view's column is compared with what is beneath it.
            if (statement.BeneathViews.Contains(ViewReads.Untold)) return UnitReader.Unbounded;
            columns.UnionWith(statement.BeneathViews);
        }
        return columns.Count == 0 ? UnitReader.WithoutColumns : FrameShape.Cells(new UnitReader(new CellColumns([[.. columns]])));
    }

    private static void Results(Utf8JsonWriter json, List<RowPlan?> results)
    {
        var isAnyKnown = false;
        foreach (var rows in results) isAnyKnown |= rows is { Shown.IsEmpty: false };
        if (!isAnyKnown) return;
        json.WriteStartArray(ResultsName);
        foreach (var rows in results)
        {
            if (rows is { Shown.IsEmpty: false }) json.WriteRawValue(rows.Shown, skipInputValidation: true);
            else json.WriteNullValue();
        }
        json.WriteEndArray();
    }

    private static void Sql(Utf8JsonWriter json, in UnitStatement step)
    {
        var text = step.Text.Span;
        var shown = step.Statement.Shown;
        if (shown is null || !shown.IsOf(text)) step.Statement.Shown = shown = ShownText.Of(text);
        if (shown is null) Text(json, text, type: 0);
        else json.WriteRawValue(shown.Json, skipInputValidation: true);
    }

    private static void Value(Utf8JsonWriter json, in BoundValue value)
    {
        var content = value.Content.Span;
        if (value.IsNull) json.WriteNullValue();
        else if (!value.IsBinary) Text(json, content, value.Type);
        else Binary(json, content, value.Type);
    }

    private static void Binary(Utf8JsonWriter json, ReadOnlySpan<byte> content, uint type)
    {
        Span<byte> digits = stackalloc byte[NumericText.MaxLength];
        switch (PgTypes.KindOf(type))
        {
            case CellKind.Text or CellKind.Json:
                Text(json, content, type);
                return;
            case CellKind.Jsonb when content is [1, .. var document]:
                Text(json, document, type);
                return;
            case CellKind.Bool when content is [0 or 1]:
                json.WriteBooleanValue(content[0] == 1);
                return;
            case CellKind.Int2 when content.Length == sizeof(short):
                json.WriteNumberValue(BinaryPrimitives.ReadInt16BigEndian(content));
                return;
            case CellKind.Int4 when content.Length == sizeof(int):
                json.WriteNumberValue(BinaryPrimitives.ReadInt32BigEndian(content));
                return;
            case CellKind.Int8 when content.Length == sizeof(long):
                json.WriteNumberValue(BinaryPrimitives.ReadInt64BigEndian(content));
                return;
            case CellKind.Float8 when content.Length == sizeof(double) && double.IsFinite(BinaryPrimitives.ReadDoubleBigEndian(content)):
                json.WriteNumberValue(BinaryPrimitives.ReadDoubleBigEndian(content));
                return;
            case CellKind.Float4 when content.Length == sizeof(float) && float.IsFinite(BinaryPrimitives.ReadSingleBigEndian(content)):
                json.WriteNumberValue(BinaryPrimitives.ReadSingleBigEndian(content));
                return;
            case CellKind.Numeric when NumericText.Write(content, digits) is > 0 and var length:
                json.WriteStringValue(digits[..length]);
                return;
            case CellKind.Closed when type == PgTypes.Uuid && content.Length == 16:
                json.WriteStringValue(new Guid(content, bigEndian: true).ToString());
                return;
            default:
                Bytes(json, content, type);
                return;
        }
    }

    private static void Text(Utf8JsonWriter json, ReadOnlySpan<byte> text, uint type)
    {
        if (Utf8.IsValid(text)) json.WriteStringValue(text);
        else Bytes(json, text, type);
    }

    private static void Bytes(Utf8JsonWriter json, ReadOnlySpan<byte> content, uint type)
    {
        json.WriteStartObject();
        json.WriteNumber("type"u8, type);
        json.WriteString("bytes"u8, "\\x" + Convert.ToHexStringLower(content));
        json.WriteEndObject();
    }
}
