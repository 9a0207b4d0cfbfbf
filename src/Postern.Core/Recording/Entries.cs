using System.Collections.Immutable;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Policy;

namespace Postern.Core.Recording;

/// <summary>
/// The intent of one operation, durable before a byte of it reaches the target (G1). The request is the masked form;
/// <see cref="RequestDigest"/> is over the bytes as they are.
/// </summary>
public sealed record Intent(
    OperationId Operation,
    string Session,
    DateTimeOffset At,
    Identity Identity,
    Connection Connection,
    ImmutableArray<Part> Parts,
    string? ClientName,
    Masked<ReadOnlyMemory<byte>> Request,
    int RequestLength,
    Digest RequestDigest,
    Digest? Definition,
    Decision Decision,
    OperationId? Parent)
{
    /// <summary>
    /// True when <see cref="Request"/> is the request as it came: then <see cref="RequestDigest"/> is its digest too, and what conditions
    /// read of it may stand beside it.
    /// </summary>
    public bool IsAsItCame { get; init; }

    /// <summary>The id of the trace that it belongs to, in hex; null when there is none.</summary>
    public string? Trace { get; init; }

    /// <summary><see cref="Operation.IsQuarantined"/>.</summary>
    public bool IsQuarantined { get; init; }

    /// <summary>True when the protocol was asked whether masks can read the reply.</summary>
    public bool AsksMasks { get; init; }
}

/// <summary>People's agreement was consumed for this operation: written after the store's compare-and-set, before forwarding (G7).</summary>
/// <param name="Continues">The operation that opened the hold.</param>
public sealed record Clearing(OperationId Operation, DateTimeOffset At, string Hold, OperationId Continues, ImmutableArray<string> Approvers, Decision Decision, int HeldUnderVersion);

/// <summary>Which way a frame went.</summary>
public enum FrameDirection
{
    /// <summary>From the target to the caller.</summary>
    Reply,

    /// <summary>From the caller to the target, after the opening request.</summary>
    Input,
}

/// <summary>How an operation ended. Exactly one per intent (G3).</summary>
public enum Outcome
{
    /// <summary>Forwarded, and answered to the end.</summary>
    Done,

    /// <summary>Refused; nothing was forwarded.</summary>
    Denied,

    /// <summary>Held; nothing was forwarded; the hold is open.</summary>
    Pending,

    /// <summary>Broken off before anything reached the target; the reason says how.</summary>
    Failed,

    /// <summary>Forwarded, and broken off before the answer was whole: it may have taken effect. Recovery writes this for what a stop left open.</summary>
    Unknown,
}

/// <summary>The one ending of an operation.</summary>
/// <param name="Outcome">How.</param>
/// <param name="Code">A refusal code, or null.</param>
/// <param name="Detail">For the record only; no values.</param>
/// <param name="Hold">The hold's id when pending, rejected or cleared.</param>
/// <param name="At">When.</param>
public sealed record Ending(Outcome Outcome, string? Code, string? Detail, string? Hold, DateTimeOffset At);

/// <summary>Something that happened outside an operation: a refused credential, a policy version in force, an answer to a hold.</summary>
/// <param name="Kind">A dotted name, for example <c>auth.refused</c>, <c>policy.applied</c>, <c>hold.answered</c>.</param>
/// <param name="At">When.</param>
/// <param name="Facts">Names and values; never a credential, never an unmasked value.</param>
public sealed record Occurrence(string Kind, DateTimeOffset At, ImmutableArray<KeyValuePair<string, string>> Facts);
