using System.Collections.Immutable;
using Postern.Core.Operations;

namespace Postern.Core.Policy.Indexing;

/// <summary>Everything that a policy says about one connection, so that a decision looks only at what may match.</summary>
internal sealed class ConnectionIndex
{
    private readonly ImmutableArray<FactIndex> _facts;
    private readonly WhoIndex _others;
    private readonly WhoIndex _wholeConnectionDenies;

    public ConnectionIndex(Connection connection, Vocabulary? vocabulary, IEnumerable<Rule> rules, IEnumerable<Mask> masks)
    {
        Connection = connection;
        Vocabulary = vocabulary;
        var clauses = rules.SelectMany(rule => rule.On.Where(entry => entry.IsOn(connection)).Select(entry => new Clause(rule, entry))).ToList();
        var placed = clauses.ToLookup(clause => Telling(clause.Entry)?.Key.Fact);
        _facts = [.. placed.Where(group => group.Key is not null).Select(group => new FactIndex(group.Key!, group.Select(clause => (clause, Telling(clause.Entry)!))))];
        _others = new WhoIndex(placed[null]);
        _wholeConnectionDenies = new WhoIndex(clauses.Where(clause => clause.Rule.Effect == RuleEffect.Deny && clause.Entry.IsWholeConnection));
        Givers = new WhoIndex(clauses.Where(clause => clause.Rule.Gives && !clause.Rule.IsReport).DistinctBy(clause => clause.Rule));
        HasRequests = clauses.Exists(clause => clause.Rule.Request is not null);
        Given = [.. clauses.Where(clause => clause.Rule.Gives && !clause.Rule.IsReport)];
        Masks = [.. masks.Where(mask => mask.On.IsEmpty || mask.On.Any(entry => entry.IsOn(connection)))];
    }

    public Connection Connection { get; }

    /// <summary>The words of the connection's protocol; null when nothing in this process speaks it.</summary>
    public Vocabulary? Vocabulary { get; }

    /// <summary>One clause of each rule that could permit something here.</summary>
    public WhoIndex Givers { get; }

    /// <summary>True when something here may be asked for.</summary>
    public bool HasRequests { get; }

    /// <summary>Every clause that could permit something here.</summary>
    public ImmutableArray<Clause> Given { get; }

    /// <summary>The masks that may touch something here.</summary>
    public ImmutableArray<Mask> Masks { get; }

    /// <summary>Adds every clause that may match the part; one may be added more than once.</summary>
    public void Find(Part part, Identity identity, List<Clause> found)
    {
        if (part.IsImplied)
        {
            _wholeConnectionDenies.Find(identity, found);
            return;
        }
        foreach (var fact in _facts) fact.Find(part, identity, found);
        _others.Find(identity, found);
    }

    // A key that is written out, with the fewest values; else one whose every pattern begins with something. A part that has none of these cannot match.
    private static Selector? Telling(Entry entry) => entry.Selectors.Where(selector => selector.IsTelling).MinBy(selector => (!selector.IsLiteral, selector.Texts.Length));
}
