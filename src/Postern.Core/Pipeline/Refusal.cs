using System.Collections.Immutable;
using Postern.Core.Operations;

namespace Postern.Core.Pipeline;

/// <summary>Whether and when asking again can help.</summary>
public enum RetryMode
{
    /// <summary>It cannot.</summary>
    Never,

    /// <summary>After a change of the request or of one's rights.</summary>
    AfterChange,

    /// <summary>The identical call, once people have agreed.</summary>
    SameCall,

    /// <summary>After the stated time.</summary>
    After,
}

/// <summary>
/// What a caller is told when an operation is not carried out; each protocol renders it in its own words.
/// Holds no rule source, no hidden name, no person and no value of the request.
/// </summary>
public sealed record Refusal
{
    /// <summary>The operation's id, which names the decision.</summary>
    public required OperationId DecisionId { get; init; }

    /// <summary><c>denied</c> or <c>held</c>.</summary>
    public required string Decision { get; init; }

    /// <summary>One of <see cref="RefusalCode"/>.</summary>
    public required string Code { get; init; }

    /// <summary>The deciding rule and version, or null where the refusal must be the constant one.</summary>
    public string? Rule { get; init; }

    /// <summary>One or two sentences for the caller.</summary>
    public required string Reason { get; init; }

    /// <summary>Whether a retry can help.</summary>
    public required RetryMode Retry { get; init; }

    /// <summary>With <see cref="RetryMode.After"/>: how long to wait.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>Where people answer, or may be asked; null when asking is not possible.</summary>
    public string? RequestUrl { get; init; }

    /// <summary>Groups that may answer, unqualified; empty when asking is not possible.</summary>
    public ImmutableArray<string> Approvers { get; init; } = [];

    /// <summary>What the author offers instead.</summary>
    public ImmutableArray<string> Alternatives { get; init; } = [];
}
