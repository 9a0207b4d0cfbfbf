using System.Globalization;
using System.Text.Json;

namespace Postern.Protocols.Postgres.Sql;

/// <summary>
/// Reads queries and what writes like one (gram.y: <c>PreparableStmt</c>): notes what they touch, tells what flows into their rows.
/// One instance reads one statement.
/// </summary>
internal sealed partial class QueryReader(Catalogue catalogue, FactBook facts)
{
    /// <summary>Any query: its columns, with what flows into them; none for one that returns no rows.</summary>
    public List<SourceColumn> Read(JsonElement query, Scope? outer, bool isTop = false)
    {
        Tree.GuardStack();
        var (type, fields) = Tree.Open(query);
        return type switch
        {
            "SelectStmt" => Select(fields, outer, isTop, mayCreate: isTop),
            "InsertStmt" => Insert(fields, outer),
            "UpdateStmt" => Update(fields, outer),
            "DeleteStmt" => Delete(fields, outer),
            "MergeStmt" => Merge(fields, outer),
            _ => throw UndecidableException.Node(type),
        };
    }

    /// <summary>The <c>INTO</c> of a query, which stands in its leftmost arm; null when there is none.</summary>
    public static JsonElement? FindInto(JsonElement select)
    {
        while (Tree.Find(select, "larg") is { } left) select = left;
        return Tree.Find(select, "intoClause");
    }

    private List<SourceColumn> Select(JsonElement fields, Scope? outer, bool isTop, bool mayCreate)
    {
        Tree.GuardStack();
        Tree.Only(fields, "SelectStmt", "distinctClause", "intoClause", "targetList", "fromClause", "whereClause", "groupClause", "groupDistinct", "havingClause", "windowClause",
            "valuesLists", "sortClause", "limitOffset", "limitCount", "limitOption", "lockingClause", "withClause", "op", "all", "larg", "rarg");
        if (Tree.Has(fields, "intoClause") && !mayCreate) throw UndecidableException.Node("SelectStmt.intoClause");
        var scope = new Scope(outer) { HasWhere = Tree.Has(fields, "whereClause") };
        With(fields, scope);
        var columns = Tree.Text(fields, "op") switch
        {
            "SETOP_NONE" when Tree.Has(fields, "valuesLists") => Values(fields, scope),
            "SETOP_NONE" => Simple(fields, scope),
            "SETOP_UNION" or "SETOP_INTERSECT" or "SETOP_EXCEPT" => SetOperation(fields, scope, mayCreate),
            var operation => throw UndecidableException.Node($"SelectStmt.{operation}"),
        };
        Limit(fields, scope, isTop);
        return columns;
    }

    private List<SourceColumn> Simple(JsonElement fields, Scope scope)
    {
        From(fields, "fromClause", scope);
        if (Tree.Find(fields, "whereClause") is { } where) Expression(where, scope);
        var columns = Targets(fields, "targetList", scope);
        foreach (var item in Tree.Items(fields, "groupClause")) Grouping(item, scope, columns);
        if (Tree.Find(fields, "havingClause") is { } having) Expression(having, scope);
        foreach (var window in Tree.Items(fields, "windowClause")) Window(Tree.Open(window, "WindowDef"), scope);
        foreach (var item in Tree.Items(fields, "distinctClause"))
        {
            if (!Tree.IsNull(item)) Ordering(item, scope, columns);
        }
        foreach (var item in Tree.Items(fields, "sortClause")) Sort(item, scope, columns);
        foreach (var item in Tree.Items(fields, "lockingClause")) Locking(Tree.Open(item, "LockingClause"), scope);
        if (scope.Outer is { } outer && !outer.IsOfCommonTable) outer.Relations.AddRange(scope.Relations);
        return columns;
    }

