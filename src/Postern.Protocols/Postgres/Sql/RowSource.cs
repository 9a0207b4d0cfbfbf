using System.Collections.Immutable;

namespace Postern.Protocols.Postgres.Sql;

/// <summary>A column as a query level sees it.</summary>
/// <param name="Name">The name that it goes by.</param>
/// <param name="Flow">What flows into it.</param>
internal readonly record struct SourceColumn(string Name, Flow Flow);

/// <summary>Something that rows come from, under the name that a query gives it: a table, a subquery, a CTE, a function, a join.</summary>
internal sealed class RowSource
{
    private static readonly ImmutableArray<string> s_systemColumns = ["tableoid", "cmax", "xmax", "cmin", "xmin", "ctid"];

    public required string? Name { get; init; }

    /// <summary>Set for a relation without an alias: it may also be called by its schema.</summary>
    public string? Schema { get; init; }

    public required ImmutableArray<SourceColumn> Columns { get; init; }

    /// <summary>The relation, when it is one.</summary>
    public CatalogueRelation? Relation { get; init; }

    /// <summary>Where reads of the relation's columns are noted.</summary>
    public TableUse? Use { get; init; }

    /// <summary>Join columns are noted where they come from: for each column the sources (one, or two when merged) and their places.</summary>
    public ImmutableArray<ImmutableArray<(RowSource Source, int Column)>> Inner { get; init; }

    /// <summary>The place of a column by name; -1 when there is none.</summary>
    /// <exception cref="UndecidableException">The name fits twice.</exception>
    public int Find(string name)
    {
        var found = -1;
        for (var i = 0; i < Columns.Length; i++)
        {
            if (!string.Equals(Columns[i].Name, name, StringComparison.Ordinal)) continue;
            if (found >= 0) throw new UndecidableException($"column `{name}` is ambiguous");
            found = i;
        }
        return found;
    }

    /// <summary>Reads a column: notes it where it comes from, and tells what flows out.</summary>
    public Flow Read(int column)
    {
        Note(column);
        return Columns[column].Flow;
    }

    public Flow ReadAll() => Flow.Made([.. Enumerable.Range(0, Columns.Length).Select(Read)]);

    /// <summary>A system column of a table, or null. They tell of storage and of transactions, not of what is stored; they count as read.</summary>
    public Flow? ReadSystemColumn(string name)
    {
        if (Relation is null || Use is null || Relation.Kind is 'v' || !s_systemColumns.Contains(name)) return null;
        Use.Read(name);
        return Flow.Constant;
    }

    private void Note(int column)
    {
        if (!Inner.IsDefault)
        {
            foreach (var (source, place) in Inner[column]) source.Note(place);
            return;
        }
        if (Use is not null && Relation is not null && column < Relation.Columns.Length) Use.Read(Relation.Columns[column].Name);
    }
}

/// <summary>A row source in the name space of a query level.</summary>
internal sealed class Visible
{
    public required RowSource Source { get; init; }

    /// <summary>Its own name may qualify.</summary>
    public bool IsNamed { get; set; } = true;

    /// <summary>Its columns may be named without qualification.</summary>
    public bool AreColumnsOpen { get; set; } = true;

    /// <summary>Only lateral subqueries see it: a sibling in the FROM clause that is being read.</summary>
    public bool IsLateralOnly { get; set; }
}
