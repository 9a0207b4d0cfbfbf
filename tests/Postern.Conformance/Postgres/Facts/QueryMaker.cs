namespace Postern.Conformance.Postgres.Facts;

/// <summary>Makes queries: joins of every kind, laterals, CTEs, set operations, grouping, windows.</summary>
internal sealed class QueryMaker
{
    private static readonly string[] Types = ["int", "text", "numeric", "date", "bigint"];

    private readonly Random _random;
    private readonly ExpressionMaker _expressions;
    private int _names;

    public QueryMaker(Random random)
    {
        _random = random;
        _expressions = new ExpressionMaker(random, Scalar);
    }

    /// <summary>Expressions over a scope.</summary>
    public ExpressionMaker Expressions => _expressions;

    /// <summary>A name that is used nowhere else in the statement.</summary>
    public string Fresh(string stem) => $"{stem}{++_names}";

    /// <summary>Whether something happens, one time in so many.</summary>
    public bool Chance(int oneIn) => _random.Next(oneIn) == 0;

    /// <summary>One of these.</summary>
    public T One<T>(IReadOnlyList<T> values) => values[_random.Next(values.Count)];

    /// <summary>A relation written as a statement may write it, brought into reach under an alias or its own name.</summary>
    public string Relation(OracleRelation relation, Scope scope, bool isPlain = false)
    {
        var isQualified = relation.Schema != "public" || Chance(2);
        var text = isQualified ? $"{relation.Schema}.{relation.Name}" : relation.Name;
        if (!isPlain && relation.Name is "people" or "events" && Chance(4)) text = "only " + text;
        string[] names = [.. relation.Columns.Select(column => column.Name)];
        var alias = Fresh("r");
        text += $"{(Chance(2) ? " as" : "")} {alias}";
        if (!isPlain && Chance(8))
        {
            names = [.. names.Select((name, index) => index == 0 ? Fresh("c") : name)];
            text += $" ({names[0]})";
        }
        else if (!isPlain && relation is { IsTable: true, Name: not "totals" } && Chance(12))
        {
            text += " tablesample system (50)";
        }
        scope.Rows.Add(alias);
        for (var index = 0; index < names.Length; index++) scope.Columns.Add(new Reach($"{alias}.{names[index]}", relation.Columns[index].Type));
        return text;
    }

    /// <summary>A whole query with the given types of result columns, or any.</summary>
    public string Query(Scope? outer, string[]? types, int depth)
    {
        types ??= [.. Enumerable.Range(0, 1 + _random.Next(4)).Select(_ => One(Types))];
        var with = depth > 1 && Chance(4) ? With(types, depth) : null;
        if (with is not null) return with;
        if (depth > 1 && Chance(6))
        {
            var operation = One(["union", "union all", "intersect", "except"]);
            return $"({Query(outer, types, depth - 1)}) {operation} ({Query(outer, types, depth - 1)}){(Chance(2) ? " order by 1" : "")}{Limit()}";
        }
        return Select(outer, types, depth);
    }

    /// <summary>FROM with at least one relation.</summary>
    public string From(Scope scope, Scope? outer, int depth)
    {
        var text = Item(scope, outer, depth);
        for (var more = _random.Next(3); more > 0; more--)
        {
            if (Chance(5))
            {
                text += $", {Item(scope, outer, depth)}";
                continue;
            }
            if (Chance(5))
            {
                // A lateral query sees what stands before it.
                var (alias, names) = (Fresh("l"), new[] { Fresh("c"), Fresh("c") });
                text += $" cross join lateral ({Query(scope, ["int", "text"], depth - 1)}) as {alias} ({names[0]}, {names[1]})";
                scope.Columns.Add(new Reach($"{alias}.{names[0]}", "int"));
                scope.Columns.Add(new Reach($"{alias}.{names[1]}", "text"));
                scope.Rows.Add(alias);
                continue;
            }
            var joined = Item(scope, outer, depth);
            text += $" {One(["join", "left join", "inner join", "right outer join"])} {joined} on {_expressions.Condition(scope, 1)}";
        }
        return text;
    }

    private string Item(Scope scope, Scope? outer, int depth)
    {
        if (depth > 1 && Chance(6))
        {
            var (alias, names) = (Fresh("s"), new[] { Fresh("c"), Fresh("c") });
            var query = Chance(5) ? "values (1, 'v'), (2, 'w')" : Query(outer, ["int", "text"], depth - 1);
            scope.Columns.Add(new Reach($"{alias}.{names[0]}", "int"));
            scope.Columns.Add(new Reach($"{alias}.{names[1]}", "text"));
            scope.Rows.Add(alias);
            return $"({query}) {alias} ({names[0]}, {names[1]})";
        }
        if (Chance(12))
        {
            var alias = Fresh("f");
            scope.Columns.Add(new Reach(alias, "int"));
            return $"generate_series(1, {_random.Next(5)}) as {alias}";
        }
        if (Chance(20))
        {
            var alias = Fresh("f");
            scope.Columns.Add(new Reach($"{alias}.amount", "numeric"));
            scope.Columns.Add(new Reach($"{alias}.note", "text"));
            return $"sales.recent(3) as {alias}";
        }
        return Relation(One(OracleSchema.Relations), scope);
    }

