using System.Collections.Immutable;
using Postern.Core.Operations;

namespace Postern.Protocols.Postgres.Sql;

/// <summary>
/// The columns beneath the views that a statement reads. Rights ask for the view's own columns, as the database does; a mask means the
/// values, and they must not be copied away under the view's names.
/// </summary>
internal static class ViewReads
{
    /// <summary>Stands for what nobody can tell.</summary>
    public const string Untold = "*";

    /// <summary>Their names, as masks write them; <see cref="Untold"/> where something that is not built in takes part.</summary>
    public static ImmutableArray<string> Beneath(ImmutableArray<Part> parts, Catalogue catalogue)
    {
        if (catalogue.ViewFlows.Count == 0) return [];
        var found = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var part in parts)
        {
            if (part.Action != PostgresActions.Prefix + StatementWords.Select) continue;
            foreach (var column in part.FactOrEmpty(SqlVocabulary.Column).Values) Add(column, catalogue, found);
        }
        return [.. found];
    }

    private static void Add(string column, Catalogue catalogue, SortedSet<string> found)
    {
        foreach (var (oid, flows) in catalogue.ViewFlows)
        {
            var view = catalogue.RelationsByOid[oid];
            if (!column.StartsWith(view.FullName + ".", StringComparison.Ordinal)) continue;
            for (var i = 0; i < view.Columns.Length; i++)
            {
                if (column.Length != view.FullName.Length + 1 + view.Columns[i].Name.Length || !column.EndsWith(view.Columns[i].Name, StringComparison.Ordinal)) continue;
                foreach (var origin in flows[i].Origins) found.Add(origin.Name);
                if (flows[i].IsThroughFunction) found.Add(Untold);
            }
        }
    }
}
