using System.Buffers;
using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using Postern.Protocols.HttpData.Wire;

namespace Postern.Protocols.HttpData.Forms;

/// <summary>The pairs of a form as an object; a name that stands several times has an array.</summary>
internal sealed class PairForm : BodyForm
{
    public static readonly PairForm Instance = new();

    public override void ToJson(ReadOnlySpan<byte> body, IBufferWriter<byte> json)
    {
        if (body.ContainsAnyExceptInRange((byte)'!', (byte)'~')) throw new FormatException("a form holds characters that must be escaped");
        if (!CanonicalTarget.TryPairs(Encoding.ASCII.GetString(body), out var pairs, out var fault)) throw new FormatException(fault);
        using var writer = new Utf8JsonWriter(json, TextForm.Writing);
        Write(writer, pairs);
    }

    public override void FromJson(ReadOnlySpan<byte> json, IBufferWriter<byte> body)
    {
        var pairs = ImmutableArray.CreateBuilder<FieldPair>();
        var reader = new Utf8JsonReader(json);
        var name = "";
        while (reader.Read())
        {
            if (reader.TokenType == JsonTokenType.PropertyName) name = reader.GetString()!;
            else if (reader.TokenType == JsonTokenType.String) pairs.Add(new FieldPair(name, reader.GetString()));
            else if (reader.TokenType == JsonTokenType.Null) pairs.Add(new FieldPair(name, null));
        }
        var text = new StringBuilder(json.Length);
        CanonicalTarget.AppendPairs(text, pairs.DrainToImmutable(), isForm: true);
        Encoding.ASCII.GetBytes(text.ToString(), body);
    }

    /// <summary>Writes pairs as an object.</summary>
    public static void Write(Utf8JsonWriter writer, ImmutableArray<FieldPair> pairs)
    {
        writer.WriteStartObject();
        foreach (var group in pairs.GroupBy(pair => pair.Name, StringComparer.Ordinal))
        {
            var isOne = !group.Skip(1).Any();
            writer.WritePropertyName(group.Key);
            if (!isOne) writer.WriteStartArray();
            foreach (var pair in group)
            {
                if (pair.Value is null) writer.WriteNullValue();
                else writer.WriteStringValue(pair.Value);
            }
            if (!isOne) writer.WriteEndArray();
        }
        writer.WriteEndObject();
    }
}
