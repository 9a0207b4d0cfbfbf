namespace Postern.Conformance.Postgres.Facts;

/// <summary>Makes expressions of a wanted type over what a scope offers.</summary>
/// <param name="random">Seeded: the same statements in every run.</param>
/// <param name="queries">Makes the queries inside expressions.</param>
internal sealed class ExpressionMaker(Random random, Func<Scope, string, int, string> queries)
{
    public const string Bool = "bool";

    /// <summary>An expression of this type; <paramref name="depth"/> bounds how deep it goes.</summary>
    public string Of(string type, Scope scope, int depth)
    {
        if (depth <= 0 || random.Next(3) == 0) return Leaf(type, scope);
        return type switch
        {
            "int" => Pick(
                () => $"({Of("int", scope, depth - 1)} + {Of("int", scope, depth - 1)})",
                () => $"length({Of("text", scope, depth - 1)})",
                () => $"extract(year from {Of("date", scope, depth - 1)})::int",
                () => $"coalesce({Of("int", scope, depth - 1)}, 0)",
                () => $"public.touch({Of("int", scope, depth - 1)})",
                () => $"cast({Of("text", scope, depth - 1)} as int)",
                () => $"({queries(scope, "int", depth - 1)})"),
            "bigint" => Pick(() => $"{Of("int", scope, depth - 1)}::bigint", () => $"greatest({Of("bigint", scope, depth - 1)}, {Of("int", scope, depth - 1)})", () => $"({queries(scope, "bigint", depth - 1)})"),
            "numeric" => Pick(
                () => $"{Of("numeric", scope, depth - 1)} * {Of("numeric", scope, depth - 1)}",
                () => $"round({Of("numeric", scope, depth - 1)}::numeric, 2)",
                () => $"tax({Of("numeric", scope, depth - 1)})",
                () => $"public.tax({Of("numeric", scope, depth - 1)})",
                () => $"nullif({Of("numeric", scope, depth - 1)}, 0)",
                () => $"case when {Of(Bool, scope, depth - 1)} then {Of("numeric", scope, depth - 1)} else {Of("numeric", scope, depth - 1)} end",
                () => $"({queries(scope, "numeric", depth - 1)})"),
            "text" => Pick(
                () => $"{Of("text", scope, depth - 1)} || {Of("text", scope, depth - 1)}",
                () => $"lower({Of("text", scope, depth - 1)})",
                () => $"substring({Of("text", scope, depth - 1)} from 2 for 3)",
                () => $"trim(both 'x' from {Of("text", scope, depth - 1)})",
                () => $"{Of("int", scope, depth - 1)}::text",
                () => $"concat_ws('-', {Of("text", scope, depth - 1)}, {Of("int", scope, depth - 1)})",
                () => $"case {Of("text", scope, depth - 1)} when 'a' then {Of("text", scope, depth - 1)} else 'z' end",
                () => $"md5({Of("text", scope, depth - 1)})",
                () => scope.Pick(random, "jsonb") is { } json ? $"({json} ->> 'k')" : $"upper({Of("text", scope, depth - 1)})",
                () => scope.Pick(random, "address") is { } home ? $"({home}).city" : $"initcap({Of("text", scope, depth - 1)})",
                () => scope.Pick(random, "text[]") is { } tags ? $"{tags}[1]" : $"left({Of("text", scope, depth - 1)}, 2)",
                () => $"({queries(scope, "text", depth - 1)})"),
            "date" => Pick(() => $"({Of("date", scope, depth - 1)} + 1)", () => $"date_trunc('month', {Of("date", scope, depth - 1)})::date", () => "current_date"),
            _ => Condition(scope, depth),
        };
    }

    /// <summary>A condition.</summary>
    public string Condition(Scope scope, int depth)
    {
        if (depth <= 0) return $"{Leaf("int", scope)} > {random.Next(100)}";
        return Pick(
            () => $"{Of("int", scope, depth - 1)} {Word("=", "<>", "<", ">=")} {Of("int", scope, depth - 1)}",
            () => $"{Of("numeric", scope, depth - 1)} between 1 and {Of("numeric", scope, depth - 1)}",
            () => $"{Of("text", scope, depth - 1)} like 'a%'",
            () => $"{Of("text", scope, depth - 1)} ~ '^x'",
            () => $"{Of("text", scope, depth - 1)} is not null",
            () => $"({Condition(scope, depth - 1)} and {Condition(scope, depth - 1)})",
            () => $"({Condition(scope, depth - 1)} or not {Condition(scope, depth - 1)})",
            () => $"{Of("text", scope, depth - 1)} in ('a', {Of("text", scope, depth - 1)})",
            () => $"{Of("int", scope, depth - 1)} in ({queries(scope, "int", depth - 1)})",
            () => $"{Of("text", scope, depth - 1)} = any ({queries(scope, "text", depth - 1)})",
            () => $"exists ({queries(scope, "int", depth - 1)})",
            () => $"{Of("date", scope, depth - 1)} > date '2025-06-01'",
            () => $"({Of("int", scope, depth - 1)}, {Of("text", scope, depth - 1)}) = ({Of("int", scope, depth - 1)}, 'b')",
            () => $"{Of("text", scope, depth - 1)} is distinct from {Of("text", scope, depth - 1)}",
            () => scope.Pick(random, "jsonb") is { } json ? $"{json} @> '{{}}'" : "true",
            () => scope.Pick(random, "text[]") is { } tags ? $"'a' = any ({tags})" : "false");
    }

    /// <summary>One of these.</summary>
    public string Word(params string[] words) => words[random.Next(words.Length)];

    private string Pick(params Func<string>[] choices) => choices[random.Next(choices.Length)]();

    private string Leaf(string type, Scope scope)
    {
        if (random.Next(8) != 0 && scope.Pick(random, type) is { } column) return column;
        return type switch
        {
            "int" => $"{random.Next(1000)}",
            "bigint" => $"{random.Next(1000)}::bigint",
            "numeric" => $"{random.Next(100)}.5",
            "text" => Word("'x'", "'it''s'", "'b'::text", "E'a\\nb'", "U&'d\\0061t'", "$q$dollar$q$"),
            "date" => "date '2025-07-01'",
            "text[]" => "array['a', 'b']",
            "jsonb" => "'{}'::jsonb",
            _ => Word("true", "false"),
        };
    }
}
