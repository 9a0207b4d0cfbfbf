using System.Collections.Frozen;
using System.Collections.Immutable;

namespace Postern.Protocols.Postgres.Sql;

/// <summary>One column of a relation.</summary>
/// <param name="Name">As the catalogue has it.</param>
/// <param name="Number">Attribute number.</param>
/// <param name="Type">OID of its type.</param>
internal sealed record CatalogueColumn(string Name, short Number, uint Type);

/// <summary>A table, view, sequence, … of the database. Temporary relations are not here.</summary>
/// <param name="Oid">As RowDescription has it.</param>
/// <param name="Schema">Its schema.</param>
/// <param name="Name">Its name.</param>
/// <param name="Kind"><c>pg_class.relkind</c>.</param>
/// <param name="Columns">Without dropped ones, in order of their numbers.</param>
internal sealed record CatalogueRelation(uint Oid, string Schema, string Name, char Kind, ImmutableArray<CatalogueColumn> Columns)
{
    /// <summary>As policy writes it.</summary>
    public string FullName { get; } = Schema + "." + Name;

    /// <summary>The tables that it is a partition of or inherits from, at any distance. Their own ancestors are not told of here.</summary>
    public ImmutableArray<CatalogueRelation> Ancestors { get; init; } = [];

    /// <summary>The columns of ancestors whose values stand in this column: inherited columns keep their name.</summary>
    public IEnumerable<ColumnOrigin> Inherited(string column) =>
        Ancestors.SelectMany(ancestor => ancestor.Columns.Where(each => each.Name == column).Select(each => new ColumnOrigin(ancestor.Oid, each.Number, $"{ancestor.FullName}.{column}")));
}

/// <summary>A function, aggregate, window function or procedure.</summary>
/// <param name="Oid">Its OID.</param>
/// <param name="Schema">Its schema.</param>
/// <param name="Name">Its name.</param>
/// <param name="Kind"><c>pg_proc.prokind</c>: <c>f</c>, <c>a</c>, <c>w</c>, <c>p</c>.</param>
/// <param name="Volatility"><c>pg_proc.provolatile</c>: <c>i</c>, <c>s</c>, <c>v</c>.</param>
/// <param name="IsOfExtension">True when an extension owns it.</param>
/// <param name="ReturnType">OID of the result's type.</param>
/// <param name="ReturnsSet">True when it returns rows.</param>
/// <param name="MinimumArguments">Without those that have a default.</param>
/// <param name="MaximumArguments"><see cref="int.MaxValue"/> when it is variadic.</param>
/// <param name="Results">Names of OUT, INOUT and TABLE arguments, in order; empty when there are none.</param>
internal sealed record CatalogueFunction(uint Oid, string Schema, string Name, char Kind, char Volatility, bool IsOfExtension, uint ReturnType, bool ReturnsSet, int MinimumArguments, int MaximumArguments, ImmutableArray<string> Results)
{
    /// <summary>As policy writes it.</summary>
    public string FullName { get; } = Schema + "." + Name;
}

/// <summary>A type.</summary>
/// <param name="Oid">Its OID.</param>
/// <param name="Schema">Its schema.</param>
/// <param name="Name">Its name (<c>_name</c> for arrays).</param>
/// <param name="Kind"><c>pg_type.typtype</c>.</param>
/// <param name="Relation">For row types the relation's OID, else 0.</param>
internal sealed record CatalogueType(uint Oid, string Schema, string Name, char Kind, uint Relation);

/// <summary>An operator whose function is not built in.</summary>
internal sealed record CatalogueOperator(string Schema, string Name, uint Function);

/// <summary>A cast whose function is not built in.</summary>
internal sealed record CatalogueCast(uint Source, uint Target, uint Function);

/// <summary>
/// What the names of a database mean, at one instant: an immutable snapshot. Two snapshots that say the same have the same
/// <see cref="Version"/>, so what was read under one holds under the other.
/// </summary>
internal sealed partial class Catalogue
{
    /// <summary>Says the same, reads the same: a hash of everything that is in it.</summary>
    public required string Version { get; init; }

    /// <summary>Where names without a schema are looked for, in order; <c>pg_catalog</c> comes first unless it is named.</summary>
    public required ImmutableArray<string> SearchPath { get; init; }

    /// <summary>By <c>schema</c> and <c>name</c>.</summary>
    public required FrozenDictionary<(string Schema, string Name), CatalogueRelation> Relations { get; init; }

    public required FrozenDictionary<(string Schema, string Name), ImmutableArray<CatalogueFunction>> Functions { get; init; }

    public required FrozenDictionary<(string Schema, string Name), CatalogueType> Types { get; init; }

    public required FrozenDictionary<uint, CatalogueRelation> RelationsByOid { get; init; }

    public required FrozenDictionary<uint, CatalogueFunction> FunctionsByOid { get; init; }

    public required FrozenDictionary<uint, CatalogueType> TypesByOid { get; init; }

    /// <summary>Operators that are not built in, by name.</summary>
    public required FrozenDictionary<string, ImmutableArray<CatalogueOperator>> Operators { get; init; }

    /// <summary>Casts that are not built in, by target type.</summary>
    public required FrozenDictionary<uint, ImmutableArray<CatalogueCast>> Casts { get; init; }

    public required FrozenSet<string> Schemas { get; init; }

    /// <summary>What views that are not the system's own are defined as, by OID.</summary>
    public FrozenDictionary<uint, string> ViewTexts { get; init; } = FrozenDictionary<uint, string>.Empty;

    /// <summary>What flows into the columns of those views, in their order; see <see cref="ViewLineage"/>.</summary>
    public FrozenDictionary<uint, ImmutableArray<Flow>> ViewFlows { get; private init; } = FrozenDictionary<uint, ImmutableArray<Flow>>.Empty;

    /// <summary>The same, and what flows through its views. Texts mean more under it, so it has a version of its own.</summary>
    public Catalogue WithViews(FrozenDictionary<uint, ImmutableArray<Flow>> flows) => new()
    {
        Version = Version + "+views",
        SearchPath = SearchPath,
        Relations = Relations,
        Functions = Functions,
        Types = Types,
        RelationsByOid = RelationsByOid,
        FunctionsByOid = FunctionsByOid,
        TypesByOid = TypesByOid,
        Operators = Operators,
        Casts = Casts,
        Schemas = Schemas,
        ViewTexts = ViewTexts,
        ViewFlows = flows,
    };
}
