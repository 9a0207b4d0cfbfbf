using System.Collections.Frozen;
using System.Collections.Immutable;
using Postern.Core.Operations;

namespace Postern.Core.Policy;

/// <summary>One entry of <c>on</c>: keys AND, values OR. Its keys come from at most one vocabulary.</summary>
internal sealed class Entry
{
    private readonly FrozenSet<string> _connections;
    private readonly ImmutableArray<Glob> _connectionGlobs;
    private readonly FrozenSet<string> _tags;
    private readonly bool _namesConnections;

    public Entry(ImmutableArray<string>? connections, ImmutableArray<string>? tags, Vocabulary? vocabulary, bool isEverything, ImmutableArray<Selector> selectors)
    {
        _namesConnections = connections is not null;
        _connections = (connections ?? []).Where(name => !Glob.IsPattern(name)).ToFrozenSet(StringComparer.Ordinal);
        _connectionGlobs = [.. (connections ?? []).Where(Glob.IsPattern).Select(name => new Glob(name, segment: null))];
        _tags = (tags ?? []).ToFrozenSet(StringComparer.Ordinal);
        Vocabulary = vocabulary;
        IsEverything = isEverything;
        Selectors = selectors;
    }

    /// <summary>Whose keys it uses; null when it uses none.</summary>
    public Vocabulary? Vocabulary { get; }

    /// <summary><c>everything: true</c>.</summary>
    public bool IsEverything { get; }

    public ImmutableArray<Selector> Selectors { get; }

    /// <summary>True when it names only connection or tags: every operation there, implied ones included.</summary>
    public bool IsWholeConnection => Selectors.IsEmpty && !IsEverything;

    /// <summary>True when the connection's name, tags and protocol are among those the entry speaks of.</summary>
    public bool IsOn(Connection connection)
    {
        if (Vocabulary is not null && !Vocabulary.Protocols.Contains(connection.Protocol)) return false;
        if (_namesConnections && !_connections.Contains(connection.Name) && !MatchesGlob(connection.Name)) return false;
        if (_tags.Count == 0) return true;
        foreach (var tag in connection.Tags)
        {
            if (_tags.Contains(tag)) return true;
        }
        return false;
    }

    /// <summary>Allow and hold. <paramref name="vocabulary"/> is the connection's.</summary>
    public bool Covers(Part part, Vocabulary vocabulary, bool hasDefinition)
    {
        foreach (var selector in Selectors)
        {
            if (!selector.Covers(part.FactOrEmpty(selector.Key.Fact), hasDefinition)) return false;
        }
        return IsEverything ? CoversTheRest(part, vocabulary, hasDefinition) : !Selectors.IsEmpty;
    }

    /// <summary>Deny, guard and masks.</summary>
    public bool Touches(Part part)
    {
        foreach (var selector in Selectors)
        {
            if (!selector.Touches(part.FactOrEmpty(selector.Key.Fact))) return false;
        }
        return true;
    }

    // `everything: true` is a star under every key that is not written: it does not reach what must be named, nor what has no
    // accepted definition.
    private bool CoversTheRest(Part part, Vocabulary vocabulary, bool hasDefinition)
    {
        foreach (var key in vocabulary.Keys)
        {
            var fact = part.FactOrEmpty(key.Fact);
            if (fact.IsEmpty || IsWritten(key)) continue;
            if (key.ByNameOnly || (key.PatternsNeedDefinition && !hasDefinition)) return false;
            if (fact.IsAll && (!key.NamedOnlyValues.IsEmpty || key.NamedOnlyMark is not null)) return false;
            foreach (var value in fact.Values)
            {
                if (key.IsNamedOnly(value)) return false;
            }
        }
        return true;
    }

    private bool IsWritten(SelectorKey key)
    {
        foreach (var selector in Selectors)
        {
            if (string.Equals(selector.Key.Fact, key.Fact, StringComparison.Ordinal)) return true;
        }
        return false;
    }

    private bool MatchesGlob(string connection)
    {
        foreach (var glob in _connectionGlobs)
        {
            if (glob.IsMatch(connection)) return true;
        }
        return false;
    }
}
