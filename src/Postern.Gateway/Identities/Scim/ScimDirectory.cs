using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.Json;
using Postern.Core.Grants;
using Postern.Core.Sessions;
using Postern.Gateway.Api;
using Postern.Gateway.Configuration;
using Postern.Gateway.Policies;

namespace Postern.Gateway.Identities.Scim;

/// <summary>A request of a directory that cannot be carried out, in the words of RFC 7644 section 3.12.</summary>
internal sealed class ScimException(int status, string? type, string detail) : Exception(detail)
{
    public int Status { get; } = status;

    public string? Type { get; } = type;
}

/// <summary>What directories work on.</summary>
internal sealed record ScimParts(ScimStore Store, Roster Roster, Leash Leash, IdentityRevocation Revocation, GrantDesk Grants, OwnOperations Own);

/// <summary>
/// What the directory of one or more issuers pushed, in memory, written through to the database. A change is recorded as an operation of the gateway, kept, and in
/// force, before the directory is answered: somebody disabled or deleted is blocked, somebody who left a group has left it, on whatever runs at that moment too.
/// </summary>
internal sealed class ScimDirectory(ScimParts parts, FrozenDictionary<string, (ScimOptions Options, TrustedIssuer Issuer)> issuers) : IDisposable
{
    // Bounds of one issuer: a directory that is wrong, or not ours, must not fill the disk.
    private const int MaxUsers = 100_000;
    private const int MaxGroups = 10_000;
    private const int MaxMembers = 100_000;

    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly Dictionary<string, ScimUser> _users = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ScimGroup> _groups = new(StringComparer.Ordinal);

    /// <summary>Takes up what was pushed before; in force before anybody is let in.</summary>
    public async ValueTask StartAsync(CancellationToken cancellationToken)
    {
        var (users, groups) = await parts.Store.LoadAsync(cancellationToken).ConfigureAwait(false);
        // What belongs to an issuer that is not pushed to any more manages nothing.
        foreach (var user in users.Where(user => issuers.ContainsKey(user.Issuer))) _users[user.Id] = user;
        foreach (var group in groups.Where(group => issuers.ContainsKey(group.Issuer))) _groups[group.Id] = group;
        Publish();
    }

    /// <summary>Users of an issuer that match, in the order of their names.</summary>
    public ValueTask<ImmutableArray<ScimUser>> UsersAsync(string issuer, Func<ScimUser, bool> matches) =>
        InTurnAsync(() => ValueTask.FromResult(_users.Values.Where(user => user.Issuer == issuer && matches(user)).OrderBy(user => user.UserName, StringComparer.Ordinal).ToImmutableArray()));

    /// <summary>Groups of an issuer that match, in the order of their names.</summary>
    public ValueTask<ImmutableArray<ScimGroup>> GroupsAsync(string issuer, Func<ScimGroup, bool> matches) =>
        InTurnAsync(() => ValueTask.FromResult(_groups.Values.Where(group => group.Issuer == issuer && !group.IsDeleted && matches(group)).OrderBy(group => group.DisplayName, StringComparer.Ordinal).ToImmutableArray()));

    /// <summary>Adds a user.</summary>
    /// <exception cref="ScimException">It cannot be.</exception>
    public ValueTask<ScimUser> AddAsync(ScimUser user) => InTurnAsync(async () =>
    {
        if (_users.Values.Count(other => other.Issuer == user.Issuer) >= MaxUsers) throw new ScimException(413, "tooMany", "the gateway keeps no more users of one directory");
        user = user with { Id = NewId() };
        await PutAsync(null, user).ConfigureAwait(false);
        return user;
    });

    /// <summary>Changes a user.</summary>
    /// <exception cref="ScimException">There is none, or it cannot be.</exception>
    public ValueTask<ScimUser> ChangeAsync(string issuer, string id, Func<ScimUser, ScimUser> change) => InTurnAsync(async () =>
    {
        var before = UserOf(issuer, id);
        var after = change(before);
        await PutAsync(before, after).ConfigureAwait(false);
        return after;
    });

