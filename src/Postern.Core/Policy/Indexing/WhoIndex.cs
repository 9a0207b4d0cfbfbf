using System.Collections.Frozen;
using Postern.Core.Operations;

namespace Postern.Core.Policy.Indexing;

/// <summary>
/// Finds the clauses that may speak of an identity. Sorted under the most telling key that a rule's <c>who</c> names;
/// whether the whole <c>who</c> matches is asked afterwards.
/// </summary>
internal sealed class WhoIndex
{
    private const int FewEnoughToScan = 8;

    private readonly Clause[] _all;
    private readonly Clause[] _anyone;
    private readonly FrozenDictionary<string, Clause[]> _users;
    private readonly FrozenDictionary<string, Clause[]> _workloads;
    private readonly FrozenDictionary<string, Clause[]> _agents;
    private readonly FrozenDictionary<string, Clause[]> _groups;

    public WhoIndex(IEnumerable<Clause> clauses)
    {
        _all = [.. clauses];
        _anyone = [.. _all.Where(clause => Key(clause) == Dimension.None)];
        _users = Sorted(Dimension.Users, who => who.Users);
        _workloads = Sorted(Dimension.Workloads, who => who.Workloads);
        _groups = Sorted(Dimension.Groups, who => who.Groups);
        _agents = Sorted(Dimension.Agents, who => who.Agents);
    }

    private enum Dimension
    {
        None,
        Users,
        Workloads,
        Groups,
        Agents,
    }

    public bool IsEmpty => _all.Length == 0;

    /// <summary>Adds every clause that may speak of the identity; one may be added more than once.</summary>
    public void Find(Identity identity, List<Clause> found)
    {
        if (_all.Length <= FewEnoughToScan)
        {
            found.AddRange(_all);
            return;
        }
        found.AddRange(_anyone);
        Add(identity.Kind == IdentityKind.Person ? _users : _workloads, identity.Key, found);
        if (identity.QualifiedAgent is { } agent) Add(_agents, agent, found);
        if (_groups.Count == 0) return;
        var groups = identity.QualifiedGroups;
        if (_groups.Count < groups.Count)
        {
            foreach (var (group, clauses) in _groups)
            {
                if (groups.Contains(group)) found.AddRange(clauses);
            }
            return;
        }
        foreach (var group in groups) Add(_groups, group, found);
    }

    private static void Add(FrozenDictionary<string, Clause[]> index, string key, List<Clause> found)
    {
        if (index.Count > 0 && index.TryGetValue(key, out var clauses)) found.AddRange(clauses);
    }

    private FrozenDictionary<string, Clause[]> Sorted(Dimension dimension, Func<Who, FrozenSet<string>?> names) => _all
        .Where(clause => Key(clause) == dimension)
        .SelectMany(clause => names(clause.Rule.Who)!.Select(name => (name, clause)))
        .GroupBy(pair => pair.name, pair => pair.clause, StringComparer.Ordinal)
        .ToFrozenDictionary(group => group.Key, group => group.ToArray(), StringComparer.Ordinal);

    private static Dimension Key(Clause clause)
    {
        var who = clause.Rule.Who;
        if (who.Users is not null) return Dimension.Users;
        if (who.Workloads is not null) return Dimension.Workloads;
        if (who.Groups is not null) return Dimension.Groups;
        return who.Agents is not null ? Dimension.Agents : Dimension.None;
    }
}
