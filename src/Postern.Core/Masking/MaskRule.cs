using System.Collections.Immutable;

namespace Postern.Core.Masking;

/// <summary>What a mask puts in a value's place, weakest first: the strongest wins where several match.</summary>
public enum MaskKind
{
    /// <summary>Keeps a little of the value, never more than a fixed share of it.</summary>
    Partial,

    /// <summary>A keyed hash: equal values look equal, within this gateway only.</summary>
    Hash,

    /// <summary>Nothing of the value is kept.</summary>
    Redact,
}

/// <summary>One mask of the policy, as far as content goes; <c>on</c>, <c>who</c> and <c>except</c> are the policy's part.</summary>
/// <param name="Id">The mask's id; named in replay.</param>
/// <param name="Fields">JSON paths (<c>$</c>, <c>.name</c>, <c>..name</c>, <c>[*]</c>), validated.</param>
/// <param name="Detectors">Names of value detectors.</param>
/// <param name="Kind">What replaces a value.</param>
public sealed record MaskRule(string Id, ImmutableArray<JsonPath> Fields, ImmutableArray<string> Detectors, MaskKind Kind)
{
    /// <summary>Columns, where a protocol has them.</summary>
    public ImmutableArray<ColumnPattern> Columns { get; init; } = [];

    /// <summary>The operator's own patterns.</summary>
    public ImmutableArray<MaskPattern> Patterns { get; init; } = [];

    /// <summary>Spellings in which detectors and patterns look as well.</summary>
    public Decodings Decode { get; init; }
}
