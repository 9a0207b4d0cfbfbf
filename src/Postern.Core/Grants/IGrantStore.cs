using System.Collections.Immutable;

namespace Postern.Core.Grants;

/// <summary>Keeps grants. Every change is one durable compare-and-set: when a method returns, the change survives a crash.</summary>
public interface IGrantStore
{
    /// <summary>Adds a grant.</summary>
    ValueTask AddAsync(Grant grant, CancellationToken cancellationToken);

    /// <summary>The grant with this id, or null.</summary>
    ValueTask<Grant?> FindAsync(string id, CancellationToken cancellationToken);

    /// <summary>The newest grants, those of one holder (<c>issuer:subject</c>) when given.</summary>
    ValueTask<ImmutableArray<Grant>> ListAsync(string? holder, int limit, CancellationToken cancellationToken);

    /// <summary>Every grant in this state.</summary>
    ValueTask<ImmutableArray<Grant>> InAsync(GrantState state, CancellationToken cancellationToken);

    /// <summary>Replaces the grant if its state is still that of <paramref name="seen"/>.</summary>
    ValueTask<bool> TryChangeAsync(Grant seen, Grant changed, CancellationToken cancellationToken);

    /// <summary>Forgets a grant that was never given.</summary>
    ValueTask ForgetAsync(string id, CancellationToken cancellationToken);

    /// <summary>Keeps the latest instant that was seen, so that a clock set back while the gateway was down extends no grant.</summary>
    /// <returns>The latest of all, <paramref name="now"/> included.</returns>
    ValueTask<DateTimeOffset> SeenAsync(DateTimeOffset now, CancellationToken cancellationToken);
}
