using System.Collections.Frozen;
using System.Collections.Immutable;
using Postern.Core.Operations;

namespace Postern.Core.Policy.Indexing;

/// <summary>The clauses that reach only certain values of one fact: under each value that is written out, and under what the values of each pattern begin with.</summary>
internal sealed class FactIndex
{
    private readonly FrozenDictionary<string, WhoIndex> _byValue;
    private readonly FrozenDictionary<string, WhoIndex>.AlternateLookup<ReadOnlySpan<char>> _byStart;
    private readonly ImmutableArray<int> _startLengths;
    private readonly WhoIndex _takers;

    public FactIndex(string fact, IEnumerable<(Clause Clause, Selector Selector)> clauses)
    {
        Fact = fact;
        var all = clauses.ToList();
        _byValue = Sorted(all, selector => selector.Literals);
        var byStart = Sorted(all, selector => selector.Starts.Distinct(StringComparer.Ordinal));
        _byStart = byStart.GetAlternateLookup<ReadOnlySpan<char>>();
        _startLengths = [.. byStart.Keys.Select(start => start.Length).Distinct().Order()];
        _takers = new WhoIndex(all.Where(pair => !pair.Clause.Rule.Gives).Select(pair => pair.Clause));
    }

    public string Fact { get; }

    /// <summary>Adds every clause that may match the part; one may be added more than once.</summary>
    public void Find(Part part, Identity identity, List<Clause> found)
    {
        var fact = part.FactOrEmpty(Fact);
        if (fact.IsAll)
        {
            // Certain values never cover what is not bounded, but it touches every one of them.
            _takers.Find(identity, found);
            return;
        }
        foreach (var value in fact.Values) Find(value, identity, found);
        foreach (var value in fact.Beside) Find(value, identity, found);
    }

    private void Find(string value, Identity identity, List<Clause> found)
    {
        if (_byValue.TryGetValue(value, out var clauses)) clauses.Find(identity, found);
        foreach (var length in _startLengths)
        {
            if (length > value.Length) return;
            if (_byStart.TryGetValue(value.AsSpan(0, length), out var begun)) begun.Find(identity, found);
        }
    }

    private static FrozenDictionary<string, WhoIndex> Sorted(List<(Clause Clause, Selector Selector)> clauses, Func<Selector, IEnumerable<string>> keys) => clauses
        .SelectMany(pair => keys(pair.Selector).Select(key => (key, pair.Clause)))
        .GroupBy(pair => pair.key, pair => pair.Clause, StringComparer.Ordinal)
        .ToFrozenDictionary(group => group.Key, group => new WhoIndex(group), StringComparer.Ordinal);
}
