namespace Postern.Conformance.Postgres.Facts;

/// <summary>Makes one statement from a seed: the same seed, the same statement.</summary>
internal static class StatementMaker
{
    private static readonly OracleRelation[] Written = [.. OracleSchema.Relations.Where(relation => relation.IsWritten)];

    /// <summary>Every kind in turn, so that none is rare.</summary>
    public static string Make(int seed)
    {
        var queries = new QueryMaker(new Random(seed));
        return (seed % 12) switch
        {
            0 => Insert(queries),
            1 => Update(queries),
            2 => Delete(queries),
            3 => Merge(queries),
            4 => Writing(queries),
            5 => Rows(queries),
            6 => Plain(queries),
            _ => queries.Query(null, null, depth: 3),
        };
    }

    /// <summary>Columns as they stand, merged joins, whole rows, and the shorthands that name none.</summary>
    private static string Plain(QueryMaker queries)
    {
        var scope = new Scope();
        var relation = queries.One(OracleSchema.Relations);
        if (queries.Chance(6)) return $"table {relation.Schema}.{relation.Name}";
        if (queries.Chance(5)) return $"select {queries.One(["*", "count(*)", "name", "id, name", "salary"])} from hr.people natural {queries.One(["", "left ", "full "])}join hr.managers";
        if (queries.Chance(5)) return $"select {queries.One(["*", "id", "o.amount", "l.id, o.secret", "1"])} from sales.open_orders o1 join sales.orders l using (id) full join (select id, amount, 'x' as secret from sales.orders) o using (id)";
        var from = queries.Relation(relation, scope, isPlain: true);
        var other = queries.Chance(3) ? ", " + queries.Relation(queries.One(OracleSchema.Relations), scope, isPlain: true) : "";
        var row = queries.One(scope.Rows);
        var columns = queries.One<Func<string>>(
        [
            () => "*",
            () => $"{row}.*",
            () => row,
            () => $"row_to_json({row})",
            () => $"({row}).*",
            () => $"count({row})",
            () => $"{row}::text",
            () => $"array_agg({row})",
            () => string.Join(", ", scope.Columns.Select(column => column.Text).Take(3)),
            () => $"to_jsonb({row}) - 'x', {queries.One(scope.Columns).Text}",
        ])();
        var isGrouped = columns.StartsWith("count", StringComparison.Ordinal) || columns.StartsWith("array_agg", StringComparison.Ordinal);
        var order = !isGrouped && queries.Chance(3) ? $" order by {queries.One(scope.Columns.Where(column => column.Type is not ("mood" or "address")).ToArray()).Text}" : "";
        return $"select {columns} from {from}{other}{(queries.Chance(2) ? $" where {queries.Expressions.Condition(scope, 2)}" : "")}{order}";
    }

    /// <summary>Queries that PostgreSQL writes in a way of their own.</summary>
    private static string Rows(QueryMaker queries)
    {
        var scope = new Scope();
        var relation = queries.One(OracleSchema.Relations.Where(each => each.IsTable && each.Name is not "totals").ToArray());
        var from = queries.Relation(relation, scope, isPlain: true);
        var column = queries.One(scope.Columns.Where(each => each.Type is "int" or "bigint" or "text" or "date" or "numeric").ToArray());
        return queries.One<Func<string>>(
        [
            () => $"select distinct on ({column.Text}) {column.Text}, {queries.Expressions.Of("text", scope, 2)} from {from} order by {column.Text}, {queries.Expressions.Of("int", scope, 1)}",
            () => $"values (1, {Scalar(queries)}), (2, 'b')",
            () => $"select x.a from {from} cross join lateral (select {column.Text} as a) x order by x.a nulls first",
            () => $"select array(select {column.Text} from {from})",
            () => $"select sum(count(*)) over () from {from} group by {column.Text}",
            () => $"select first_value({column.Text}) over w from {from} window w as (partition by {queries.Expressions.Of("text", scope, 1)} order by {column.Text} rows between 1 preceding and current row)",
            () => $"select {column.Text} as one, count(*) from {from} group by one order by one",
            () => $"select {column.Text} from {from} group by 1 having count(*) > 1 order by 1 desc fetch first 3 rows only",
            () => $"with a as (select {column.Text} as v from {from}), b as (select v from a) select (select max(v) from b), v from a where exists (select 1 from b where b.v = a.v)",
            () => $"select {column.Text} from {from} where {queries.Expressions.Condition(scope, 2)} for {queries.One(["update", "share", "no key update"])}",
        ])();
    }

