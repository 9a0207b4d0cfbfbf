using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Postern.Core.Operations;

namespace Postern.Gateway.Identities.Scim;

/// <summary>
/// Who is in which group by the word of the directories that push it, and what that leaves of a credential's groups. It only takes away: a group that no directory
/// manages is the token's word, and one that it manages counts for whoever is in both. Reading is a reference copy.
/// </summary>
internal sealed class Roster
{
    private volatile Snapshot _now = new(FrozenDictionary<(string Issuer, string Group), FrozenSet<string>>.Empty);

    /// <summary>Members by issuer and by each value under which tokens may name a group; subjects as the issuer writes them.</summary>
    public void Publish(IEnumerable<KeyValuePair<(string Issuer, string Group), FrozenSet<string>>> members) => _now = new Snapshot(members.ToFrozenDictionary());

    /// <summary>The credential with the groups that are left; the same object when that is all of them.</summary>
    public Identity Standing(Identity credential)
    {
        var now = _now;
        return now.Members.Count == 0 || credential.Kind != IdentityKind.Person ? credential : now.Of(credential);
    }

    /// <summary>True when a directory says that this account (<c>issuer:subject</c>) is not in this group (<c>issuer:value</c>) any more.</summary>
    public bool HasLeft(string account, string group)
    {
        var now = _now;
        var colon = group.IndexOf(':', StringComparison.Ordinal);
        if (now.Members.Count == 0 || colon <= 0 || account.Length <= colon || !account.AsSpan(0, colon + 1).SequenceEqual(group.AsSpan(0, colon + 1))) return false;
        return now.Members.TryGetValue((group[..colon], group[(colon + 1)..]), out var members) && !members.Contains(account[(colon + 1)..]);
    }

    private sealed class Snapshot(FrozenDictionary<(string Issuer, string Group), FrozenSet<string>> members)
    {
        // One credential is asked about on every call that it makes.
        private readonly ConditionalWeakTable<Identity, Identity> _left = [];

        public FrozenDictionary<(string Issuer, string Group), FrozenSet<string>> Members => members;

        public Identity Of(Identity credential) => _left.GetValue(credential, Narrowed);

        private Identity Narrowed(Identity credential)
        {
            var left = credential.Groups.RemoveAll(group => members.TryGetValue((credential.Issuer, group), out var inside) && !inside.Contains(credential.Subject));
            return left.Length == credential.Groups.Length ? credential : credential.With(left, credential.OwnGroups);
        }
    }
}
