using Postern.Core.Operations;
using Postern.Protocols.Postgres;
using Postern.Protocols.Postgres.Sql;

namespace Postern.Conformance.Postgres.Facts;

/// <summary>A right in the database.</summary>
/// <param name="Text">What stands between <c>GRANT</c> and <c>TO</c>.</param>
/// <param name="Table">Of which relation, as facts write it; null for a function.</param>
/// <param name="Column">Of which column; null where the facts name none.</param>
/// <param name="IsRead">True for SELECT.</param>
internal sealed record Right(string Text, string? Table = null, string? Column = null, bool IsRead = false);

/// <summary>The rights in a database that the facts of a statement stand for.</summary>
internal static class Rights
{
    private static readonly Dictionary<string, OracleRelation> Relations = OracleSchema.Relations.ToDictionary(Full, StringComparer.Ordinal);

    private static readonly Dictionary<string, string> Functions = new(StringComparer.Ordinal)
    {
        ["public.tax"] = "public.tax(numeric)", ["public.touch"] = "public.touch(int)", ["sales.recent"] = "sales.recent(int)",
    };

    /// <summary>Each once; null when a part speaks of things that are not bounded.</summary>
    public static IReadOnlyCollection<Right>? Of(IEnumerable<SqlStatement> statements)
    {
        var rights = new Dictionary<string, Right>(StringComparer.Ordinal);
        foreach (var part in statements.SelectMany(statement => statement.Parts))
        {
            if (part.Facts.Any(fact => fact.IsAll)) return null;
            foreach (var function in part.FactOrEmpty(SqlVocabulary.Function).Values)
            {
                if (Functions.TryGetValue(function, out var signature)) rights.TryAdd(signature, new Right($"EXECUTE ON FUNCTION {signature}"));
            }
            foreach (var right in part.FactOrEmpty(SqlVocabulary.Table).Values.SelectMany(table => OfTable(part, table))) rights.TryAdd(right.Text, right);
        }
        return rights.Values;
    }

    /// <summary>A relation's name as facts write it.</summary>
    public static string Full(OracleRelation relation) => $"{relation.Schema}.{Plain(relation.Name)}";

    private static IEnumerable<Right> OfTable(Part part, string table)
    {
        if (!Relations.TryGetValue(table, out var relation)) throw new InvalidOperationException($"the facts name `{table}`, which the schema does not have");
        var columns = relation.Columns.Where(column => part.FactOrEmpty(SqlVocabulary.Column).Values.Contains($"{table}.{Plain(column.Name)}")).Select(column => column.Name).ToArray();
        var name = $"{relation.Schema}.{relation.Name}";
        foreach (var word in part.FactOrEmpty(SqlVocabulary.Statement).Values)
        {
            switch (word)
            {
                case StatementWords.Delete:
                    yield return new Right($"DELETE ON {name}", table);
                    break;
                case StatementWords.Select or StatementWords.Insert or StatementWords.Update:
                    // A relation of which no column is named needs the right to any one of them.
                    if (columns.Length == 0) yield return new Right($"{word} ({relation.Columns[0].Name}) ON {name}", table, null, word == StatementWords.Select);
                    foreach (var column in columns) yield return new Right($"{word} ({column}) ON {name}", table, Plain(column), word == StatementWords.Select);
                    break;
                case StatementWords.Merge:
                    // Whoever may merge into a relation learns which of its rows are there; the server wants the right to read any one column for that.
                    yield return new Right($"SELECT ({relation.Columns[0].Name}) ON {name}", table, null, IsRead: true);
                    break;
                default:
                    throw new InvalidOperationException($"the facts of a generated statement say `{word}`");
            }
        }
    }

    private static string Plain(string name) => name.Trim('"');
}
