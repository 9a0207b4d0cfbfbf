using System.Text.Json;

namespace Postern.Core.Policy.Cel;

/// <summary>Finds members and items inside raw JSON, without building a tree.</summary>
internal static class CelJson
{
    // Deeper than any protocol lets through; what is deeper fails, and failing denies.
    private static readonly JsonReaderOptions Options = new() { MaxDepth = 256 };

    public static Utf8JsonReader Read(ReadOnlySpan<byte> json) => new(json, Options);

    /// <summary>The member's value, or <see cref="CelKind.None"/>.</summary>
    public static CelValue Member(ReadOnlyMemory<byte> map, ReadOnlySpan<byte> name, ref CelContext context)
    {
        context.ChargeBytes(map.Length);
        var reader = Read(map.Span);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isIt = reader.ValueTextEquals(name);
            var value = Value(map, ref reader);
            if (isIt) return CelValue.FromJson(value);
        }
        return CelValue.None;
    }

    /// <summary>Moves onto the next value, and past it; returns its bytes.</summary>
    public static ReadOnlyMemory<byte> Value(ReadOnlyMemory<byte> json, ref Utf8JsonReader reader)
    {
        reader.Read();
        var start = (int)reader.TokenStartIndex;
        reader.Skip();
        return json[start..(int)reader.BytesConsumed];
    }
}
