using System.Collections.Immutable;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Core.Sessions;

namespace Postern.Core.Approvals;

/// <summary>Where a hold stands.</summary>
public enum HoldState
{
    /// <summary>Waiting for an answer.</summary>
    Open,

    /// <summary>Enough people agreed; not used yet.</summary>
    Approved,

    /// <summary>Someone said no.</summary>
    Denied,

    /// <summary>Nobody answered, or nobody used the approval, in time.</summary>
    Expired,

    /// <summary>Used, once.</summary>
    Consumed,
}

/// <summary>
/// An operation waiting for a human, bound to the digest of exactly that operation. A snapshot of the stored row.
/// </summary>
public sealed record Hold
{
    /// <summary>128 random bits, in 26 characters; not to be guessed.</summary>
    public required string Id { get; init; }

    /// <summary>Digest over request, identity, agent, connection, target and definition: what an approval is good for (G7).</summary>
    public required Digest Binding { get; init; }

    /// <summary>The operation that opened it.</summary>
    public required OperationId OpenedBy { get; init; }

    /// <summary><c>issuer:subject</c> of who asked; may never answer.</summary>
    public required string Requester { get; init; }

    /// <summary>The asker's display name, if the issuer gave one; shown beside the subject.</summary>
    public string? RequesterName { get; init; }

    /// <summary>The agent through which it was asked.</summary>
    public string? Agent { get; init; }

    /// <summary>What the credential that asked said of itself; a revocation that speaks of it ends the hold. Null where nothing was kept.</summary>
    public HoldOrigin? Origin { get; init; }

    /// <summary>The client program as it names itself; untrusted.</summary>
    public string? ClientName { get; init; }

    /// <summary>The connection's name.</summary>
    public required string Connection { get; init; }

    /// <summary>The connection's target.</summary>
    public required string Target { get; init; }

    /// <summary>The actions asked for, and what they touch, for lists: <c>action: value, value</c>.</summary>
    public required string Summary { get; init; }

    /// <summary>
    /// The request, complete and unmasked, as the approver must see it (G9). Kept encrypted by the store, destroyed when
    /// answered or expired; empty afterwards.
    /// </summary>
    public ReadOnlyMemory<byte> Request { get; init; }

    /// <summary>
    /// What it would change, as its protocol found out when it was held: text for people, after masks; empty where it cannot say. Kept, and destroyed, with
    /// <see cref="Request"/>. No approval hangs on it.
    /// </summary>
    public ReadOnlyMemory<byte> Foreseen { get; init; }

    /// <summary>Who must agree.</summary>
    public required HoldTerms Terms { get; init; }

    /// <summary>The deciding rule with its version.</summary>
    public required string Rule { get; init; }

    /// <summary>Why it was held, in the author's words or ours.</summary>
    public required string Reason { get; init; }

    /// <summary>The policy version that held it.</summary>
    public required int PolicyVersion { get; init; }

    /// <summary>When it was opened.</summary>
    public required DateTimeOffset OpenedAt { get; init; }

    /// <summary>Until when people may answer.</summary>
    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>Once approved: until when the approval may be used.</summary>
    public DateTimeOffset? UsableUntil { get; init; }

    /// <summary>Where it stands.</summary>
    public required HoldState State { get; init; }

    /// <summary>The answers so far.</summary>
    public ImmutableArray<Answer> Answers { get; init; } = [];

    /// <summary>The grant that is asked for; null when an operation is.</summary>
    public string? Grant { get; init; }

    /// <summary>The operation, or grant, that used it.</summary>
    public OperationId? ConsumedBy { get; init; }

    /// <summary>
    /// True when a revocation takes away what the hold rests on: the identity that asked or answered, or the credential with which it was asked.
    /// Where it is not known what the credential said, a revocation of its kind at its issuer ends the hold.
    /// </summary>
    public static bool IsEndedBy(RevocationSubject subject, string requester, string? agent, HoldOrigin? origin, ImmutableArray<Answer> answers)
    {
        ArgumentNullException.ThrowIfNull(requester);
        if (subject.Of == RevocationOf.Identity) return string.Equals(requester, subject.Key, StringComparison.Ordinal) || (!answers.IsDefault && answers.Any(answer => string.Equals(answer.Approver, subject.Key, StringComparison.Ordinal)));
        if (!requester.StartsWith(subject.Issuer + ":", StringComparison.Ordinal)) return false;
        return subject.Of switch
        {
            RevocationOf.Agent => string.Equals(agent, subject.Value, StringComparison.Ordinal),
            RevocationOf.Group => origin is null || origin.Groups.Contains(subject.Value, StringComparer.Ordinal),
            RevocationOf.Session => origin is null || string.Equals(origin.SessionId, subject.Value, StringComparison.Ordinal),
            RevocationOf.Token => origin is null || string.Equals(origin.TokenId, subject.Value, StringComparison.Ordinal),
            RevocationOf.Sessionless => origin?.SessionId is null && string.Equals(requester, subject.Key, StringComparison.Ordinal),
            RevocationOf.Family => origin is null || string.Equals(origin.Family, subject.Value, StringComparison.Ordinal),
            _ => true,
        };
    }
}

/// <summary>One human's answer.</summary>
/// <param name="Approver"><c>issuer:subject</c>.</param>
/// <param name="ApproverName">For display.</param>
/// <param name="Groups">The approver's qualified groups when answering; checked again when the approval is used.</param>
/// <param name="Approved">Yes or no.</param>
/// <param name="Reason">The human's words; may be empty for a yes.</param>
/// <param name="At">When.</param>
public sealed record Answer(string Approver, string? ApproverName, ImmutableArray<string> Groups, bool Approved, string Reason, DateTimeOffset At);

/// <summary>The marks of the credential that opened a hold.</summary>
/// <param name="SessionId">The session at the issuer, or null.</param>
/// <param name="TokenId">The token's id, or null.</param>
/// <param name="Family">The family of tokens, or null.</param>
/// <param name="Groups">Unqualified groups.</param>
public sealed record HoldOrigin(string? SessionId, string? TokenId, string? Family, ImmutableArray<string> Groups)
{
    /// <summary>What is kept of a credential.</summary>
    public static HoldOrigin Of(Identity identity)
    {
        ArgumentNullException.ThrowIfNull(identity);
        return new HoldOrigin(identity.SessionId, identity.TokenId, identity.Family, identity.Groups);
    }
}
