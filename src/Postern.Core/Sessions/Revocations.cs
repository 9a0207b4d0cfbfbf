using System.Collections.Immutable;
using Postern.Core.Operations;

namespace Postern.Core.Sessions;

/// <summary>
/// Whose credentials were taken back, and when. The one answer to it, for new requests, for what already runs and for
/// sessions of pages: a credential counts when no revocation speaks of it that ends what was issued when it was.
/// </summary>
public sealed class Revocations
{
    // Read on every request and written almost never.
    private volatile Table _table = new(ImmutableDictionary<RevocationSubject, Revocation>.Empty);

    /// <summary>Every one that is remembered.</summary>
    public ImmutableArray<Revocation> All => [.. _table.Of.Values];

    /// <summary>True when the credential behind this identity was issued before its owner was revoked, or in that very second.</summary>
    public bool Covers(Identity identity)
    {
        var table = _table;
        return !table.Of.IsEmpty && table.Covers(identity);
    }

    /// <summary>Takes credentials back; what an earlier one ended stays ended.</summary>
    public void Add(Revocation revocation)
    {
        ArgumentNullException.ThrowIfNull(revocation);
        Change(known => known.SetItem(revocation.Subject, known.TryGetValue(revocation.Subject, out var before) ? before.And(revocation) : revocation));
    }

    /// <summary>Takes back every credential of an identity that was issued until <paramref name="at"/>.</summary>
    /// <param name="identityKey"><c>issuer:subject</c>.</param>
    /// <param name="at">When; an earlier one than is known changes nothing.</param>
    public void Add(string identityKey, DateTimeOffset at) => Add(Revocation.Now(RevocationSubject.OfIdentity(identityKey), at, TimeSpan.FromDays(1)));

    /// <summary>What is remembered of a subject.</summary>
    public Revocation? Find(RevocationSubject subject) => _table.Of.GetValueOrDefault(subject);

    /// <summary>Undoes one: credentials that it ended and that live still count again.</summary>
    /// <returns>What was undone, or null when there was none.</returns>
    public Revocation? Remove(RevocationSubject subject)
    {
        var removed = Find(subject);
        Change(known => known.Remove(subject));
        return removed;
    }

    /// <summary>Forgets those of which every credential is over by itself.</summary>
    public void Forget(DateTimeOffset now) => Change(known => known.RemoveRange(known.Where(one => one.Value.KeptUntil < now).Select(one => one.Key)));

    private readonly Lock _gate = new();

    private void Change(Func<ImmutableDictionary<RevocationSubject, Revocation>, ImmutableDictionary<RevocationSubject, Revocation>> change)
    {
        lock (_gate)
        {
            var changed = change(_table.Of);
            if (!ReferenceEquals(changed, _table.Of)) _table = new Table(changed);
        }
    }

    private sealed class Table(ImmutableDictionary<RevocationSubject, Revocation> of)
    {
        // Which kinds there are at all: what nobody revoked by is not looked up on every request.
        private readonly int _kinds = of.Keys.Aggregate(0, static (kinds, subject) => kinds | (1 << (int)subject.Of));

        public ImmutableDictionary<RevocationSubject, Revocation> Of => of;

        public bool Covers(Identity identity)
        {
            if (Ends(RevocationOf.Identity, identity, identity.Subject) || Ends(RevocationOf.Agent, identity, identity.Agent)
                || Ends(RevocationOf.Session, identity, identity.SessionId) || Ends(RevocationOf.Token, identity, identity.TokenId)
                || Ends(RevocationOf.Family, identity, identity.Family))
            {
                return true;
            }
            if (identity.SessionId is null && Ends(RevocationOf.Sessionless, identity, identity.Subject)) return true;
            if ((_kinds & (1 << (int)RevocationOf.Group)) == 0) return false;
            foreach (var group in identity.Groups)
            {
                if (Ends(RevocationOf.Group, identity, group)) return true;
            }
            return false;
        }

        private bool Ends(RevocationOf kind, Identity identity, string? value) =>
            value is not null && (_kinds & (1 << (int)kind)) != 0 && of.TryGetValue(new RevocationSubject(kind, identity.Issuer, value), out var one) && identity.IssuedAt <= one.IssuedUntil;
    }
}
