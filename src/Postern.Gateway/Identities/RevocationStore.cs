using Dapper;
using Postern.Gateway.Storage;

namespace Postern.Gateway.Identities;

/// <summary>Revocations in the gateway's database, so that a restart lets nobody in again.</summary>
internal sealed class RevocationStore(GatewayDatabase database)
{
    /// <summary>What still matters: all since <paramref name="since"/>; the rest is deleted.</summary>
    public async ValueTask<IReadOnlyList<(string Identity, DateTimeOffset At)>> LoadAsync(DateTimeOffset since, CancellationToken cancellationToken) => await database.InTransactionAsync(
        (sql, transaction) =>
        {
            sql.Execute("delete from revocations where revoked_at < @since", new { since = since.UtcTicks }, transaction);
            return sql.Query<(string Identity, long At)>("select identity, revoked_at from revocations", transaction: transaction)
                .Select(row => (row.Identity, new DateTimeOffset(row.At, TimeSpan.Zero))).ToList();
        },
        cancellationToken).ConfigureAwait(false);

    /// <summary>Keeps one; durable when the task completes.</summary>
    public async ValueTask AddAsync(string identity, DateTimeOffset at, CancellationToken cancellationToken) => await database.InTransactionAsync(
        (sql, transaction) => sql.Execute(
            "insert into revocations (identity, revoked_at) values (@identity, @at) on conflict (identity) do update set revoked_at = max(revoked_at, excluded.revoked_at)",
            new { identity, at = at.UtcTicks }, transaction),
        cancellationToken).ConfigureAwait(false);
}
