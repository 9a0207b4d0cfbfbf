namespace Postern.Conformance.Postgres.Facts;

/// <summary>A column that an expression may name, as it must be written there.</summary>
internal sealed record Reach(string Text, string Type);

/// <summary>What can be named at one place of a statement: the relations around it, and those of the queries that it stands in.</summary>
internal sealed class Scope(Scope? outer = null)
{
    private static readonly string[] Numbers = ["int", "bigint", "numeric"];

    /// <summary>Columns of this level.</summary>
    public List<Reach> Columns { get; } = [];

    /// <summary>Aliases of this level's relations, for <c>a.*</c> and whole rows.</summary>
    public List<string> Rows { get; } = [];

    /// <summary>A column of this type: mostly of this level, now and then of one around it.</summary>
    public string? Pick(Random random, string type)
    {
        for (var scope = this; scope is not null; scope = scope.Outer)
        {
            if (scope.Outer is not null && random.Next(6) == 0) continue;
            var fits = scope.Columns.Where(column => column.Type == type || (type == "numeric" && Numbers.Contains(column.Type))).ToArray();
            if (fits.Length > 0) return fits[random.Next(fits.Length)].Text;
        }
        return null;
    }

    private Scope? Outer { get; } = outer;
}
