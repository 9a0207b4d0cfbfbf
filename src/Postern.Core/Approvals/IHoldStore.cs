using System.Collections.Immutable;
using Postern.Core.Operations;
using Postern.Core.Sessions;

namespace Postern.Core.Approvals;

/// <summary>
/// Keeps holds. Every change is one durable compare-and-set: when a method returns true, the change survives a crash.
/// </summary>
public interface IHoldStore
{
    /// <summary>
    /// Stores the hold, or returns the live one (open or approved, not past its time) with the same binding:
    /// identical questions are one question.
    /// </summary>
    ValueTask<Hold> OpenOrJoinAsync(Hold hold, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>
    /// The same, but null when there is none to join and the requester has <paramref name="maxOpen"/> open holds already; counted and
    /// stored in one step.
    /// </summary>
    ValueTask<Hold?> TryOpenOrJoinAsync(Hold hold, int maxOpen, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>The newest hold with this binding, or null.</summary>
    ValueTask<Hold?> FindByBindingAsync(Digest binding, CancellationToken cancellationToken);

    /// <summary>The hold with this id, or null.</summary>
    ValueTask<Hold?> FindAsync(string id, CancellationToken cancellationToken);

    /// <summary>The newest holds, those of one requester (<c>issuer:subject</c>) when given.</summary>
    ValueTask<ImmutableArray<Hold>> ListAsync(string? requester, int limit, CancellationToken cancellationToken);

    /// <summary>Every hold that still waits for an answer.</summary>
    ValueTask<ImmutableArray<Hold>> OpenAsync(DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>
    /// Replaces the answers and state of an open or approved hold if both are still those of <paramref name="seen"/>;
    /// destroys the kept request when the new state is not open. What was used meanwhile is not answered any more.
    /// </summary>
    ValueTask<bool> TryAnswerAsync(Hold seen, Hold answered, CancellationToken cancellationToken);

    /// <summary>
    /// Moves one approved hold, whose answers no longer meet what the policy asks for, to expired. False when it is not approved
    /// (any more): it was used, or its time ran out.
    /// </summary>
    ValueTask<bool> TryVoidAsync(string id, CancellationToken cancellationToken);

    /// <summary>Moves one approved, unexpired hold to consumed. At most one caller ever gets true for a hold (G7).</summary>
    ValueTask<bool> TryConsumeAsync(string id, OperationId by, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>
    /// Hands the use of one consumed approval, whose time is not over, from one operation to the next. At most one caller ever gets
    /// true for a pair of hold and <paramref name="from"/> (G7).
    /// </summary>
    ValueTask<bool> TryContinueAsync(string id, OperationId from, OperationId by, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>
    /// Moves every open or approved hold that a revocation takes the ground from (<see cref="Hold.IsEndedBy"/>) to expired and destroys
    /// the kept requests; returns the ids.
    /// </summary>
    ValueTask<ImmutableArray<string>> RevokeAsync(RevocationSubject subject, CancellationToken cancellationToken);

    /// <summary>Moves what is past its time to expired and destroys the kept requests; returns the ids.</summary>
    ValueTask<ImmutableArray<string>> ExpireAsync(DateTimeOffset now, CancellationToken cancellationToken);
}
