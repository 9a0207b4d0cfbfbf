using System.Collections.Immutable;
using Postern.Core.Approvals;
using Postern.Core.Operations;
using Postern.Core.Sessions;

namespace Postern.Tests.Doubles;

/// <summary>
/// The hold store's contract in memory, for tests of thousands of holds; <c>HoldStoreContractTests</c> keep it as strict as the real
/// one, which everything else runs on.
/// </summary>
internal sealed class MemoryHoldStore : IHoldStore
{
    private readonly Lock _gate = new();
    private readonly List<Hold> _holds = [];
    private readonly Dictionary<string, int> _byId = new(StringComparer.Ordinal);
    private readonly Dictionary<Digest, int> _newest = [];

    public async ValueTask<Hold> OpenOrJoinAsync(Hold hold, DateTimeOffset now, CancellationToken cancellationToken) =>
        (await TryOpenOrJoinAsync(hold, int.MaxValue, now, cancellationToken))!;

    public ValueTask<Hold?> TryOpenOrJoinAsync(Hold hold, int maxOpen, DateTimeOffset now, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            // Another is opened only when none is live, so none but the newest can be.
            if (_newest.TryGetValue(hold.Binding, out var at) && IsLive(_holds[at], now)) return ValueTask.FromResult<Hold?>(_holds[at]);
            if (_holds.Count >= maxOpen && _holds.Count(other => other.Requester == hold.Requester && other.State == HoldState.Open && now < other.ExpiresAt) >= maxOpen) return ValueTask.FromResult<Hold?>(null);
            _byId.Add(hold.Id, _holds.Count);
            _newest[hold.Binding] = _holds.Count;
            _holds.Add(hold.State == HoldState.Open ? hold : hold with { Request = default, Foreseen = default });
            return ValueTask.FromResult<Hold?>(hold);
        }
    }

    public ValueTask<Hold?> FindByBindingAsync(Digest binding, CancellationToken cancellationToken)
    {
        lock (_gate) return ValueTask.FromResult(_newest.TryGetValue(binding, out var at) ? _holds[at] : null);
    }

    public ValueTask<Hold?> FindAsync(string id, CancellationToken cancellationToken)
    {
        lock (_gate) return ValueTask.FromResult(_byId.TryGetValue(id, out var at) ? _holds[at] : null);
    }

    public ValueTask<ImmutableArray<Hold>> ListAsync(string? requester, int limit, CancellationToken cancellationToken)
    {
        lock (_gate) return ValueTask.FromResult(_holds.Where(hold => requester is null || hold.Requester == requester).Reverse().OrderByDescending(hold => hold.OpenedAt).Take(limit).ToImmutableArray());
    }

    public ValueTask<ImmutableArray<Hold>> OpenAsync(DateTimeOffset now, CancellationToken cancellationToken)
    {
        lock (_gate) return ValueTask.FromResult(_holds.Where(hold => hold.State == HoldState.Open && now < hold.ExpiresAt).ToImmutableArray());
    }

    public ValueTask<bool> TryAnswerAsync(Hold seen, Hold answered, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            var index = IndexOf(seen.Id, static _ => true);
            if (index < 0 || _holds[index].State is not (HoldState.Open or HoldState.Approved) || _holds[index].State != seen.State || !_holds[index].Answers.Select(Comparable).SequenceEqual(seen.Answers.Select(Comparable))) return ValueTask.FromResult(false);
            // Answers, state and end of use are what an answer changes; nothing else of the hold.
            var kept = _holds[index] with { Answers = answered.Answers, State = answered.State, UsableUntil = answered.UsableUntil };
            _holds[index] = kept.State == HoldState.Open ? kept : kept with { Request = default, Foreseen = default };
            return ValueTask.FromResult(true);
        }
    }

    public ValueTask<bool> TryVoidAsync(string id, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            var index = IndexOf(id, hold => hold.State == HoldState.Approved);
            if (index < 0) return ValueTask.FromResult(false);
            _holds[index] = _holds[index] with { State = HoldState.Expired, Request = default, Foreseen = default };
            return ValueTask.FromResult(true);
        }
    }

    public ValueTask<bool> TryConsumeAsync(string id, OperationId by, DateTimeOffset now, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            var index = IndexOf(id, hold => hold.State == HoldState.Approved && now < hold.UsableUntil);
            if (index < 0) return ValueTask.FromResult(false);
            _holds[index] = _holds[index] with { State = HoldState.Consumed, ConsumedBy = by };
            return ValueTask.FromResult(true);
        }
    }

    public ValueTask<bool> TryContinueAsync(string id, OperationId from, OperationId by, DateTimeOffset now, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            var index = IndexOf(id, hold => hold.State == HoldState.Consumed && hold.ConsumedBy == from && now < hold.UsableUntil);
            if (index < 0) return ValueTask.FromResult(false);
            _holds[index] = _holds[index] with { ConsumedBy = by };
            return ValueTask.FromResult(true);
        }
    }

    public ValueTask<ImmutableArray<string>> RevokeAsync(RevocationSubject subject, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            var ended = _holds.Where(hold => hold.State is HoldState.Open or HoldState.Approved && Hold.IsEndedBy(subject, hold.Requester, hold.Agent, hold.Origin, hold.Answers))
                .Select(hold => hold.Id).ToImmutableArray();
            for (var i = 0; i < _holds.Count; i++)
            {
                if (ended.Contains(_holds[i].Id)) _holds[i] = _holds[i] with { State = HoldState.Expired, Request = default, Foreseen = default };
            }
            return ValueTask.FromResult(ended);
        }
    }

    public ValueTask<ImmutableArray<string>> ExpireAsync(DateTimeOffset now, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            var over = _holds.Where(hold => hold.State is HoldState.Open or HoldState.Approved && !IsLive(hold, now)).Select(hold => hold.Id).ToImmutableArray();
            for (var i = 0; i < _holds.Count; i++)
            {
                if (over.Contains(_holds[i].Id)) _holds[i] = _holds[i] with { State = HoldState.Expired, Request = default, Foreseen = default };
            }
            return ValueTask.FromResult(over);
        }
    }

    private int IndexOf(string id, Func<Hold, bool> isWanted) => _byId.TryGetValue(id, out var at) && isWanted(_holds[at]) ? at : -1;

    private static object Comparable(Answer answer) => (answer.Approver, answer.ApproverName, string.Join('\n', answer.Groups), answer.Approved, answer.Reason, answer.At.UtcTicks);

    private static bool IsLive(Hold hold, DateTimeOffset now) =>
        (hold.State == HoldState.Open && now < hold.ExpiresAt) || (hold.State == HoldState.Approved && now < hold.UsableUntil);
}
