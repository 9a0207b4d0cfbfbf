using System.Collections.Immutable;

namespace Postern.Core.Operations;

/// <summary>
/// Which words a policy may use for a protocol, and which fact each reads (policy.md section 4).
/// Core learns everything that it knows of a protocol's words from here. No two vocabularies share a key.
/// </summary>
public abstract class Vocabulary
{
    /// <summary>The vocabulary's name in messages.</summary>
    public abstract string Name { get; }

    /// <summary>The connection protocols that speak it.</summary>
    public abstract ImmutableArray<string> Protocols { get; }

    /// <summary>Every selector key, besides <c>connection</c>, <c>tags</c> and <c>everything</c>, which are common to all.</summary>
    public abstract ImmutableArray<SelectorKey> Keys { get; }

    /// <summary>
    /// What allow and hold must name: one of these alternatives, each a set of keys that must all stand in the entry.
    /// </summary>
    public abstract ImmutableArray<ImmutableArray<string>> RequiredKeys { get; }

    /// <summary>Groups of keys of which an entry may hold at most one.</summary>
    public virtual ImmutableArray<ImmutableArray<string>> ExclusiveKeys => [];

    /// <summary>The variables that <c>when</c> may read beyond the common ones.</summary>
    public abstract ImmutableArray<WhenVariable> Variables { get; }

    /// <summary>The keys that a test's <c>ask</c> may hold besides <c>connection</c>.</summary>
    public abstract ImmutableArray<string> AskKeys { get; }

    /// <summary>
    /// The closed list of actions that the gateway itself (<see cref="IdentityKind.Gateway"/>) may run: definition refresh,
    /// catalogue snapshots, health probes. Nothing else is ever permitted to it.
    /// </summary>
    public virtual ImmutableArray<string> OwnActions => [];

    /// <summary>
    /// Every spelling of a value that a policy writes under a key, the given one included: what the protocol serves under several names is
    /// meant by each of them. Such a value stands in facts under all of them too.
    /// </summary>
    public virtual ImmutableArray<string> SpellingsOf(SelectorKey key, string value) => [value];

    /// <summary>
    /// Turns a policy test's <c>ask</c> into the operation that the protocol would have made of the same request.
    /// </summary>
    /// <param name="connection">The connection named by the test.</param>
    /// <param name="ask">The test's keys and their values as JSON, without <c>connection</c>.</param>
    /// <param name="definitions">What is accepted; a name that it lacks counts as not accepted.</param>
    /// <param name="now">The test's instant.</param>
    /// <exception cref="FormatException">The ask cannot be understood; the message says what was expected.</exception>
    public abstract Operation ReadAsk(Connection connection, IReadOnlyDictionary<string, System.Text.Json.JsonElement> ask, IDefinitionCatalogue definitions, DateTimeOffset now);
}

/// <summary>One selector key.</summary>
/// <param name="Name">The key as written in policy.</param>
/// <param name="Fact">The fact that it reads.</param>
public sealed record SelectorKey(string Name, string Fact)
{
    /// <summary>The character that ends a segment for <c>*</c>; null when values have no segments.</summary>
    public char? Segment { get; init; }

    /// <summary>True when a pattern in allow or hold reaches only values whose definition is accepted (<see cref="Operation.Definition"/>).</summary>
    public bool PatternsNeedDefinition { get; init; }

    /// <summary>True when values must be written out: no pattern is legal (policy.md: "by name only").</summary>
    public bool ByNameOnly { get; init; }

    /// <summary>Values that a pattern never reaches; they must be written out.</summary>
    public ImmutableArray<string> NamedOnlyValues { get; init; } = [];

    /// <summary>A value that holds this character is never reached by a pattern either; null when there is no such mark.</summary>
    public char? NamedOnlyMark { get; init; }

    /// <summary>The only legal values, when the list is closed; empty when it is open.</summary>
    public ImmutableArray<string> ClosedValues { get; init; } = [];

    /// <summary>True when allow and hold must write this value out.</summary>
    internal bool IsNamedOnly(string value) => NamedOnlyValues.Contains(value) || (NamedOnlyMark is { } mark && value.Contains(mark, StringComparison.Ordinal));
}

/// <summary>The type of a <c>when</c> variable.</summary>
public enum WhenType
{
    /// <summary>A JSON object whose members are not known when the policy is loaded.</summary>
    Map,

    /// <summary>A list of text.</summary>
    TextList,
}

/// <summary>A variable that <c>when</c> may read.</summary>
public sealed record WhenVariable(string Name, WhenType Type)
{
    /// <summary>
    /// The fact whose definitions describe this variable in their input schema, so that a policy is checked against it
    /// when it is loaded; null when no definition does.
    /// </summary>
    public string? SchemaFact { get; init; }
}