    /// <summary>Forgets a user, and blocks whoever it was.</summary>
    /// <exception cref="ScimException">There is none, or it cannot be.</exception>
    public ValueTask<bool> DeleteUserAsync(string issuer, string id) => InTurnAsync(async () =>
    {
        var user = UserOf(issuer, id);
        await EndAsync(user, "the directory deleted the user").ConfigureAwait(false);
        await RecordAsync("user.deleted", user.Issuer, user.Id, user.UserName, async () =>
        {
            await parts.Store.DeleteUserAsync(id).ConfigureAwait(false);
            _users.Remove(id);
            foreach (var group in _groups.Values.Where(group => group.Members.Contains(id)).ToArray()) _groups[group.Id] = group with { Members = group.Members.Remove(id) };
            Publish();
        }).ConfigureAwait(false);
        return true;
    });

    /// <summary>Adds a group.</summary>
    /// <exception cref="ScimException">It cannot be.</exception>
    public ValueTask<ScimGroup> AddAsync(ScimGroup group) => InTurnAsync(async () =>
    {
        if (_groups.Values.Count(other => other.Issuer == group.Issuer) >= MaxGroups) throw new ScimException(413, "tooMany", "the gateway keeps no more groups of one directory");
        // One that is made again takes the place of what was deleted under its names.
        foreach (var old in _groups.Values.Where(old => old.IsDeleted && old.Issuer == group.Issuer && old.DisplayName == group.DisplayName && old.ExternalId == group.ExternalId).ToArray())
        {
            await parts.Store.DeleteGroupAsync(old.Id).ConfigureAwait(false);
            _groups.Remove(old.Id);
        }
        group = group with { Id = NewId() };
        await PutAsync(null, group).ConfigureAwait(false);
        return group;
    });

    /// <summary>Changes a group, its members included.</summary>
    /// <exception cref="ScimException">There is none, or it cannot be.</exception>
    public ValueTask<ScimGroup> ChangeAsync(string issuer, string id, Func<ScimGroup, ScimGroup> change) => InTurnAsync(async () =>
    {
        var before = GroupOf(issuer, id);
        var after = change(before);
        await PutAsync(before, after).ConfigureAwait(false);
        return after;
    });

    /// <summary>Forgets a group: nobody is in it any more, whatever tokens still say.</summary>
    /// <exception cref="ScimException">There is none, or it cannot be.</exception>
    public ValueTask<bool> DeleteGroupAsync(string issuer, string id) => InTurnAsync(async () =>
    {
        var group = GroupOf(issuer, id);
        await PutAsync(group, group with { Members = [], IsDeleted = true }).ConfigureAwait(false);
        return true;
    });

    public void Dispose() => _turn.Dispose();

    private async ValueTask PutAsync(ScimUser? before, ScimUser after)
    {
        if (_users.Values.Any(other => other.Id != after.Id && other.Issuer == after.Issuer && (string.Equals(other.UserName, after.UserName, StringComparison.OrdinalIgnoreCase) || (SubjectOf(other) is { } subject && subject == SubjectOf(after)))))
        {
            throw new ScimException(409, "uniqueness", "another user has this userName, or the attribute that stands for the subject");
        }
        if (after == before) return;
        // Ended before it is kept: whatever fails in between leaves nobody in who should be out.
        if (!after.IsActive) await EndAsync(after, "the directory disabled the user").ConfigureAwait(false);
        await RecordAsync(before is null ? "user.added" : "user.changed", after.Issuer, after.Id, $"{after.UserName}{(after.IsActive ? "" : ", disabled")}", async () =>
        {
            await parts.Store.SaveAsync(after).ConfigureAwait(false);
            _users[after.Id] = after;
            Publish();
        }).ConfigureAwait(false);
        if (after.IsActive && SubjectOf(after) is { } active) Demand(await parts.Revocation.UnendAsync(new RevocationSubject(RevocationOf.Identity, after.Issuer, active), "scim").ConfigureAwait(false));
    }

