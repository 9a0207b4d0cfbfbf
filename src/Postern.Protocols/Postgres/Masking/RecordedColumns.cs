using System.Collections.Immutable;
using System.Text.Json;

namespace Postern.Protocols.Postgres.Masking;

/// <summary>A column of rows that were described in an earlier unit, as the record of this one has it.</summary>
/// <param name="Name">After masks.</param>
/// <param name="Type">OID of its type.</param>
/// <param name="Modifier">Its length, say.</param>
/// <param name="IsBinary">The format.</param>
internal readonly record struct RecordedColumn(string Name, uint Type, int Modifier, bool IsBinary);

/// <summary>Reads back what <see cref="UnitText"/> says of rows. Replay shows records of any origin: what is not as it should be is not there.</summary>
internal static class RecordedColumns
{
    /// <summary>For each Execute its columns; default where they are not told.</summary>
    public static ImmutableArray<ImmutableArray<RecordedColumn>> Of(ReadOnlyMemory<byte> request)
    {
        try
        {
            using var document = JsonDocument.Parse(request);
            if (document.RootElement.ValueKind != JsonValueKind.Object || !document.RootElement.TryGetProperty(UnitText.ResultsName, out var results)) return [];
            return [.. results.EnumerateArray().Select(result => result.ValueKind == JsonValueKind.Array ? (ImmutableArray<RecordedColumn>)[.. result.EnumerateArray().Select(Column)] : default)];
        }
        catch (Exception malformed) when (malformed is JsonException or InvalidOperationException or FormatException or IndexOutOfRangeException)
        {
            // Cut off, masked as a whole, or of another form.
            return [];
        }
    }

    private static RecordedColumn Column(JsonElement column) => new(column[0].GetString()!, column[1].GetUInt32(), column[2].GetInt32(), column[3].GetInt32() == 1);
}
