using System.Collections.Immutable;
using Postern.Core.Operations;
using Postern.Protocols.Postgres.Sql;

namespace Postern.Protocols.Postgres;

/// <summary>
/// Relations that statements of an open transaction dropped, renamed or replaced. Until it commits only its own session sees that: the
/// catalogue that statements are judged by does not, so that <c>drop table a.t; drop table t</c> would be judged as two times the same.
/// </summary>
internal sealed class MovedNames
{
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);
    private bool _areViews;
    private bool _areAll;

    /// <summary>Notes what this statement moves.</summary>
    public void Note(SqlStatement statement)
    {
        _areViews |= statement.ReplacesView;
        if (statement.Kind is not ("rename" or "drop" or "alter")) return;
        foreach (var part in statement.Parts)
        {
            var tables = part.FactOrEmpty(SqlVocabulary.Table);
            _areAll |= tables.IsAll;
            foreach (var name in tables.Values) _names.Add(WithoutSchema(name));
        }
    }

    /// <summary>True when what this statement does cannot be told any more.</summary>
    public bool Concern(SqlStatement statement)
    {
        if ((_names.Count == 0 && !_areViews && !_areAll) || statement.Effect != TransactionEffect.None) return false;
        foreach (var part in statement.Parts)
        {
            // What only creates reads no name that could have moved.
            if (part.Action == PostgresActions.Prefix + StatementWords.Create || part.IsImplied) continue;
            var tables = part.FactOrEmpty(SqlVocabulary.Table);
            if (_areAll || tables.IsAll || (_areViews && part.Action != PostgresActions.Prefix + StatementWords.Drop)) return true;
            foreach (var name in tables.Values)
            {
                if (_names.Contains(WithoutSchema(name))) return true;
            }
            // Columns of a parent are renamed in its parts as well.
            foreach (var name in tables.Beside)
            {
                if (_names.Contains(WithoutSchema(name))) return true;
            }
        }
        return false;
    }

    public void Take(MovedNames others)
    {
        // Of most units there are none.
        if (others._names.Count > 0) _names.UnionWith(others._names);
        _areViews |= others._areViews;
        _areAll |= others._areAll;
    }

    public void Clear()
    {
        if (_names.Count > 0) _names.Clear();
        _areViews = _areAll = false;
    }

    // Names may have dots in them: too short a name finds more than it should, and never less.
    private static string WithoutSchema(string name) => name[(name.LastIndexOf('.') + 1)..];
}
