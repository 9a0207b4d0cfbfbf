using System.Collections.Frozen;
using Postern.Core.Operations;

namespace Postern.Core.Policy.Indexing;

/// <summary>The clauses that reach only written-out values of one fact, under each of these values.</summary>
internal sealed class FactIndex
{
    private readonly FrozenDictionary<string, WhoIndex> _byValue;
    private readonly WhoIndex _takers;

    public FactIndex(string fact, IEnumerable<(Clause Clause, FrozenSet<string> Values)> clauses)
    {
        Fact = fact;
        var all = clauses.ToList();
        _byValue = all
            .SelectMany(pair => pair.Values.Select(value => (value, pair.Clause)))
            .GroupBy(pair => pair.value, pair => pair.Clause, StringComparer.Ordinal)
            .ToFrozenDictionary(group => group.Key, group => new WhoIndex(group), StringComparer.Ordinal);
        _takers = new WhoIndex(all.Where(pair => !pair.Clause.Rule.Gives).Select(pair => pair.Clause));
    }

    public string Fact { get; }

    public void Find(Part part, Identity identity, List<Clause> found)
    {
        var fact = part.FactOrEmpty(Fact);
        if (fact.IsAll)
        {
            // Written-out values never cover what is not bounded, but it touches every one of them.
            _takers.Find(identity, found);
            return;
        }
        foreach (var value in fact.Values)
        {
            if (_byValue.TryGetValue(value, out var clauses)) clauses.Find(identity, found);
        }
        foreach (var value in fact.Beside)
        {
            if (_byValue.TryGetValue(value, out var clauses)) clauses.Find(identity, found);
        }
    }
}
