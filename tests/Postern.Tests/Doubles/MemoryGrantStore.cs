using System.Collections.Immutable;
using Postern.Core.Grants;

namespace Postern.Tests.Doubles;

/// <summary>The grant store's contract in memory, for tests of thousands of histories; <c>GrantStoreContractTests</c> keep it as strict as the real one.</summary>
internal sealed class MemoryGrantStore : IGrantStore
{
    private readonly Lock _gate = new();
    private readonly List<Grant> _grants = [];
    private DateTimeOffset _latest = DateTimeOffset.MinValue;

    public ValueTask AddAsync(Grant grant, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (_grants.Exists(other => other.Id == grant.Id)) throw new InvalidOperationException("it is there already");
            _grants.Add(grant);
            return ValueTask.CompletedTask;
        }
    }

    public ValueTask<Grant?> FindAsync(string id, CancellationToken cancellationToken)
    {
        lock (_gate) return ValueTask.FromResult(_grants.Find(grant => grant.Id == id));
    }

    public ValueTask<ImmutableArray<Grant>> ListAsync(string? holder, int limit, CancellationToken cancellationToken)
    {
        lock (_gate) return ValueTask.FromResult(_grants.Where(grant => holder is null || grant.Holder == holder).Reverse().OrderByDescending(grant => grant.AskedAt).Take(limit).ToImmutableArray());
    }

    public ValueTask<ImmutableArray<Grant>> InAsync(GrantState state, CancellationToken cancellationToken)
    {
        lock (_gate) return ValueTask.FromResult(_grants.Where(grant => grant.State == state).OrderBy(grant => grant.AskedAt).ToImmutableArray());
    }

    public ValueTask<bool> TryChangeAsync(Grant seen, Grant changed, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            var at = _grants.FindIndex(grant => grant.Id == seen.Id && grant.State == seen.State);
            if (at >= 0) _grants[at] = changed;
            return ValueTask.FromResult(at >= 0);
        }
    }

    public ValueTask ForgetAsync(string id, CancellationToken cancellationToken)
    {
        lock (_gate) _grants.RemoveAll(grant => grant.Id == id && grant.State == GrantState.Asked);
        return ValueTask.CompletedTask;
    }

    public ValueTask<DateTimeOffset> SeenAsync(DateTimeOffset now, CancellationToken cancellationToken)
    {
        lock (_gate) return ValueTask.FromResult(_latest = now > _latest ? now : _latest);
    }
}
