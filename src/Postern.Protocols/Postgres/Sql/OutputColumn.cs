using System.Collections.Immutable;

namespace Postern.Protocols.Postgres.Sql;

/// <summary>How a value of a result column came to be.</summary>
internal enum OutputKind
{
    /// <summary>The value of exactly one column, unchanged, through any number of subqueries and CTEs; RowDescription tells the same.</summary>
    Column,

    /// <summary>The unchanged value of one of several columns (set operations, merged join columns); RowDescription tells nothing or only one.</summary>
    OneOf,

    /// <summary>Made from the columns in <see cref="OutputColumn.Origins"/> (none: a constant).</summary>
    Expression,
}

/// <summary>One column of a relation that flows into a result.</summary>
/// <param name="Relation">OID of the relation, as RowDescription has it.</param>
/// <param name="Number">Attribute number, as RowDescription has it; negative for system columns.</param>
/// <param name="Name">As policy and masks write it: <c>schema.relation.column</c>.</param>
internal readonly record struct ColumnOrigin(uint Relation, short Number, string Name);

/// <summary>One column of the rows that a statement returns, with what flows into it.</summary>
internal sealed class OutputColumn
{
    public required OutputKind Kind { get; init; }

    /// <summary>Every column whose value can be part of it, or decides nothing but is computed into it; without duplicates.</summary>
    public required ImmutableArray<ColumnOrigin> Origins { get; init; }

    /// <summary>True when a function that is not built in takes part: it may return what it reads by itself.</summary>
    public bool IsThroughFunction { get; init; }
}
