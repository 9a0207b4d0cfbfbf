using System.Collections.Immutable;
using System.Text.Json;

namespace Postern.Protocols.Postgres.Sql;

/// <summary>Where rows come from (parse_clause.c: transformFromClause).</summary>
internal sealed partial class QueryReader
{
    private void From(JsonElement fields, string name, Scope scope)
    {
        List<Visible> whole = [.. scope.Sources];
        foreach (var item in Tree.Items(fields, name))
        {
            var (_, added) = FromItem(item, scope);
            // Until the clause is read to its end, what stands to the left is there for lateral subqueries only.
            foreach (var visible in added) visible.IsLateralOnly = true;
            scope.Sources.AddRange(added);
            whole.AddRange(added);
        }
        foreach (var visible in whole) visible.IsLateralOnly = false;
    }

    private (RowSource Source, List<Visible> Added) FromItem(JsonElement item, Scope scope)
    {
        Tree.GuardStack();
        var (type, fields) = Tree.Open(item);
        return type switch
        {
            "RangeVar" => Single(Table(fields, scope)),
            "RangeSubselect" => Single(Subquery(fields, scope)),
            "RangeFunction" => Single(Function(fields, scope)),
            "RangeTableSample" => Single(Sample(fields, scope)),
            "JoinExpr" => Join(fields, scope),
            _ => throw UndecidableException.Node(type),
        };

        static (RowSource, List<Visible>) Single(RowSource source) => (source, [new Visible { Source = source, IsNamed = source.Name is not null }]);
    }

    private RowSource Table(JsonElement fields, Scope scope)
    {
        var (schema, name) = RelationName(fields);
        var (alias, names) = Alias(fields);
        if (schema is null && scope.FindCommonTable(name) is { } common)
        {
            List<SourceColumn> columns = [.. common.Columns ?? throw new UndecidableException($"`{name}` is used before it is told what it is")];
            return new RowSource { Name = alias ?? name, Columns = [.. Renamed(columns, names)] };
        }
        var relation = Readable(catalogue.Relation(schema, name));
        var use = facts.Use(StatementWords.Select, relation);
        use.Note(scope.HasWhere);
        scope.Relations.Add(relation);
        return Of(relation, use, alias, names);
    }

    private static CatalogueRelation Readable(CatalogueRelation relation) =>
        relation.Kind is 'r' or 'v' or 'm' or 'p' or 'f' or 'S' ? relation : throw new UndecidableException($"`{relation.FullName}` is nothing to read rows from");

    /// <summary>A relation as a row source.</summary>
    private RowSource Of(CatalogueRelation relation, TableUse use, string? alias, List<string> names) => new()
    {
        Name = alias ?? relation.Name,
        Schema = alias is null ? relation.Schema : null,
        Columns = [.. Renamed([.. relation.Columns.Select((column, place) => new SourceColumn(column.Name, FlowOf(relation, place)))], names)],
        Relation = relation,
        Use = use,
    };

    private Flow FlowOf(CatalogueRelation relation, int place)
    {
        if (catalogue.ViewFlows.TryGetValue(relation.Oid, out var flows)) return flows[place];
        var column = relation.Columns[place];
        var own = new ColumnOrigin(relation.Oid, column.Number, $"{relation.FullName}.{column.Name}");
        if (relation.Ancestors.IsEmpty) return Flow.Of(own);
        // A mask on the parent means the value, under whatever table it is read (attack M10).
        return relation.Inherited(column.Name).Select(Flow.Of).Aggregate(Flow.Of(own), Flow.Either);
    }

    private static (string? Schema, string Name) RelationName(JsonElement fields)
    {
        Tree.Only(fields, "RangeVar", "schemaname", "relname", "inh", "relpersistence", "alias");
        return (Tree.Text(fields, "schemaname"), Tree.NeedText(fields, "relname"));
    }

    private static (string? Name, List<string> Columns) Alias(JsonElement fields)
    {
        if (Tree.Find(fields, "alias") is not { } alias) return (null, []);
        Tree.Only(alias, "Alias", "aliasname", "colnames");
        return (Tree.Text(alias, "aliasname"), Tree.Strings(alias, "colnames"));
    }

