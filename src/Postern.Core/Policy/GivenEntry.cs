using System.Collections.Immutable;

namespace Postern.Core.Policy;

/// <summary>What one entry of a rule could give on a connection, to anyone, whatever its conditions say: values and patterns by fact.</summary>
/// <param name="Rule">The rule's id.</param>
/// <param name="IsEverything"><c>everything: true</c>.</param>
/// <param name="Values">Literals and patterns, by the name of the fact; a fact that is not here is not spoken of.</param>
public sealed record GivenEntry(string Rule, bool IsEverything, ImmutableDictionary<string, ImmutableArray<string>> Values);