    private static string Insert(QueryMaker queries)
    {
        var target = queries.One(Written);
        var isQuery = queries.Chance(2);
        var columns = Writable(target).Where(column => !isQuery || Assignable(column.Type) == column.Type).ToArray();
        var isConflict = target is { IsTable: true, Key.Length: > 0 } && queries.Chance(2);
        var alias = queries.Chance(2) ? $" as {queries.Fresh("t")}" : "";
        var names = $"({string.Join(", ", columns.Select(column => column.Name))})";
        var source = isQuery
            ? queries.Query(null, [.. columns.Select(column => column.Type)], 2)
            : $"values ({string.Join(", ", columns.Select(column => queries.Chance(6) ? "default" : Literal(queries, column.Type)))})";
        if (queries.Chance(12) && target.Name is not ("events" or "events_2025")) (names, source) = ("", "default values");
        var text = $"insert into {target.Schema}.{target.Name}{alias} {names} {source}";
        var own = alias.Length > 0 ? alias[4..] : target.Name;
        var scope = new Scope();
        scope.Columns.AddRange(target.Columns.Select(column => new Reach($"{own}.{column.Name}", column.Type)));
        if (isConflict)
        {
            var excluded = new Scope(scope);
            excluded.Columns.AddRange(scope.Columns);
            excluded.Columns.AddRange(target.Columns.Select(column => new Reach($"excluded.{column.Name}", column.Type)));
            var set = queries.One(columns);
            text += queries.Chance(3)
                ? $" on conflict{(queries.Chance(2) ? $" ({string.Join(", ", target.Key)})" : "")} do nothing"
                : $" on conflict ({string.Join(", ", target.Key)}) do update set {set.Name} = {Value(queries, set.Type, excluded)}{(queries.Chance(2) ? $" where {queries.Expressions.Condition(excluded, 1)}" : "")}";
        }
        return text + Returning(queries, scope);
    }

    private static string Update(QueryMaker queries)
    {
        var (target, scope) = (queries.One(Written), new Scope());
        var text = $"update {queries.Relation(target, scope, isPlain: true)}";
        // `as` before an alias is legal in UPDATE too; `only` was left out by being plain.
        var all = new Scope();
        all.Columns.AddRange(scope.Columns);
        var from = queries.Chance(3) ? $" from {queries.From(all, null, 2)}" : "";
        var columns = Writable(target);
        var set = queries.One(columns);
        var assignments = queries.Chance(4)
            ? $"({columns[0].Name}, {columns[1].Name}) = ({queries.Query(scope, [columns[0].Type, columns[1].Type], 1)})"
            : $"{set.Name} = {(queries.Chance(8) ? "default" : Value(queries, set.Type, all))}";
        return $"{text} set {assignments}{from}{(queries.Chance(4) ? "" : $" where {queries.Expressions.Condition(all, 2)}")}{Returning(queries, all)}";
    }

    private static string Delete(QueryMaker queries)
    {
        var (target, scope) = (queries.One(Written), new Scope());
        var text = $"delete from {queries.Relation(target, scope, isPlain: true)}";
        var all = new Scope();
        all.Columns.AddRange(scope.Columns);
        var other = queries.Chance(3) ? $" using {queries.From(all, null, 2)}" : "";
        return $"{text}{other}{(queries.Chance(4) ? "" : $" where {queries.Expressions.Condition(all, 2)}")}{Returning(queries, all)}";
    }