    private RowSource Subquery(JsonElement fields, Scope scope)
    {
        Tree.Only(fields, "RangeSubselect", "lateral", "subquery", "alias");
        var before = scope.IsLateralActive;
        scope.IsLateralActive = Tree.Flag(fields, "lateral");
        var columns = Read(Tree.Need(fields, "subquery"), scope);
        scope.IsLateralActive = before;
        var (alias, names) = Alias(fields);
        return new RowSource { Name = alias, Columns = [.. Renamed(columns, names)] };
    }

    private RowSource Sample(JsonElement fields, Scope scope)
    {
        Tree.Only(fields, "RangeTableSample", "relation", "method", "args", "repeatable");
        if (Tree.Strings(fields, "method") is not (["system" or "bernoulli"] or ["pg_catalog", "system" or "bernoulli"])) throw UndecidableException.Node("RangeTableSample.method");
        var source = Table(Tree.Open(Tree.Need(fields, "relation"), "RangeVar"), scope);
        foreach (var argument in Tree.Items(fields, "args")) Expression(argument, scope);
        if (Tree.Find(fields, "repeatable") is { } repeatable) Expression(repeatable, scope);
        return source;
    }

    private RowSource Function(JsonElement fields, Scope scope)
    {
        Tree.Only(fields, "RangeFunction", "lateral", "ordinality", "is_rowsfrom", "functions", "alias", "coldeflist");
        var (alias, names) = Alias(fields);
        List<JsonElement> functions = [.. Tree.Items(fields, "functions").Select(item => Tree.Open(item, "List"))];
        if (functions.Count == 0) throw UndecidableException.Node("RangeFunction");
        var before = scope.IsLateralActive;
        scope.IsLateralActive = true;
        List<SourceColumn> columns = [];
        string? firstName = null;
        foreach (var item in functions)
        {
            var pair = Tree.Need(item, "items");
            if (pair.GetArrayLength() != 2) throw UndecidableException.Node("RangeFunction.functions");
            var flow = Flow.Made(Expression(pair[0], scope));
            firstName ??= TargetName.Of(pair[0]) ?? "?column?";
            var defined = Tree.IsNull(pair[1]) ? Definitions(fields, "coldeflist") : Definitions(Tree.Open(pair[1], "List"), "items");
            foreach (var name in defined ?? ResultNames(pair[0], functions.Count == 1 ? alias : null)) columns.Add(new SourceColumn(name, flow));
        }
        scope.IsLateralActive = before;
        if (Tree.Flag(fields, "ordinality")) columns.Add(new SourceColumn("ordinality", Flow.Constant));
        return new RowSource { Name = alias ?? firstName, Columns = [.. Renamed(columns, names)] };
    }

    private List<string>? Definitions(JsonElement fields, string name)
    {
        if (!Tree.Has(fields, name)) return null;
        List<string> names = [];
        foreach (var item in Tree.Items(fields, name))
        {
            var column = Tree.Open(item, "ColumnDef");
            Tree.Only(column, "ColumnDef", "colname", "typeName", "is_local", "collClause");
            Type(Tree.Need(column, "typeName"));
            names.Add(Tree.NeedText(column, "colname"));
        }
        return names;
    }

    // What columns a function in FROM has: its OUT arguments, those of its row type, or one by its own name or alias.
    private IEnumerable<string> ResultNames(JsonElement node, string? alias)
    {
        const uint Record = 2249;
        if (Tree.Open(node) is not ("FuncCall", var call)) return [alias ?? TargetName.Of(node) ?? "?column?"];
        var candidates = Candidates(call);
        if (candidates.TrueForAll(function => function is { Name: "unnest", Schema: "pg_catalog" })) return Unnested(call, candidates, alias);
        var first = candidates[0];
        foreach (var other in candidates)
        {
            if (!other.Results.AsSpan().SequenceEqual(first.Results.AsSpan()) || RowType(other) != RowType(first)) throw new UndecidableException($"what columns `{first.Name}` has cannot be told");
        }
        if (first.Results is { Length: 1 } single && single[0].Length > 0) return single;
        if (first.Results.Length > 1) return first.Results.Select((name, i) => name.Length > 0 ? name : string.Create(System.Globalization.CultureInfo.InvariantCulture, $"column{i + 1}"));
        if (RowType(first) is { } row) return row.Columns.Select(column => column.Name);
        if (first.ReturnType == Record) throw new UndecidableException($"what columns `{first.Name}` has cannot be told");
        return [alias ?? first.Name];
    }