    private async ValueTask PutAsync(ScimGroup? before, ScimGroup after)
    {
        if (after.Members.Count > MaxMembers) throw new ScimException(413, "tooMany", "the gateway keeps no more members of one group");
        foreach (var member in after.Members)
        {
            if (!_users.TryGetValue(member, out var user) || user.Issuer != after.Issuer) throw new ScimException(400, "invalidValue", "a member is no user of this directory");
        }
        var left = before is null ? [] : before.Members.Except(after.Members);
        await RecordAsync(before is null ? "group.added" : "group.changed", after.Issuer, after.Id, $"{after.DisplayName}, {after.Members.Count} members, {left.Count} left", async () =>
        {
            await parts.Store.SaveAsync(after).ConfigureAwait(false);
            _groups[after.Id] = after;
            Publish();
        }).ConfigureAwait(false);
        foreach (var gone in left)
        {
            if (_users.TryGetValue(gone, out var user) && SubjectOf(user) is { } subject) await parts.Grants.EndOfAsync($"{after.Issuer}:{subject}", $"its holder left `{after.Issuer}:{after.DisplayName}`").ConfigureAwait(false);
        }
    }

    private async ValueTask EndAsync(ScimUser user, string reason)
    {
        if (SubjectOf(user) is not { } subject) return;
        var whose = new RevocationSubject(RevocationOf.Identity, user.Issuer, subject);
        if (parts.Revocation.Find(whose) is { IsBlock: true }) return;
        var (_, problem) = await parts.Revocation.EndAsync(parts.Revocation.Of(whose, isBlock: true) with { Source = "scim", By = user.Issuer, Reason = reason }).ConfigureAwait(false);
        Demand(problem);
    }

    private async ValueTask RecordAsync(string change, string issuer, string id, string what, Func<ValueTask> act) => Demand(await parts.Own.RunAsync(
        GatewayVocabulary.PlaceIdentities,
        json =>
        {
            json.WriteString("source", "scim");
            json.WriteString("issuer", issuer);
            json.WriteString("change", change);
            json.WriteString("id", id);
            json.WriteString("what", what);
        },
        _ => act()).ConfigureAwait(false));

    private static void Demand(string? problem)
    {
        if (problem is not null) throw new ScimException(503, null, "it could not be recorded or kept; send it again");
    }

    // What tokens may call a group: its id or its name at the directory, and what the configuration calls either.
    private void Publish()
    {
        var members = new Dictionary<(string Issuer, string Group), HashSet<string>>();
        foreach (var group in _groups.Values)
        {
            var names = issuers[group.Issuer].Issuer.NamesById;
            var subjects = group.Members.Select(id => _users.TryGetValue(id, out var user) ? SubjectOf(user) : null).OfType<string>().ToArray();
            foreach (var value in new[] { group.ExternalId, group.DisplayName }.OfType<string>().SelectMany(value => names.TryGetValue(value, out var name) ? [value, name] : new[] { value }).Distinct(StringComparer.Ordinal))
            {
                if (!members.TryGetValue((group.Issuer, value), out var known)) members[(group.Issuer, value)] = known = new HashSet<string>(StringComparer.Ordinal);
                known.UnionWith(subjects);
            }
        }
        parts.Roster.Publish(members.Select(one => KeyValuePair.Create(one.Key, one.Value.ToFrozenSet(StringComparer.Ordinal))));
        parts.Leash.Reconsider(identity => !ReferenceEquals(parts.Roster.Standing(identity), identity));
    }

    private string? SubjectOf(ScimUser user) => SubjectOf(user, issuers[user.Issuer].Options, issuers[user.Issuer].Issuer);

    /// <summary>Whom a user of a directory is in tokens; null for one without an id there.</summary>
    internal static string? SubjectOf(ScimUser user, ScimOptions options, TrustedIssuer issuer) =>
        (options.Subject == "userName" ? user.UserName : user.ExternalId) is { } id ? issuer.SubjectOf(id, issuer.OnlyTenant) : null;

    private ScimUser UserOf(string issuer, string id) => _users.TryGetValue(id, out var user) && user.Issuer == issuer ? user : throw new ScimException(404, null, "there is no such user");

    private ScimGroup GroupOf(string issuer, string id) => _groups.TryGetValue(id, out var group) && group.Issuer == issuer && !group.IsDeleted ? group : throw new ScimException(404, null, "there is no such group");

    private static string NewId() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));

    private async ValueTask<T> InTurnAsync<T>(Func<ValueTask<T>> work)
    {
        await _turn.WaitAsync(CancellationToken.None).ConfigureAwait(false);
        try
        {
            return await work().ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }
}
