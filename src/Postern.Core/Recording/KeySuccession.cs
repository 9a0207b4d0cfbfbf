using System.Collections.Immutable;
using System.Security.Cryptography;

namespace Postern.Core.Recording;

/// <summary>
/// Which key signs where in a journal. A segment may be signed with the key of the segment before it, with one that this key vouched for (it named it in
/// a record under its own signature), or with one that the reader trusts from elsewhere. A key that was followed by another is never good again:
/// whoever finds an old one cannot go on from where it stopped (attacks U04, U10).
/// </summary>
internal sealed class KeySuccession(JournalKeyring trusted) : IDisposable
{
    /// <summary>Kind of the occurrence by which a key vouches for the next.</summary>
    public const string Kind = "journal.key_changed";

    private readonly HashSet<string> _past = new(StringComparer.Ordinal);
    private JournalPublicKey? _named;
    private JournalPublicKey? _vouched;
    private JournalPublicKey? _follower;

    /// <summary>The key of the segment that is read; null before the first.</summary>
    public JournalPublicKey? Current { get; private set; }

    /// <summary>What a key says of the one that follows it.</summary>
    public static Occurrence Announce(IJournalSigner from, IJournalSigner to, DateTimeOffset at)
    {
        using var key = ECDsa.Create();
        key.ImportFromPem(to.PublicKeyPem);
        return new Occurrence(Kind, at, [new("from", from.KeyId), new("to", to.KeyId), new("publicKey", Convert.ToBase64String(key.ExportSubjectPublicKeyInfo()))]);
    }

    /// <summary>A segment begins. Null when its signer may sign here; otherwise why not.</summary>
    public string? Begin(string signer)
    {
        if (Current is { } current && string.Equals(current.KeyId, signer, StringComparison.Ordinal)) return null;
        if (_past.Contains(signer)) return $"the segment is signed with key {signer}, which another one followed before";
        if (_vouched is { } vouched && string.Equals(vouched.KeyId, signer, StringComparison.Ordinal))
        {
            if (Current is not null) _past.Add(Current.KeyId);
            _follower?.Dispose();
            (Current, _follower, _vouched) = (vouched, vouched, null);
            return null;
        }
        if (trusted.Find(signer) is not { } known) return $"the segment is signed with key {signer}; the key given is {trusted.Names}";
        if (Current is not null) _past.Add(Current.KeyId);
        Current = known;
        return null;
    }

    /// <summary>Something was recorded; it may be that the key vouches for another.</summary>
    public void Read(string kind, ImmutableArray<RecordedPair> facts)
    {
        if (!string.Equals(kind, Kind, StringComparison.Ordinal)) return;
        _named?.Dispose();
        _named = facts.FirstOrDefault(fact => string.Equals(fact.Name, "publicKey", StringComparison.Ordinal)) is { Value: { } text } ? JournalPublicKey.FromBase64(text) : null;
    }

    /// <summary>Everything so far is under a good signature of the current key.</summary>
    public void Signed()
    {
        if (_named is null) return;
        _vouched?.Dispose();
        (_vouched, _named) = (_named, null);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _named?.Dispose();
        _vouched?.Dispose();
        _follower?.Dispose();
    }
}
