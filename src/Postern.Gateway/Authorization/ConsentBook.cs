using Dapper;
using Postern.Gateway.Storage;

namespace Postern.Gateway.Authorization;

/// <summary>What people agreed to and wanted remembered.</summary>
internal sealed class ConsentBook(GatewayDatabase database, TimeProvider clock)
{
    /// <summary>After this people are asked again.</summary>
    public static readonly TimeSpan Life = TimeSpan.FromDays(90);

    public async ValueTask AddAsync(string identityKey, AuthorizeRequest request, CancellationToken cancellationToken)
    {
        var now = clock.GetUtcNow();
        await database.InTransactionAsync(
            (sql, transaction) =>
            {
                sql.Execute("delete from consents where given_at < @before", new { before = (now - Life).UtcTicks }, transaction);
                return sql.Execute(
                    "insert into consents (identity, client, redirect, resource, scope, given_at) values (@identityKey, @client, @redirect, @resource, @scope, @now) on conflict do update set given_at = excluded.given_at",
                    new { identityKey, client = request.Client, redirect = request.Redirect, resource = request.Resource, scope = OwnIssuer.Scope, now = now.UtcTicks },
                    transaction);
            },
            cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask<bool> HasAsync(string identityKey, AuthorizeRequest request, CancellationToken cancellationToken) => await database.InTransactionAsync(
        (sql, transaction) => sql.ExecuteScalar<long>(
            "select count(*) from consents where identity = @identityKey and client = @client and redirect = @redirect and resource = @resource and scope = @scope and given_at > @after",
            new { identityKey, client = request.Client, redirect = request.Redirect, resource = request.Resource, scope = OwnIssuer.Scope, after = (clock.GetUtcNow() - Life).UtcTicks },
            transaction) > 0,
        cancellationToken).ConfigureAwait(false);

    /// <summary>Forgets all that a person agreed to; they are asked again.</summary>
    public async ValueTask ForgetAsync(string identityKey, CancellationToken cancellationToken) => await database.InTransactionAsync(
        (sql, transaction) => sql.Execute("delete from consents where identity = @identityKey", new { identityKey }, transaction), cancellationToken).ConfigureAwait(false);
}
