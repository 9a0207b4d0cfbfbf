using Microsoft.Data.Sqlite;
using Postern.Gateway.Storage;

namespace Postern.Gateway.Approvals;

/// <summary>One notice that still has to arrive.</summary>
internal sealed record Notice(string Id, byte[] Body, int Attempts, DateTimeOffset NextAt, DateTimeOffset GiveUpAt);

/// <summary>The notices that still have to arrive, and those that did, on disk: a restart neither loses nor repeats one.</summary>
internal sealed class WebhookOutbox(GatewayDatabase database)
{
    /// <summary>Adds it, unless it is there, arrived or not.</summary>
    public async ValueTask AddAsync(Notice notice, CancellationToken cancellationToken) =>
        await RunAsync(
            "insert into outbox (id, body, attempts, next_at, give_up_at) values ($id, $body, $attempts, $next, $giveUp) on conflict (id) do nothing",
            cancellationToken, ("$id", notice.Id), ("$body", notice.Body), ("$attempts", notice.Attempts), ("$next", notice.NextAt.ToUnixTimeMilliseconds()), ("$giveUp", notice.GiveUpAt.ToUnixTimeMilliseconds())).ConfigureAwait(false);

    /// <summary>It arrived, or was given up: nothing more is to be done about it.</summary>
    public async ValueTask FinishAsync(string id, CancellationToken cancellationToken) =>
        await RunAsync("update outbox set done = 1 where id = $id", cancellationToken, ("$id", id)).ConfigureAwait(false);

    /// <summary>Forgets what arrived for holds that are over.</summary>
    public async ValueTask ForgetAsync(DateTimeOffset now, CancellationToken cancellationToken) =>
        await RunAsync("delete from outbox where done = 1 and give_up_at < $now", cancellationToken, ("$now", now.ToUnixTimeMilliseconds())).ConfigureAwait(false);

    public async ValueTask RetryAsync(string id, DateTimeOffset nextAt, CancellationToken cancellationToken) =>
        await RunAsync("update outbox set attempts = attempts + 1, next_at = $next where id = $id", cancellationToken, ("$next", nextAt.ToUnixTimeMilliseconds()), ("$id", id)).ConfigureAwait(false);

    /// <summary>The notice that is due first, or null when there is none.</summary>
    public ValueTask<Notice?> FirstAsync(CancellationToken cancellationToken) => database.InTransactionAsync(
        static (sql, transaction) =>
        {
            using var command = sql.CreateCommand();
            command.Transaction = transaction;
            command.CommandText = "select id, body, attempts, next_at, give_up_at from outbox where done = 0 order by next_at limit 1";
            using var reader = command.ExecuteReader();
            return reader.Read()
                ? new Notice(reader.GetString(0), reader.GetFieldValue<byte[]>(1), reader.GetInt32(2), DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(3)), DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(4)))
                : null;
        },
        cancellationToken);

    private async ValueTask RunAsync(string text, CancellationToken cancellationToken, params (string Name, object Value)[] parameters) =>
        await database.InTransactionAsync(
            (sql, transaction) =>
            {
                using var command = sql.CreateCommand();
                command.Transaction = transaction;
#pragma warning disable CA2100 // fixed texts of ours
                command.CommandText = text;
#pragma warning restore CA2100
                foreach (var (name, value) in parameters) command.Parameters.AddWithValue(name, value);
                return command.ExecuteNonQuery();
            },
            cancellationToken).ConfigureAwait(false);
}