    private string Select(Scope? outer, string[] types, int depth)
    {
        var scope = new Scope(outer);
        var from = From(scope, outer, depth);
        if (Chance(6)) return Grouped(scope, from, types, depth);
        var columns = types.Select((type, index) =>
        {
            var text = depth > 1 && type == "int" && Chance(6) ? Window(scope) : _expressions.Of(type, scope, depth - 1);
            return Typed(text, type) + (Chance(3) ? $" as k{index}" : "");
        });
        var distinct = Chance(8) ? "distinct " : "";
        var where = Chance(3) ? "" : $" where {_expressions.Condition(scope, depth)}";
        var order = Chance(4) && distinct.Length == 0 ? $" order by {_expressions.Of("text", scope, 1)} desc" : "";
        return $"select {distinct}{string.Join(", ", columns)} from {from}{where}{order}{Limit()}";
    }

    private string Grouped(Scope scope, string from, string[] types, int depth)
    {
        var key = _expressions.Of("text", scope, 1);
        var columns = types.Select(type => Typed(
            type switch
            {
                "int" => $"count(*){(Chance(2) ? $" filter (where {_expressions.Condition(scope, 1)})" : "")}::int",
                "bigint" => $"count(distinct {_expressions.Of("text", scope, 1)})",
                "numeric" => One([$"sum({_expressions.Of("numeric", scope, 1)})", $"percentile_cont(0.5) within group (order by ({_expressions.Of("numeric", scope, 1)})::float8)::numeric"]),
                "date" => $"max({_expressions.Of("date", scope, 1)})",
                _ => One([$"min({_expressions.Of("text", scope, 1)})", $"string_agg({_expressions.Of("text", scope, 1)}, ',' order by {_expressions.Of("int", scope, 1)})", $"array_to_string(array_agg({_expressions.Of("text", scope, 1)}), ',')"]),
            },
            type));
        var where = Chance(2) ? $" where {_expressions.Condition(scope, depth - 1)}" : "";
        var group = One([$"({key})", $"rollup (({key}))", $"grouping sets ((({key})), ())"]);
        var having = Chance(3) ? $" having max({_expressions.Of("int", scope, 1)}) > 1" : "";
        return $"select {string.Join(", ", columns)} from {from}{where} group by {group}{having}";
    }

    private string Window(Scope scope) =>
        $"({One(["row_number()", $"rank()", $"sum({_expressions.Of("int", scope, 1)})"])} over (partition by {_expressions.Of("text", scope, 1)} order by {_expressions.Of("int", scope, 1)}))::int";

    private string With(string[] types, int depth)
    {
        var (name, names) = (Fresh("w"), new[] { Fresh("c"), Fresh("c") });
        var scope = new Scope();
        if (Chance(4))
        {
            var body = $"select 1, 'a'::text union all select {name}.{names[0]} + 1, {name}.{names[1]} from {name} where {name}.{names[0]} < 3";
            scope.Columns.Add(new Reach($"{name}.{names[0]}", "int"));
            scope.Columns.Add(new Reach($"{name}.{names[1]}", "text"));
            return $"with recursive {name} ({names[0]}, {names[1]}) as ({body}) select {Columns(scope, types)} from {name} where {_expressions.Condition(scope, depth - 1)}";
        }
        var inner = Query(null, ["int", "text"], depth - 1);
        scope.Columns.Add(new Reach($"{name}.{names[0]}", "int"));
        scope.Columns.Add(new Reach($"{name}.{names[1]}", "text"));
        var from = Chance(2) ? $"{name}, {Relation(One(OracleSchema.Relations), scope)}" : name;
        return $"with {name} ({names[0]}, {names[1]}) as{One(["", " materialized", " not materialized"])} ({inner}) select {Columns(scope, types)} from {from} where {_expressions.Condition(scope, depth - 1)}{Limit()}";
    }

    private string Columns(Scope scope, string[] types) => string.Join(", ", types.Select(type => Typed(_expressions.Of(type, scope, 1), type)));

    /// <summary>One column, at most one row, seeing what is around it.</summary>
    private string Scalar(Scope outer, string type, int depth)
    {
        var scope = new Scope(outer);
        var relation = Relation(One(OracleSchema.Relations), scope);
        var where = depth > 0 ? $" where {_expressions.Condition(scope, depth - 1)}" : "";
        return $"select {Typed(_expressions.Of(type, scope, Math.Max(0, depth - 1)), type)} from {relation}{where} limit 1";
    }

    private string Limit() => Chance(5) ? $" limit {_random.Next(100)}" : "";

    /// <summary>Sides of set operations, and literals that have no type of their own, agree when each says its type.</summary>
    private static string Typed(string text, string type) => $"({text})::{type}";
}
