using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Text;

namespace Postern.Protocols.Postgres.Sql;

/// <summary>
/// Which columns flow through a view. A policy that masks <c>public.customers.email</c> means the value, under whatever name a view gives it: so
/// views' own definitions are read like any statement, and what flows into their columns flows on into whatever reads them (attack M10).
/// Rights are another matter: a view has its own name there, as in the database.
/// </summary>
internal static class ViewLineage
{
    /// <summary>The same catalogue, knowing its views' columns.</summary>
    public static async ValueTask<Catalogue> ResolveAsync(Catalogue catalogue, IStatementReader reader, CancellationToken cancellationToken)
    {
        if (catalogue.ViewTexts.Count == 0) return catalogue;
        var outputs = new Dictionary<uint, ImmutableArray<OutputColumn>>(catalogue.ViewTexts.Count);
        foreach (var (view, text) in catalogue.ViewTexts)
        {
            var reading = await reader.ReadAsync(Encoding.UTF8.GetBytes(text), catalogue, cancellationToken).ConfigureAwait(false);
            outputs[view] = reading is StatementReading.Understood { Statements: [var only] } ? only.Output : default;
        }
        var flows = new Dictionary<uint, ImmutableArray<Flow>>(outputs.Count);
        foreach (var view in outputs.Keys) Resolve(view, catalogue, outputs, flows);
        return catalogue.WithViews(flows.ToFrozenDictionary());
    }

    private static ImmutableArray<Flow> Resolve(uint view, Catalogue catalogue, Dictionary<uint, ImmutableArray<OutputColumn>> outputs, Dictionary<uint, ImmutableArray<Flow>> flows)
    {
        if (flows.TryGetValue(view, out var known)) return known;
        if (!catalogue.RelationsByOid.TryGetValue(view, out var relation)) return [];
        // While it is worked on nobody can tell what flows through it. Views cannot stand in a circle; a catalogue that says so ends here.
        flows[view] = Untold(relation);
        var output = outputs[view];
        if (output.IsDefault || output.Length != relation.Columns.Length) return flows[view];
        var own = ImmutableArray.CreateBuilder<Flow>(output.Length);
        for (var i = 0; i < output.Length; i++) own.Add(Flow.Through(OwnOf(relation, i), Beneath(output[i], catalogue, outputs, flows)));
        return flows[view] = own.MoveToImmutable();
    }

    /// <summary>The columns of tables under a view's column: columns of other views are replaced by what flows into those.</summary>
    private static Flow Beneath(OutputColumn column, Catalogue catalogue, Dictionary<uint, ImmutableArray<OutputColumn>> outputs, Dictionary<uint, ImmutableArray<Flow>> flows)
    {
        var parts = new List<Flow>(column.Origins.Length);
        foreach (var origin in column.Origins)
        {
            var place = outputs.ContainsKey(origin.Relation) ? catalogue.RelationsByOid[origin.Relation].Columns.ToList().FindIndex(each => each.Number == origin.Number) : -1;
            parts.Add(place >= 0 ? Resolve(origin.Relation, catalogue, outputs, flows)[place] : Flow.Of(origin));
        }
        if (column.IsThroughFunction) return Flow.ThroughFunction(parts);
        if (column.Kind == OutputKind.Expression) return Flow.Made(parts);
        return parts is [] ? Flow.Constant : parts.Aggregate(Flow.Either);
    }

    private static ColumnOrigin OwnOf(CatalogueRelation relation, int column) => new(relation.Oid, relation.Columns[column].Number, $"{relation.FullName}.{relation.Columns[column].Name}");

    /// <summary>Nobody can tell: like a function that may return what it reads by itself.</summary>
    private static ImmutableArray<Flow> Untold(CatalogueRelation relation) => [.. relation.Columns.Select((_, i) => Flow.ThroughFunction([Flow.Of(OwnOf(relation, i))]))];
}
