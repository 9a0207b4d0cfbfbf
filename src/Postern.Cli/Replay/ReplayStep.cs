using System.Collections.Immutable;
using Postern.Protocols;

namespace Postern.Cli.Replay;

/// <summary>One operation of a session, as replay shows it: the facts of the record, nothing made up.</summary>
internal sealed record ReplayStep
{
    /// <summary>The operation's id, which names the decision.</summary>
    public required string Operation { get; init; }

    /// <summary>The session that it belongs to.</summary>
    public required string Session { get; init; }

    /// <summary>When it was asked.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>Who asked.</summary>
    public required ReplayActor Actor { get; init; }

    /// <summary>The connection's name.</summary>
    public required string Connection { get; init; }

    /// <summary>The connection's protocol; null where the source does not tell.</summary>
    public string? Protocol { get; init; }

    /// <summary>What was asked: an action, then what it touches, per part.</summary>
    public required ImmutableArray<string> Asked { get; init; }

    /// <summary>What policy said.</summary>
    public required ReplayDecision Decision { get; init; }

    /// <summary>The rules of the version that decided that lacked one thing; default where the source does not tell.</summary>
    public ImmutableArray<ReplayNearMiss> Nearly { get; init; }

    /// <summary>What today's policy would say; null in what only the record may say.</summary>
    public ReplayToday? Today { get; init; }

    /// <summary>The use of people's agreement, if it took any.</summary>
    public ReplayApproval? Approval { get; init; }

    /// <summary>The request after masks.</summary>
    public required ReplayContent Request { get; init; }

    /// <summary>What was delivered to the caller, after masks, in order; and what the caller sent later.</summary>
    public ImmutableArray<ReplayContent> Frames { get; init; } = [];

    /// <summary>How it ended; null while it is open.</summary>
    public ReplayEnding? Ending { get; init; }

    /// <summary>What was delivered, as the protocol reads it; null where frames are text of their own.</summary>
    public IReadOnlyList<ReplayItem>? Results => Protocol is null ? null : RecordedReplies.Read(Protocol, Frames.Where(frame => frame.Direction == "reply").Select(frame => frame.Kept), Request.Kept);
}

/// <summary>Who asked, and through what.</summary>
internal sealed record ReplayActor(string Key, string? Kind, string? Name, string? Agent, string? Client, ImmutableArray<string> Groups);

/// <summary>What policy said, and by which rules.</summary>
/// <param name="Kind"><c>allow</c>, <c>hold</c> or <c>deny</c>.</param>
/// <param name="Rules">Each matching rule with its version and effect, the deciding one first.</param>
/// <param name="Code">With a deny: the refusal code.</param>
/// <param name="Reason">Why; null where the source does not tell.</param>
/// <param name="Version">The policy version.</param>
internal sealed record ReplayDecision(string Kind, ImmutableArray<ReplayRule> Rules, string? Code, string? Reason, int Version);

/// <summary>A rule, written <c>id@version</c>, and its effect.</summary>
internal sealed record ReplayRule(string Label, string Effect);

/// <summary>People's agreement, as it was used.</summary>
internal sealed record ReplayApproval(string Hold, string Continues, ImmutableArray<string> Approvers, DateTimeOffset At);

/// <summary>Bytes that went one way, in the form that the record keeps.</summary>
/// <param name="Direction"><c>request</c>, <c>reply</c> or <c>input</c>.</param>
/// <param name="Bytes">Length of what went, after masks; of a request, before them.</param>
/// <param name="MaskedValues">How many values masks replaced; null where the record does not count them.</param>
/// <param name="Kept">What the record keeps.</param>
/// <param name="NotKept">What stands in place of the rest; null when all is kept.</param>
internal sealed record ReplayContent(string Direction, long Bytes, long? MaskedValues, ReadOnlyMemory<byte> Kept, string? NotKept);

/// <summary>How an operation ended.</summary>
internal sealed record ReplayEnding(string Outcome, string? Code, string? Detail, string? Hold, DateTimeOffset? At);
