using Postern.Core.Operations;

namespace Postern.Core.Policy;

/// <summary>One entry under <c>requests:</c>: what may be asked for, by whom, for how long, and who must agree (policy.md section 6).</summary>
public sealed class RequestEntry
{
    /// <summary>The entry's id, which is also the name under which its grants appear among the rules of a decision.</summary>
    public required string Id { get; init; }

    /// <summary>What a grant permits, as it is written: the entry's <c>on</c> as JSON.</summary>
    public required ReadOnlyMemory<byte> Scope { get; init; }

    /// <summary>Over <see cref="Scope"/>: a grant is good for exactly the scope that people agreed to, and void when the entry changes.</summary>
    public Digest ScopeDigest => _scopeDigest ??= Digest.Of(Scope.Span);

    /// <summary>How long a grant lasts when nothing is said.</summary>
    public required TimeSpan Default { get; init; }

    /// <summary>How long a grant lasts at most.</summary>
    public required TimeSpan Max { get; init; }

    /// <summary>Who must agree, and by when. Without requirements when <see cref="IsBreakGlass"/>.</summary>
    public required HoldTerms Terms { get; init; }

    /// <summary>True when nobody is asked: it is given at once, with a reason, and everybody who would be asked is told (attack A20).</summary>
    public bool IsBreakGlass { get; init; }

    internal Who Who { get; init; } = Nobody;

    private static readonly Who Nobody = new() { Users = System.Collections.Frozen.FrozenSet<string>.Empty };

    private Digest? _scopeDigest;

    /// <summary>True when this identity may ask for it; for everybody else it does not exist.</summary>
    public bool MayAsk(Identity identity)
    {
        ArgumentNullException.ThrowIfNull(identity);
        return Who.Includes(identity);
    }
}
