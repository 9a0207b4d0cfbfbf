using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Protocols.Postgres.Sql;

namespace Postern.Protocols.Postgres;

/// <summary>
/// Turns the <c>ask</c> of a policy test into the operation that the same text would make. Names come from the definitions:
/// <c>tables</c>, <c>columns</c> and <c>functions</c>, each written whole.
/// </summary>
internal static class SqlAsk
{
    public static Operation Read(Connection connection, IReadOnlyDictionary<string, JsonElement> ask, IDefinitionCatalogue definitions, DateTimeOffset now)
    {
        if (!ask.TryGetValue("sql", out var sql) || sql.ValueKind != JsonValueKind.String) throw new FormatException("expected text at `sql`");
        var text = Encoding.UTF8.GetBytes(sql.GetString()!);
        var catalogue = OfflineCatalogue.Of(connection.Name, definitions);
        // Tests run one after another and wait for nothing else.
        var reading = StatementTexts.Shared.ReadAsync(text, catalogue, CancellationToken.None).AsTask().GetAwaiter().GetResult();
        var statements = reading switch
        {
            StatementReading.Understood { Statements.Length: > 0 } understood => understood.Statements,
            StatementReading.Understood => throw new FormatException("`sql` has no statement in it"),
            StatementReading.Invalid invalid => throw new FormatException($"`sql` is not SQL: {invalid.Message}"),
            StatementReading.Undecidable undecidable => throw new FormatException($"the gateway refuses it before any rule: {undecidable.Reason}"),
            _ => throw new FormatException("`sql` cannot be read"),
        };
        var values = ask.TryGetValue("params", out var given) ? Values(given) : [];
        var wanted = statements.Max(statement => statement.ParameterCount);
        if (given.ValueKind != JsonValueKind.Undefined && values.Length != wanted) throw new FormatException($"expected {wanted} `params`, found {values.Length}");
        return PostgresOperations.Build(connection, [.. statements.Select(statement => new UnitStatement(text, statement, given.ValueKind == JsonValueKind.Undefined && wanted > 0 ? default : values))],
            text, FrameShape.Text, clientRun: null, clientName: null, continues: null, now);
    }

    private static ImmutableArray<BoundValue> Values(JsonElement list)
    {
        const uint Bool = 16, Numeric = 1700, Text = 25;
        if (list.ValueKind != JsonValueKind.Array) throw new FormatException("expected a list at `params`");
        return
        [
            .. list.EnumerateArray().Select(value => value.ValueKind switch
            {
                JsonValueKind.Null => new BoundValue(0, IsBinary: false, IsNull: true, default),
                JsonValueKind.True or JsonValueKind.False => new BoundValue(Bool, IsBinary: false, IsNull: false, Utf8(value.GetBoolean() ? "t" : "f")),
                JsonValueKind.Number => new BoundValue(Numeric, IsBinary: false, IsNull: false, Utf8(value.GetRawText())),
                JsonValueKind.String => new BoundValue(Text, IsBinary: false, IsNull: false, Utf8(value.GetString()!)),
                _ => throw new FormatException(string.Create(CultureInfo.InvariantCulture, $"expected text, a number, true, false or null in `params`, found {value.ValueKind}")),
            }),
        ];

        static ReadOnlyMemory<byte> Utf8(string text) => Encoding.UTF8.GetBytes(text);
    }
}
