namespace Postern.Protocols.Postgres.Sql;

/// <summary>Names that policy could read in two ways are refused: <c>a.b</c> may be a schema and a table, or a table with a dot in it.</summary>
internal static class FactNames
{
    public static void Guard(string name)
    {
        if (name.AsSpan().ContainsAny('.', '*')) throw new UndecidableException($"the name `{name}` has a dot or a star in it, so no rule can tell it from others");
    }
}
