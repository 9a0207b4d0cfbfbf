using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Collections.Immutable;
using Postern.Core.Operations;

namespace Postern.Core.Approvals;

/// <summary>
/// Which accounts are one person's, and in which groups each account was when its issuer last vouched for it. Nobody approves what
/// another account of theirs asked for, nobody counts twice, and who left a group since they voted no longer serves it (attacks A04, A10, A11).
/// </summary>
public sealed class People
{
    private const int MaxSeen = 100_000;

    private readonly FrozenDictionary<string, string> _personOf;
    private readonly ConcurrentDictionary<string, Seen> _seen = new(StringComparer.Ordinal);

    /// <param name="accounts">Each entry is one person's accounts, <c>issuer:subject</c>; service accounts that act for them included. An account that stands nowhere is a person of its own.</param>
    public People(params IEnumerable<ImmutableArray<string>> accounts) =>
        _personOf = accounts.SelectMany(of => of.Select(account => (account, person: of[0]))).ToFrozenDictionary(pair => pair.account, pair => pair.person, StringComparer.Ordinal);

    /// <summary>One name for all accounts of a person.</summary>
    public string PersonOf(string account) => _personOf.GetValueOrDefault(account, account);

    /// <summary>True when both accounts are one person's.</summary>
    public bool AreOne(string account, string other) => string.Equals(PersonOf(account), PersonOf(other), StringComparison.Ordinal);

    /// <summary>An issuer vouched for this identity; the newest word counts.</summary>
    public void Saw(Identity identity)
    {
        ArgumentNullException.ThrowIfNull(identity);
        if (identity.Kind != IdentityKind.Person || (_seen.Count >= MaxSeen && !_seen.ContainsKey(identity.Key))) return;
        var seen = new Seen(identity.IssuedAt, identity.QualifiedGroups);
        _seen.AddOrUpdate(identity.Key, static (_, now) => now, static (_, before, now) => now.At >= before.At ? now : before, seen);
    }

    /// <summary>The groups (<c>issuer:value</c>) of an account when its issuer last vouched for it; null when it was not seen since the gateway began.</summary>
    public IReadOnlySet<string>? GroupsKnownOf(string account) => _seen.TryGetValue(account, out var seen) ? seen.Groups : null;

    /// <summary>The accounts that were in a group (<c>issuer:value</c>) when they were last seen.</summary>
    public IEnumerable<string> KnownIn(string group) => _seen.Where(one => one.Value.Groups.Contains(group)).Select(one => one.Key);

    /// <summary>The groups that count for an answer: those of now if anything newer is known, otherwise those of when it was given.</summary>
    internal IEnumerable<string> GroupsOf(Answer answer) =>
        (_seen.TryGetValue(answer.Approver, out var seen) && seen.At >= answer.At ? answer.Groups.Where(seen.Groups.Contains) : answer.Groups).Where(group => !HasLeft(answer.Approver, group));

    /// <summary>Whether it is known that an account is not in a group any more, whatever its issuer last vouched for; set once, before anybody answers.</summary>
    public Func<string, string, bool> HasLeft { get; set; } = static (_, _) => false;

    private sealed record Seen(DateTimeOffset At, FrozenSet<string> Groups);
}
