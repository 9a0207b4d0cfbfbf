namespace Postern.Protocols.Postgres.Sql;

/// <summary>A CTE as a query level sees it.</summary>
/// <param name="Name">Its name.</param>
internal sealed record CommonTable(string Name)
{
    /// <summary>Null while it has not been read yet: whoever refers to it then cannot be understood.</summary>
    public IReadOnlyList<SourceColumn>? Columns { get; set; }
}

/// <summary>
/// One query level: what its names mean. The rules are those of PostgreSQL's own name resolution (parse_relation.c): columns first,
/// level by level outwards, then whole rows; inner sources of a join answer only to their names.
/// </summary>
internal sealed class Scope(Scope? outer)
{
    public Scope? Outer { get; } = outer;

    public List<Visible> Sources { get; set; } = [];

    public Dictionary<string, CommonTable> CommonTables { get; } = new(StringComparer.Ordinal);

    /// <summary>While a lateral subquery or a function in FROM is read.</summary>
    public bool IsLateralActive { get; set; }

    /// <summary>Whether this level restricts its rows.</summary>
    public bool HasWhere { get; set; }

    /// <summary>A row lock outside does not reach into it.</summary>
    public bool IsOfCommonTable { get; init; }

    /// <summary>Relations in its FROM clause, those of subqueries there included: what a row lock reaches.</summary>
    public List<CatalogueRelation> Relations { get; } = [];

    /// <summary>True when a bare name is a column at any level that can be seen.</summary>
    public bool HasColumn(string name)
    {
        for (var scope = this; scope is not null; scope = scope.Outer)
        {
            foreach (var visible in scope.Sources)
            {
                if (visible.AreColumnsOpen && scope.Sees(visible) && visible.Source.Find(name) >= 0) return true;
            }
        }
        return false;
    }

    public bool HasOwnColumn(string name) => Sources.Exists(visible => visible.AreColumnsOpen && visible.Source.Find(name) >= 0);

    public RowSource? FindOwnSource(string name) => Sources.Find(visible => visible.IsNamed && visible.Source.Name == name)?.Source;

    public CommonTable? FindCommonTable(string name)
    {
        for (var scope = this; scope is not null; scope = scope.Outer)
        {
            if (scope.CommonTables.TryGetValue(name, out var table)) return table;
        }
        return null;
    }

    /// <summary>Reads a column that is named without a source; null when no level has it.</summary>
    public Flow? ReadColumn(string name)
    {
        for (var scope = this; scope is not null; scope = scope.Outer)
        {
            RowSource? found = null;
            var place = -1;
            foreach (var visible in scope.Sources)
            {
                if (!visible.AreColumnsOpen || !scope.Sees(visible)) continue;
                var column = visible.Source.Find(name);
                if (column < 0) continue;
                if (found is not null) throw new UndecidableException($"column `{name}` is ambiguous");
                (found, place) = (visible.Source, column);
            }
            if (found is not null) return found.Read(place);
            Flow? system = null;
            foreach (var visible in scope.Sources)
            {
                if (!visible.AreColumnsOpen || !scope.Sees(visible) || visible.Source.ReadSystemColumn(name) is not { } flow) continue;
                if (system is not null) throw new UndecidableException($"column `{name}` is ambiguous");
                system = flow;
            }
            if (system is not null) return system;
        }
        return null;
    }

    /// <summary>The source that goes by a name, nearest level first; null when none does.</summary>
    public RowSource? FindSource(string? schema, string name)
    {
        for (var scope = this; scope is not null; scope = scope.Outer)
        {
            RowSource? found = null;
            foreach (var visible in scope.Sources)
            {
                if (!visible.IsNamed || !scope.Sees(visible)) continue;
                var source = visible.Source;
                if (!string.Equals(source.Name, name, StringComparison.Ordinal)) continue;
                if (schema is not null && !string.Equals(source.Schema, schema, StringComparison.Ordinal)) continue;
                if (found is not null) throw new UndecidableException($"table reference `{name}` is ambiguous");
                found = source;
            }
            if (found is not null) return found;
        }
        return null;
    }

    private bool Sees(Visible visible) => !visible.IsLateralOnly || IsLateralActive;
}
