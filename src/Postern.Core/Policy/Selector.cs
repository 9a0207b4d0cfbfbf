using System.Collections.Frozen;
using System.Collections.Immutable;
using Postern.Core.Operations;

namespace Postern.Core.Policy;

/// <summary>One key of an entry with its values: which values of one fact it speaks of.</summary>
internal sealed class Selector
{
    private readonly FrozenSet<string> _literals;
    private readonly ImmutableArray<Glob> _globs;
    private readonly bool _coversAll;

    public Selector(SelectorKey key, ImmutableArray<string> values)
    {
        Key = key;
        _literals = values.Where(value => !Glob.IsPattern(value)).ToFrozenSet(StringComparer.Ordinal);
        _globs = [.. values.Where(Glob.IsPattern).Select(value => new Glob(value, key.Segment))];
        // What must be named is never reached by a star, so a star alone cannot cover a fact without bounds that includes it.
        _coversAll = _globs.Any(glob => glob.MatchesAll) && key.NamedOnlyMark is null && key.NamedOnlyValues.All(_literals.Contains);
    }

    public SelectorKey Key { get; }

    /// <summary>The values that are written out.</summary>
    public FrozenSet<string> Literals => _literals;

    /// <summary>What the values of each pattern begin with.</summary>
    public IEnumerable<string> Starts => _globs.Select(glob => glob.Start);

    /// <summary>Literals and patterns, as written.</summary>
    public ImmutableArray<string> Texts => [.. _literals.Order(StringComparer.Ordinal), .. _globs.Select(glob => glob.Text)];

    /// <summary>True when nothing is reached that is not written out.</summary>
    public bool IsLiteral => _globs.IsEmpty;

    /// <summary>True when whatever it reaches is written out or begins with something that is, so that an index can find it by the value.</summary>
    public bool IsTelling => _globs.All(glob => glob.Start.Length > 0);

    /// <summary>Allow and hold: every value lies in the selector; <c>all</c> only by a star; an empty fact never.</summary>
    public bool Covers(Fact fact, bool hasDefinition)
    {
        var patternsReach = hasDefinition || !Key.PatternsNeedDefinition;
        if (fact.IsAll) return _coversAll && patternsReach;
        foreach (var value in fact.Values)
        {
            if (!_literals.Contains(value) && !(patternsReach && IsPatterned(value) && !Key.IsNamedOnly(value))) return false;
        }
        return !fact.Values.IsEmpty;
    }

    /// <summary>
    /// Deny, guard and masks: one shared value is enough; <c>all</c> touches everything. Here patterns also reach what a
    /// pattern never gives: what takes must not be narrower than it reads.
    /// </summary>
    public bool Touches(Fact fact)
    {
        if (fact.IsAll) return true;
        foreach (var value in fact.Values)
        {
            if (_literals.Contains(value) || IsPatterned(value)) return true;
        }
        foreach (var value in fact.Beside)
        {
            if (_literals.Contains(value) || IsPatterned(value)) return true;
        }
        return false;
    }

    /// <summary>The values as the policy writes them, patterns last.</summary>
    public IEnumerable<string> Written => _literals.Order(StringComparer.Ordinal).Concat(_globs.Select(glob => glob.Text));

    /// <summary>True when a value is written out or matches a pattern, whatever else is asked of it.</summary>
    public bool Names(string value) => _literals.Contains(value) || IsPatterned(value);

    private bool IsPatterned(string value)
    {
        foreach (var glob in _globs)
        {
            if (glob.IsMatch(value)) return true;
        }
        return false;
    }
}
