using System.Collections.Immutable;
using System.Globalization;
using Postern.Core.Operations;

namespace Postern.Protocols.Postgres.Sql;

/// <summary>A catalogue made of names alone: what is built in, and the tables, columns and functions that definitions list.</summary>
internal static class OfflineCatalogue
{
    // As in a real database: what somebody created comes after what initdb did.
    private const uint FirstOid = 100_000;
    private const string TypeText = "25";

    /// <summary>Makes it from definitions, as a policy test's file or the last snapshot has them.</summary>
    /// <exception cref="FormatException">A name is not written whole.</exception>
    public static Catalogue Of(string connection, IDefinitionCatalogue definitions) => Of(
        definitions.Names(connection, SqlVocabulary.Table),
        definitions.Names(connection, SqlVocabulary.Column),
        definitions.Names(connection, SqlVocabulary.Function));

    /// <summary>Makes it from whole names: <c>schema.table</c>, <c>schema.table.column</c>, <c>schema.function</c>.</summary>
    /// <exception cref="FormatException">A name is not written whole.</exception>
    public static Catalogue Of(IEnumerable<string> tables, IEnumerable<string> columns, IEnumerable<string> functions)
    {
        var builder = new CatalogueBuilder();
        BuiltInNames.AddTo(builder);
        var schemas = new HashSet<string>(StringComparer.Ordinal) { "pg_catalog", "information_schema", "public" };
        var relations = new Dictionary<(string, string), List<string>>();
        foreach (var name in tables) Relation(name.Split('.'), 2, name);
        foreach (var name in columns)
        {
            var words = name.Split('.');
            Relation(words, 3, name).Add(words[2]);
        }
        var oid = FirstOid;
        foreach (var ((schema, table), names) in relations.OrderBy(pair => pair.Key))
        {
            Schema(schema);
            var relation = Text(oid++);
            builder.Add(2, relation, schema, table, "r");
            builder.Add(5, Text(oid++), schema, table, "c", relation);
            for (var i = 0; i < names.Count; i++) builder.Add(3, relation, names[i], Text((uint)i + 1), TypeText);
        }
        foreach (var name in functions.Order(StringComparer.Ordinal))
        {
            if (name.Split('.') is not [{ Length: > 0 } schema, { Length: > 0 } function]) throw new FormatException($"expected `schema.function`, found `{name}`");
            if (schema is "pg_catalog" or "information_schema") continue;
            Schema(schema);
            builder.Add(4, Text(oid++), schema, function, "f", "v", "f", TypeText, "f", "0", "1000000", "");
            // One by the same name that CALL may run: which of the two it is nobody says.
            builder.Add(4, Text(oid++), schema, function, "p", "v", "f", TypeText, "f", "0", "1000000", "");
        }
        return builder.Build();

        List<string> Relation(string[] words, int count, string name)
        {
            if (words.Length != count || words.Any(word => word.Length == 0)) throw new FormatException($"expected `{(count == 2 ? "schema.table" : "schema.table.column")}`, found `{name}`");
            if (!relations.TryGetValue((words[0], words[1]), out var list)) relations[(words[0], words[1])] = list = [];
            return list;
        }

        void Schema(string name)
        {
            if (schemas.Add(name)) builder.Add(1, name);
        }
    }

    private static string Text(uint number) => number.ToString(CultureInfo.InvariantCulture);
}