    private static string Merge(QueryMaker queries)
    {
        var target = queries.One(Written.Where(relation => relation.IsTable && relation.Name is not "people").ToArray());
        var scope = new Scope();
        var (into, source) = (queries.Fresh("t"), queries.Fresh("s"));
        scope.Columns.AddRange(target.Columns.Select(column => new Reach($"{into}.{column.Name}", column.Type)));
        var sourceScope = new Scope();
        string from;
        if (queries.Chance(2))
        {
            var relation = queries.One(OracleSchema.Relations);
            from = $"{relation.Schema}.{relation.Name} {source}";
            sourceScope.Columns.AddRange(relation.Columns.Select(column => new Reach($"{source}.{column.Name}", column.Type)));
        }
        else
        {
            from = $"({queries.Query(null, ["int", "text"], 2)}) {source} (k, v)";
            sourceScope.Columns.AddRange([new Reach($"{source}.k", "int"), new Reach($"{source}.v", "text")]);
        }
        scope.Columns.AddRange(sourceScope.Columns);
        var columns = Writable(target);
        var set = queries.One(columns);
        var text = $"merge into {target.Schema}.{target.Name} {into} using {from} on {queries.Expressions.Condition(scope, 1)}";
        if (queries.Chance(2)) text += $" when matched and {queries.Expressions.Condition(scope, 1)} then delete";
        text += queries.One([$" when matched then update set {set.Name} = {Value(queries, set.Type, scope)}", " when matched then do nothing"]);
        if (queries.Chance(2))
        {
            text += $" when not matched then insert ({string.Join(", ", columns.Select(column => column.Name))}) values ({string.Join(", ", columns.Select(column => Value(queries, column.Type, sourceScope)))})";
        }
        return text;
    }

    /// <summary>A CTE that writes.</summary>
    private static string Writing(QueryMaker queries)
    {
        var (target, name, scope) = (queries.One(Written), queries.Fresh("w"), new Scope());
        var relation = queries.Relation(target, scope, isPlain: true);
        var column = queries.One(scope.Columns);
        var set = queries.One(Writable(target));
        var write = queries.One(
        [
            $"delete from {relation} where {queries.Expressions.Condition(scope, 1)} returning {column.Text} as v",
            $"update {relation} set {set.Name} = {Value(queries, set.Type, scope)} returning {column.Text} as v",
        ]);
        var rest = queries.One(
        [
            $"select count(*) from {name}",
            $"select v from {name}, public.customers c where c.city = 'x'",
            $"insert into hr.orders (secret) select v::text from {name} returning secret",
            $"delete from sales.lines where sku in (select v::text from {name})",
        ]);
        return $"with {name} as ({write}) {rest}";
    }

    private static string Returning(QueryMaker queries, Scope scope) => queries.Chance(2)
        ? ""
        : " returning " + queries.One<Func<string>>([() => "*", () => queries.Expressions.Of("text", scope, 1), () => queries.One(scope.Columns).Text, () => "1"])();

    private static (string Name, string Type)[] Writable(OracleRelation relation) => [.. relation.Columns.Where(column => !relation.Computed.Contains(column.Name))];

    private static string Scalar(QueryMaker queries) => $"({queries.Query(null, ["text"], 1)})";

    private static string Assignable(string type) => type is "mood" or "address" or "text[]" or "jsonb" or "timestamptz" ? "text" : type;

    /// <summary>A value that the column takes: what has no expressions of its own gets a literal.</summary>
    private static string Value(QueryMaker queries, string type, Scope scope) =>
        type is "mood" or "address" or "text[]" or "jsonb" or "timestamptz" ? Literal(queries, type) : queries.Expressions.Of(type, scope, 2);

    private static string Literal(QueryMaker queries, string type) => type switch
    {
        "mood" => "'low'",
        "address" => "row('a', 'b')",
        "text[]" => "'{a,b}'",
        "jsonb" => "'{\"k\": 1}'",
        "timestamptz" => "now()",
        "date" => "date '2025-03-04'",
        "text" => queries.One(["'a@b'", "upper('x')", "null"]),
        _ => queries.One(["7", "1 + 2", "null"]),
    };
}
