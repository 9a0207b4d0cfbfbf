using System.Collections.Immutable;
using Postern.Core.Operations;

namespace Postern.Core.Sessions;

/// <summary>
/// Whose credentials were taken back, and when. The one answer to it, for new requests, for what already runs and for
/// sessions of pages: a credential counts when it was issued afterwards.
/// </summary>
public sealed class Revocations
{
    // Read on every request and written almost never.
    private ImmutableDictionary<string, DateTimeOffset> _at = ImmutableDictionary.Create<string, DateTimeOffset>(StringComparer.Ordinal);

    /// <summary>True when the credential behind this identity was issued before its owner was revoked, or in that very second.</summary>
    public bool Covers(Identity identity)
    {
        var at = Volatile.Read(ref _at);
        return !at.IsEmpty && at.TryGetValue(identity.Key, out var revokedAt) && identity.IssuedAt <= revokedAt;
    }

    /// <summary>Takes back every credential of an identity that was issued until <paramref name="at"/>.</summary>
    /// <param name="identityKey"><c>issuer:subject</c>.</param>
    /// <param name="at">When; an earlier one than is known changes nothing.</param>
    public void Add(string identityKey, DateTimeOffset at) =>
        ImmutableInterlocked.AddOrUpdate(ref _at, identityKey, at, (_, known) => known > at ? known : at);

    /// <summary>Forgets what is older than any credential can be.</summary>
    public void Forget(DateTimeOffset before) =>
        ImmutableInterlocked.Update(ref _at, static (known, before) => known.RemoveRange(known.Where(one => one.Value < before).Select(one => one.Key)), before);
}