    private List<SourceColumn> SetOperation(JsonElement fields, Scope scope, bool mayCreate)
    {
        if (Tree.Has(fields, "lockingClause") || Tree.Has(fields, "targetList") || Tree.Has(fields, "fromClause")) throw UndecidableException.Node("SelectStmt.op");
        var left = Select(Tree.Need(fields, "larg"), scope, isTop: false, mayCreate);
        var right = Select(Tree.Need(fields, "rarg"), scope, isTop: false, mayCreate: false);
        if (left.Count != right.Count) throw new UndecidableException("the arms of a set operation have different numbers of columns");
        List<SourceColumn> columns = [.. left.Select((column, i) => new SourceColumn(column.Name, Flow.Either(column.Flow, right[i].Flow).Moved()))];
        // Sorted by its own columns only; anything else the server refuses.
        foreach (var item in Tree.Items(fields, "sortClause")) Sort(item, new Scope(scope), columns);
        return columns;
    }

    private List<SourceColumn> Values(JsonElement fields, Scope scope)
    {
        List<SourceColumn>? columns = null;
        foreach (var row in Tree.Items(fields, "valuesLists"))
        {
            List<Flow> flows = [];
            foreach (var item in Tree.Items(Tree.Open(row, "List"), "items")) flows.Add(Expression(item, scope).Moved());
            if (columns is null) columns = [.. flows.Select((flow, i) => new SourceColumn(string.Create(CultureInfo.InvariantCulture, $"column{i + 1}"), flow))];
            else if (columns.Count != flows.Count) throw new UndecidableException("the rows of a VALUES list have different lengths");
            else columns = [.. columns.Select((column, i) => column with { Flow = Flow.Either(column.Flow, flows[i]) })];
        }
        foreach (var item in Tree.Items(fields, "sortClause")) Sort(item, scope, columns ?? []);
        return columns ?? [];
    }

    private void Limit(JsonElement fields, Scope scope, bool isTop)
    {
        if (Tree.Find(fields, "limitOffset") is { } offset) Expression(offset, scope);
        if (Tree.Find(fields, "limitCount") is not { } count) return;
        Expression(count, scope);
        // Rows that tie with the last one come on top, and all rows may tie.
        if (Tree.Text(fields, "limitOption") == "LIMIT_OPTION_WITH_TIES") return;
        if (isTop && Tree.Open(count) is ("A_Const", var constant) && Tree.Find(constant, "ival") is { } number) facts.Limit = Tree.Number(number, "ival");
    }

    private void With(JsonElement fields, Scope scope)
    {
        if (Tree.Find(fields, "withClause") is not { } with) return;
        Tree.Only(with, "WithClause", "ctes", "recursive");
        var isRecursive = Tree.Flag(with, "recursive");
        List<JsonElement> definitions = [.. Tree.Items(with, "ctes").Select(cte => Tree.Open(cte, "CommonTableExpr"))];
        // A name that is still to come hides a table of the same name.
        if (isRecursive) foreach (var definition in definitions) scope.CommonTables[Tree.NeedText(definition, "ctename")] = new CommonTable(Tree.NeedText(definition, "ctename"));
        foreach (var definition in definitions)
        {
            Tree.Only(definition, "CommonTableExpr", "ctename", "aliascolnames", "ctematerialized", "ctequery");
            var name = Tree.NeedText(definition, "ctename");
            var aliases = Tree.Strings(definition, "aliascolnames");
            var query = Tree.Need(definition, "ctequery");
            if (isRecursive) Recursive(scope.CommonTables[name], query, aliases, scope);
            else scope.CommonTables[name] = new CommonTable(name) { Columns = Renamed(CommonTableQuery(query, scope), aliases) };
        }
    }

    private List<SourceColumn> CommonTableQuery(JsonElement query, Scope scope) => Read(query, new Scope(scope) { IsOfCommonTable = true });

