using System.Collections.Immutable;
using Dapper;
using Postern.Gateway.Storage;

namespace Postern.Gateway.Identities.Scim;

/// <summary>A person as a directory knows them.</summary>
/// <param name="Id">Ours.</param>
/// <param name="Issuer">The issuer whose directory it is.</param>
/// <param name="ExternalId">The directory's own id, or null.</param>
/// <param name="UserName">Unique in the directory.</param>
/// <param name="DisplayName">For people, or null.</param>
/// <param name="IsActive">Whether they may sign in.</param>
internal sealed record ScimUser(string Id, string Issuer, string? ExternalId, string UserName, string? DisplayName, bool IsActive);

/// <summary>A group as a directory knows it.</summary>
/// <param name="Id">Ours.</param>
/// <param name="Issuer">The issuer whose directory it is.</param>
/// <param name="ExternalId">The directory's own id, or null.</param>
/// <param name="DisplayName">Its name.</param>
/// <param name="Members">Our ids of who is in it.</param>
internal sealed record ScimGroup(string Id, string Issuer, string? ExternalId, string DisplayName, ImmutableHashSet<string> Members)
{
    /// <summary>True when the directory deleted it: it goes on having nobody in it, for tokens that still name it.</summary>
    public bool IsDeleted { get; init; }
}

/// <summary>Users and groups in the gateway's database. Each change is durable when its task completes.</summary>
internal sealed class ScimStore(GatewayDatabase database)
{
    public async ValueTask<(ImmutableArray<ScimUser> Users, ImmutableArray<ScimGroup> Groups)> LoadAsync(CancellationToken cancellationToken) => await database.InTransactionAsync(
        (sql, transaction) =>
        {
            var users = sql.Query<(string Id, string Issuer, string? ExternalId, string UserName, string? DisplayName, long Active)>("select id, issuer, external_id, user_name, display_name, active from scim_users", transaction: transaction)
                .Select(row => new ScimUser(row.Id, row.Issuer, row.ExternalId, row.UserName, row.DisplayName, row.Active != 0)).ToImmutableArray();
            var members = sql.Query<(string Group, string User)>("select group_id, user_id from scim_members", transaction: transaction).ToLookup(row => row.Group, row => row.User);
            var groups = sql.Query<(string Id, string Issuer, string? ExternalId, string DisplayName, long Deleted)>("select id, issuer, external_id, display_name, deleted from scim_groups", transaction: transaction)
                .Select(row => new ScimGroup(row.Id, row.Issuer, row.ExternalId, row.DisplayName, [.. members[row.Id]]) { IsDeleted = row.Deleted != 0 }).ToImmutableArray();
            return (users, groups);
        },
        cancellationToken).ConfigureAwait(false);

    public async ValueTask SaveAsync(ScimUser user) => await database.InTransactionAsync(
        (sql, transaction) => sql.Execute(
            """
            insert into scim_users (id, issuer, external_id, user_name, display_name, active) values (@Id, @Issuer, @ExternalId, @UserName, @DisplayName, @IsActive)
            on conflict (id) do update set external_id = excluded.external_id, user_name = excluded.user_name, display_name = excluded.display_name, active = excluded.active
            """,
            user, transaction),
        CancellationToken.None).ConfigureAwait(false);

    public async ValueTask SaveAsync(ScimGroup group) => await database.InTransactionAsync(
        (sql, transaction) =>
        {
            sql.Execute(
                """
                insert into scim_groups (id, issuer, external_id, display_name, deleted) values (@Id, @Issuer, @ExternalId, @DisplayName, @IsDeleted)
                on conflict (id) do update set external_id = excluded.external_id, display_name = excluded.display_name, deleted = excluded.deleted
                """,
                new { group.Id, group.Issuer, group.ExternalId, group.DisplayName, group.IsDeleted }, transaction);
            sql.Execute("delete from scim_members where group_id = @Id", new { group.Id }, transaction);
            return sql.Execute("insert into scim_members (group_id, user_id) values (@Group, @User)", group.Members.Select(user => new { Group = group.Id, User = user }), transaction);
        },
        CancellationToken.None).ConfigureAwait(false);

    public async ValueTask DeleteUserAsync(string id) => await database.InTransactionAsync((sql, transaction) => sql.Execute("delete from scim_users where id = @id", new { id }, transaction), CancellationToken.None).ConfigureAwait(false);

    public async ValueTask DeleteGroupAsync(string id) => await database.InTransactionAsync((sql, transaction) => sql.Execute("delete from scim_groups where id = @id", new { id }, transaction), CancellationToken.None).ConfigureAwait(false);
}