    // Of several arrays: one column each. Of one: a column, unless it is said to be a text search vector, which has three.
    private static IEnumerable<string> Unnested(JsonElement call, List<CatalogueFunction> candidates, string? alias)
    {
        var arguments = Tree.Need(call, "args");
        if (arguments.GetArrayLength() > 1) return Enumerable.Repeat("unnest", arguments.GetArrayLength());
        if (Tree.Open(arguments[0]) is ("TypeCast", var cast) && Tree.Strings(Tree.Need(cast, "typeName"), "names")[^1] == "tsvector") return candidates.First(function => function.Results.Length > 1).Results;
        return [alias ?? "unnest"];
    }

    private CatalogueRelation? RowType(CatalogueFunction function) =>
        catalogue.TypesByOid.TryGetValue(function.ReturnType, out var type) && type.Relation != 0 ? catalogue.RelationsByOid.GetValueOrDefault(type.Relation) ?? throw UndecidableException.Unknown("row type", type.Name) : null;

    private (RowSource Source, List<Visible> Added) Join(JsonElement fields, Scope scope)
    {
        Tree.Only(fields, "JoinExpr", "jointype", "isNatural", "larg", "rarg", "usingClause", "join_using_alias", "quals", "alias", "rtindex");
        var (left, leftAdded) = FromItem(Tree.Need(fields, "larg"), scope);
        var outside = scope.Sources;
        foreach (var visible in leftAdded) visible.IsLateralOnly = true;
        scope.Sources = [.. outside, .. leftAdded];
        var (right, rightAdded) = FromItem(Tree.Need(fields, "rarg"), scope);
        foreach (var visible in leftAdded) visible.IsLateralOnly = false;
        List<Visible> both = [.. leftAdded, .. rightAdded];
        var kind = Tree.NeedText(fields, "jointype");

        List<string> merged = Tree.Flag(fields, "isNatural")
            ? [.. left.Columns.Select(column => column.Name).Where(name => right.Find(name) >= 0)]
            : Tree.Strings(fields, "usingClause");
        // `USING` and `NATURAL` compare by the operator `=`, whosever it is.
        if (merged.Count > 0) Operator(["="]);
        var columns = ImmutableArray.CreateBuilder<SourceColumn>();
        var inner = ImmutableArray.CreateBuilder<ImmutableArray<(RowSource, int)>>();
        foreach (var name in merged)
        {
            var (l, r) = (left.Find(name), right.Find(name));
            if (l < 0 || r < 0) throw UndecidableException.Unknown("column on both sides of a join", name);
            var (leftFlow, rightFlow) = (left.Read(l), right.Read(r));
            columns.Add(new SourceColumn(name, kind switch { "JOIN_LEFT" => leftFlow, "JOIN_RIGHT" => rightFlow, _ => Flow.Either(leftFlow, rightFlow) }));
            inner.Add([(left, l), (right, r)]);
        }
        var mergedCount = columns.Count;
        Rest(left);
        Rest(right);
        if (Tree.Find(fields, "quals") is { } condition)
        {
            scope.Sources = both;
            Expression(condition, scope);
        }
        scope.Sources = outside;

        var (alias, names) = Alias(fields);
        var join = new RowSource { Name = alias, Columns = [.. Renamed([.. columns], names)], Inner = inner.ToImmutable() };
        if (alias is not null) return (join, [new Visible { Source = join }]);
        foreach (var visible in both) visible.AreColumnsOpen = false;
        both.Add(new Visible { Source = join, IsNamed = false });
        if (Tree.Find(fields, "join_using_alias") is { } usingAlias)
        {
            Tree.Only(usingAlias, "Alias", "aliasname");
            var common = new RowSource { Name = Tree.NeedText(usingAlias, "aliasname"), Columns = [.. columns.Take(mergedCount)], Inner = [.. inner.Take(mergedCount)] };
            both.Add(new Visible { Source = common, AreColumnsOpen = false });
        }
        return (join, both);

        void Rest(RowSource source)
        {
            for (var i = 0; i < source.Columns.Length; i++)
            {
                if (merged.Contains(source.Columns[i].Name)) continue;
                columns.Add(source.Columns[i]);
                inner.Add([(source, i)]);
            }
        }
    }
}
