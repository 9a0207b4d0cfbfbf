using System.Collections.Immutable;
using System.Text.Json;
using Postern.Core.Operations;
using Postern.Protocols.Postgres.Sql;

namespace Postern.Protocols.Postgres;

/// <summary>The words that a policy may use for SQL, and the fact that each reads (policy.md section 4).</summary>
public sealed class SqlVocabulary : Vocabulary
{
    /// <summary>Statement words: <c>select</c>, <c>insert</c>, …</summary>
    public const string Statement = "statement";

    /// <summary><c>schema.table</c>.</summary>
    public const string Table = "table";

    /// <summary><c>schema.table.column</c>.</summary>
    public const string Column = "column";

    /// <summary><c>schema.function</c>.</summary>
    public const string Function = "function";

    /// <summary>The variable that holds bound values: <c>params.p1</c>, <c>params.p2</c>, …</summary>
    public const string Params = "params";

    /// <summary>The variable that holds what a statement looks like: <c>kind</c>, <c>tables</c>, <c>has_where</c>, <c>limit</c>.</summary>
    public const string Sql = "sql";

    /// <summary>The one instance.</summary>
    public static SqlVocabulary Instance { get; } = new();

    private SqlVocabulary()
    {
    }

    /// <inheritdoc/>
    public override string Name => "sql";

    /// <inheritdoc/>
    public override ImmutableArray<string> Protocols { get; } = [PostgresOperations.ProtocolName];

    /// <inheritdoc/>
    public override ImmutableArray<SelectorKey> Keys { get; } =
    [
        new("statements", Statement) { NamedOnlyValues = StatementWords.NamedOnly, ClosedValues = StatementWords.All },
        new("tables", Table) { Segment = '.' },
        new("columns", Column) { Segment = '.' },
        new("functions", Function) { Segment = '.', NamedOnlyValues = DangerousFunctions.FullNames },
    ];

    /// <inheritdoc/>
    public override ImmutableArray<ImmutableArray<string>> RequiredKeys { get; } = [["statements", "tables"], ["functions"]];

    /// <inheritdoc/>
    public override ImmutableArray<WhenVariable> Variables { get; } = [new(Params, WhenType.Map), new(Sql, WhenType.Map)];

    /// <inheritdoc/>
    public override ImmutableArray<string> AskKeys { get; } = ["sql", "params"];

    /// <inheritdoc/>
    public override ImmutableArray<string> OwnActions { get; } = [PostgresActions.ReadCatalogue, PostgresTargetErrand.Action];

    /// <inheritdoc/>
    public override Operation ReadAsk(Connection connection, IReadOnlyDictionary<string, JsonElement> ask, IDefinitionCatalogue definitions, DateTimeOffset now) =>
        SqlAsk.Read(connection, ask, definitions, now);
}
