using System.Collections.Immutable;
using Postern.Core.Operations;

namespace Postern.Core.Grants;

/// <summary>Where a grant stands. Only <see cref="Active"/> permits anything.</summary>
public enum GrantState
{
    /// <summary>People are asked.</summary>
    Asked,

    /// <summary>In force until its end.</summary>
    Active,

    /// <summary>People said no, nobody answered in time, or the policy changed before they did.</summary>
    NotGiven,

    /// <summary>Its time is over.</summary>
    Ended,

    /// <summary>Taken back before its end.</summary>
    Revoked,
}

/// <summary>
/// Just-in-time access: what one entry of the policy permits, for one identity through one agent, to an absolute end. A snapshot of the
/// stored row.
/// </summary>
public sealed record Grant
{
    /// <summary>128 random bits, in 26 characters.</summary>
    public required string Id { get; init; }

    /// <summary>The entry under <c>requests:</c>.</summary>
    public required string Entry { get; init; }

    /// <summary>The entry's scope when it was asked for, as JSON; what people agreed to, and no other.</summary>
    public required string Scope { get; init; }

    /// <summary>Whose it is, <c>issuer:subject</c>.</summary>
    public required string Holder { get; init; }

    /// <summary>For display.</summary>
    public string? HolderName { get; init; }

    /// <summary>The agent that may use it, unqualified; null for credentials that no agent holds.</summary>
    public string? Agent { get; init; }

    /// <summary>Why it was asked for, in the asker's words.</summary>
    public required string Reason { get; init; }

    /// <summary>How long it lasts from the moment people agree.</summary>
    public required TimeSpan Duration { get; init; }

    /// <summary>When it was asked for.</summary>
    public required DateTimeOffset AskedAt { get; init; }

    /// <summary>The policy version under which it was asked for.</summary>
    public required int PolicyVersion { get; init; }

    /// <summary>The hold in which people are asked; null when nobody was (break-glass).</summary>
    public string? Hold { get; init; }

    /// <summary>True when nobody was asked.</summary>
    public bool IsBreakGlass { get; init; }

    /// <summary>Where it stands.</summary>
    public required GrantState State { get; init; }

    /// <summary>When people agreed.</summary>
    public DateTimeOffset? GivenAt { get; init; }

    /// <summary>Absolute end.</summary>
    public DateTimeOffset? EndsAt { get; init; }

    /// <summary>Who agreed, <c>issuer:subject</c>.</summary>
    public ImmutableArray<string> Approvers { get; init; } = [];

    /// <summary>When it was over, whichever way.</summary>
    public DateTimeOffset? ClosedAt { get; init; }

    /// <summary>Who took it back, <c>issuer:subject</c>.</summary>
    public string? ClosedBy { get; init; }

    /// <summary>Why it is over, when its time was not.</summary>
    public string? ClosedBecause { get; init; }

    /// <summary>Digest of <see cref="Scope"/>.</summary>
    public Digest ScopeDigest() => Digest.Of(System.Text.Encoding.UTF8.GetBytes(Scope));
}
