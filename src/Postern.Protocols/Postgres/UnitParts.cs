using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Postern.Core.Operations;
using Postern.Protocols.Postgres.Masking;

namespace Postern.Protocols.Postgres;

/// <summary>The parts of a unit: those of its statements, with what was bound as <c>params</c>.</summary>
internal static class UnitParts
{
    private static readonly Variable Unknown = new(SqlVocabulary.Params, default, IsUnknown: true);

    public static ImmutableArray<Part> Of(ImmutableArray<UnitStatement> unit)
    {
        // The usual unit has one statement without values: its own parts, shared by everybody who sends the text.
        if (unit is [{ Statement.ParameterCount: 0 } only]) return only.Statement.Parts;
        if (unit is [{ Statement.Parts: [var part] } single]) return [With(part, ValuesOf(single))];
        var parts = ImmutableArray.CreateBuilder<Part>(4);
        foreach (var step in unit)
        {
            if (step.Statement.ParameterCount == 0)
            {
                parts.AddRange(step.Statement.Parts);
                continue;
            }
            var values = ValuesOf(step);
            foreach (var each in step.Statement.Parts) parts.Add(With(each, values));
        }
        return parts.DrainToImmutable();
    }

    private static Variable ValuesOf(in UnitStatement step) => step.Values.IsDefault ? Unknown : new Variable(SqlVocabulary.Params, ParamsJson.Write(step.Values));

    private static Part With(Part part, in Variable values) => new() { Action = part.Action, IsImplied = part.IsImplied, Facts = part.Facts, Variables = With(part.Variables, values) };

    private static ImmutableArray<Variable> With(ImmutableArray<Variable> variables, Variable values)
    {
        // As the reader of statements makes them: `sql`, then what is not known yet.
        if (variables is [var first, { Name: SqlVocabulary.Params }]) return [first, values];
        return [.. variables.Where(variable => variable.Name != SqlVocabulary.Params), values];
    }
}

/// <summary>
/// Bound values as <c>when</c> reads them: <c>{"p1": …}</c>. Numbers and truth values of known types are such; text is text; a binary
/// value of a type that is not read here is absent, so that a condition on it is an error, which denies.
/// </summary>
internal static class ParamsJson
{
    private const uint Bool = 16, Bytea = 17, Int8 = 20, Int2 = 21, Int4 = 23, Text = 25, Oid = 26, Float4 = 700, Float8 = 701, BpChar = 1042, Varchar = 1043, Numeric = 1700, Name = 19;

    private static readonly string[] s_names = [.. Enumerable.Range(0, 64).Select(NameOf)];

    private static readonly SearchValues<byte> s_number = SearchValues.Create("0123456789+-.eE"u8);

    public static ReadOnlyMemory<byte> Write(ImmutableArray<BoundValue> values)
    {
        var scratch = JsonScratch.Take();
        try
        {
            var writer = scratch.Strict;
            writer.WriteStartObject();
            for (var i = 0; i < values.Length; i++) Write(writer, i < s_names.Length ? s_names[i] : NameOf(i), values[i]);
            writer.WriteEndObject();
            writer.Flush();
            return scratch.Written.ToArray();
        }
        finally
        {
            scratch.Return();
        }
    }

    private static string NameOf(int place) => string.Create(CultureInfo.InvariantCulture, $"p{place + 1}");

    private static void Write(Utf8JsonWriter writer, string name, in BoundValue value)
    {
        if (value.IsNull)
        {
            writer.WriteNull(name);
            return;
        }
        var content = value.Content.Span;
        if (value.IsBinary) WriteBinary(writer, name, value.Type, content);
        else WriteText(writer, name, value.Type, content);
    }

    private static void WriteText(Utf8JsonWriter writer, string name, uint type, ReadOnlySpan<byte> content)
    {
        switch (type)
        {
            case Int2 or Int4 or Int8 or Oid when Utf8Parser.TryParse(content, out long number, out var used) && used == content.Length:
                writer.WriteNumber(name, number);
                break;
            case Float4 or Float8 or Numeric when IsPlainNumber(content):
                writer.WritePropertyName(name);
                writer.WriteRawValue(content);
                break;
            case Bool when content is [(byte)'t'] || content.SequenceEqual("true"u8):
                writer.WriteBoolean(name, true);
                break;
            case Bool when content is [(byte)'f'] || content.SequenceEqual("false"u8):
                writer.WriteBoolean(name, false);
                break;
            case Int2 or Int4 or Int8 or Oid or Float4 or Float8 or Numeric or Bool:
                // `0x10`, ` 7 `, `NaN`, `yes`: the server reads more spellings than are read here.
                break;
            default:
                if (System.Text.Unicode.Utf8.IsValid(content)) writer.WriteString(name, content);
                break;
        }
    }

    private static void WriteBinary(Utf8JsonWriter writer, string name, uint type, ReadOnlySpan<byte> content)
    {
        switch (type)
        {
            case Int2 when content.Length == sizeof(short):
                writer.WriteNumber(name, BinaryPrimitives.ReadInt16BigEndian(content));
                break;
            case Int4 when content.Length == sizeof(int):
                writer.WriteNumber(name, BinaryPrimitives.ReadInt32BigEndian(content));
                break;
            case Int8 when content.Length == sizeof(long):
                writer.WriteNumber(name, BinaryPrimitives.ReadInt64BigEndian(content));
                break;
            case Oid when content.Length == sizeof(uint):
                writer.WriteNumber(name, BinaryPrimitives.ReadUInt32BigEndian(content));
                break;
            case Float8 when content.Length == sizeof(double) && double.IsFinite(BinaryPrimitives.ReadDoubleBigEndian(content)):
                writer.WriteNumber(name, BinaryPrimitives.ReadDoubleBigEndian(content));
                break;
            case Float4 when content.Length == sizeof(float) && float.IsFinite(BinaryPrimitives.ReadSingleBigEndian(content)):
                writer.WriteNumber(name, BinaryPrimitives.ReadSingleBigEndian(content));
                break;
            case Bool when content is [0 or 1]:
                writer.WriteBoolean(name, content[0] == 1);
                break;
            case Text or Varchar or BpChar or Name when System.Text.Unicode.Utf8.IsValid(content):
                writer.WriteString(name, content);
                break;
        }
    }

    // A JSON number of at most a hundred characters; the rest of what the server would read is not read here.
    private static bool IsPlainNumber(ReadOnlySpan<byte> content)
    {
        if (content.Length is 0 or > 100 || content.ContainsAnyExcept(s_number)) return false;
        var reader = new Utf8JsonReader(content);
        try
        {
            return reader.Read() && reader.TokenType == JsonTokenType.Number && !reader.Read();
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
