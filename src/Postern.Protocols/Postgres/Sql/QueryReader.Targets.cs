using System.Text.Json;

namespace Postern.Protocols.Postgres.Sql;

/// <summary>The columns of a result, stars expanded (parse_target.c).</summary>
internal sealed partial class QueryReader
{
    private List<SourceColumn> Targets(JsonElement fields, string name, Scope scope)
    {
        List<SourceColumn> columns = [];
        foreach (var item in Tree.Items(fields, name))
        {
            var target = Tree.Open(item, "ResTarget");
            Tree.Only(target, "ResTarget", "name", "val");
            var value = Tree.Need(target, "val");
            if (!TryExpand(value, scope, columns)) columns.Add(new SourceColumn(Tree.Text(target, "name") ?? TargetName.Of(value) ?? "?column?", Expression(value, scope)));
        }
        return columns;
    }

    private bool TryExpand(JsonElement value, Scope scope, List<SourceColumn> columns)
    {
        var (type, fields) = Tree.Open(value);
        var list = type switch { "ColumnRef" => "fields", "A_Indirection" => "indirection", _ => null };
        if (list is null || Tree.Need(fields, list) is not { ValueKind: JsonValueKind.Array } parts || Tree.Open(parts[parts.GetArrayLength() - 1]).Type != "A_Star") return false;
        if (type == "A_Indirection")
        {
            // `(t).*`: only of a whole row can it be told how many columns that is.
            Tree.Only(fields, type, "arg", "indirection");
            if (parts.GetArrayLength() != 1 || WholeRow(Tree.Need(fields, "arg"), scope) is not { } row) throw UndecidableException.Node("A_Indirection.A_Star");
            Expand(row);
            return true;
        }
        Tree.Only(fields, type, "fields");
        if (parts.GetArrayLength() == 1)
        {
            var isAny = false;
            foreach (var visible in scope.Sources)
            {
                if (!visible.AreColumnsOpen) continue;
                isAny = true;
                Expand(visible.Source);
            }
            return isAny ? true : throw UndecidableException.Node("a star without a table");
        }
        Expand(Named(parts, parts.GetArrayLength() - 1, scope));
        return true;

        void Expand(RowSource source)
        {
            for (var i = 0; i < source.Columns.Length; i++) columns.Add(new SourceColumn(source.Columns[i].Name, source.Read(i)));
        }
    }

    // `t` or `s.t`.
    private static RowSource Named(JsonElement parts, int count, Scope scope)
    {
        var (schema, name) = count switch
        {
            1 => (null, Tree.StringOf(parts[0])),
            2 => (Tree.StringOf(parts[0]), Tree.StringOf(parts[1])),
            _ => throw UndecidableException.Node("a name of more than three words"),
        };
        return scope.FindSource(schema, name) ?? throw UndecidableException.Unknown("table in this query", schema is null ? name : $"{schema}.{name}");
    }

    /// <summary>The source when an expression is nothing but one of its rows, else null.</summary>
    private static RowSource? WholeRow(JsonElement node, Scope scope)
    {
        if (Tree.Open(node) is not ("ColumnRef", var reference)) return null;
        var parts = Tree.Need(reference, "fields");
        if (parts.GetArrayLength() != 1 || Tree.Open(parts[0]).Type != "String") return null;
        var name = Tree.StringOf(parts[0]);
        return scope.HasColumn(name) ? null : scope.FindSource(null, name);
    }
}