    private void Recursive(CommonTable table, JsonElement query, List<string> aliases, Scope scope)
    {
        const int MaximumRounds = 8;
        if (Tree.Open(query) is not ("SelectStmt", var select) || Tree.Text(select, "op") != "SETOP_UNION")
        {
            table.Columns = Renamed(CommonTableQuery(query, scope), aliases);
            return;
        }
        var inner = new Scope(scope) { IsOfCommonTable = true };
        With(select, inner);
        table.Columns = Renamed(Select(Tree.Need(select, "larg"), inner, isTop: false, mayCreate: false), aliases);
        for (var round = 0; round < MaximumRounds; round++)
        {
            // What flows in may flow round: again until nothing new arrives.
            var columns = Renamed(CommonTableQuery(query, scope), aliases);
            var isSame = columns.Count == table.Columns.Count;
            for (var i = 0; isSame && i < columns.Count; i++) isSame = columns[i].Flow.Same(table.Columns[i].Flow);
            table.Columns = columns;
            if (isSame) return;
        }
        throw new UndecidableException("what flows through a recursive query cannot be told");
    }

    private static List<SourceColumn> Renamed(List<SourceColumn> columns, List<string> aliases)
    {
        if (aliases.Count > columns.Count) throw new UndecidableException("an alias names more columns than there are");
        return aliases.Count == 0 ? columns : [.. columns.Select((column, i) => i < aliases.Count ? column with { Name = aliases[i] } : column)];
    }

    private void Sort(JsonElement item, Scope scope, List<SourceColumn> columns)
    {
        var sort = Tree.Open(item, "SortBy");
        Tree.Only(sort, "SortBy", "node", "sortby_dir", "sortby_nulls", "useOp");
        if (Tree.Has(sort, "useOp")) Operator(Tree.Strings(sort, "useOp"));
        Ordering(Tree.Need(sort, "node"), scope, columns);
    }

    // A bare name means a column of the result first, a bare number its place (findTargetlistEntrySQL92).
    private void Ordering(JsonElement node, Scope scope, List<SourceColumn> columns)
    {
        if (BareName(node) is { } name && columns.Exists(column => column.Name == name)) return;
        Expression(node, scope);
    }

    // For GROUP BY a column of the sources comes before one of the result.
    private void Grouping(JsonElement node, Scope scope, List<SourceColumn> columns)
    {
        var (type, fields) = Tree.Open(node);
        if (type == "GroupingSet")
        {
            Tree.Only(fields, type, "kind", "content");
            foreach (var item in Tree.Items(fields, "content")) Grouping(item, scope, columns);
            return;
        }
        if (BareName(node) is { } name && !scope.HasOwnColumn(name) && columns.Exists(column => column.Name == name)) return;
        Expression(node, scope);
    }

    private static string? BareName(JsonElement node)
    {
        if (Tree.Open(node) is not ("ColumnRef", var reference)) return null;
        var parts = Tree.Need(reference, "fields");
        return parts.GetArrayLength() == 1 && Tree.Open(parts[0]) is ("String", var text) ? Tree.Text(text, "sval") : null;
    }

    private void Window(JsonElement window, Scope scope)
    {
        Tree.Only(window, "WindowDef", "name", "refname", "partitionClause", "orderClause", "frameOptions", "startOffset", "endOffset");
        foreach (var item in Tree.Items(window, "partitionClause")) Expression(item, scope);
        foreach (var item in Tree.Items(window, "orderClause")) Sort(item, scope, []);
        if (Tree.Find(window, "startOffset") is { } start) Expression(start, scope);
        if (Tree.Find(window, "endOffset") is { } end) Expression(end, scope);
    }

    // A row lock needs the right to update, in the database's own rights as well.
    private void Locking(JsonElement clause, Scope scope)
    {
        Tree.Only(clause, "LockingClause", "lockedRels", "strength", "waitPolicy");
        if (!Tree.Has(clause, "lockedRels"))
        {
            foreach (var relation in scope.Relations) Lock(relation);
            return;
        }
        foreach (var item in Tree.Items(clause, "lockedRels"))
        {
            var name = Tree.NeedText(Tree.Open(item, "RangeVar"), "relname");
            var source = scope.FindOwnSource(name) ?? throw UndecidableException.Unknown("source to lock", name);
            if (source.Relation is { } relation) Lock(relation);
            else foreach (var inner in scope.Relations) Lock(inner);
        }

        void Lock(CatalogueRelation relation) => facts.Use(StatementWords.Update, relation).Note(scope.HasWhere);
    }
}
