using Microsoft.Data.Sqlite;
using Postern.Gateway.Storage;

namespace Postern.Gateway.Notices;

/// <summary>One notice that still has to arrive.</summary>
internal sealed record Notice(string Id, byte[] Body, int Attempts, DateTimeOffset NextAt, DateTimeOffset GiveUpAt);

/// <summary>
/// The notices of one channel that still have to arrive, and those that did, on disk: a restart neither loses nor repeats one. All channels
/// share the table; none waits for another.
/// </summary>
internal sealed class NoticeOutbox(GatewayDatabase database, string channel)
{
    /// <summary>Adds it, unless it is there, arrived or not.</summary>
    public async ValueTask AddAsync(Notice notice, CancellationToken cancellationToken) =>
        await RunAsync(
            "insert into outbox (id, body, attempts, next_at, give_up_at, channel) values ($id, $body, $attempts, $next, $giveUp, $channel) on conflict (id) do nothing",
            cancellationToken, ("$id", KeyOf(notice.Id)), ("$body", notice.Body), ("$attempts", notice.Attempts), ("$next", notice.NextAt.ToUnixTimeMilliseconds()), ("$giveUp", notice.GiveUpAt.ToUnixTimeMilliseconds()), ("$channel", channel)).ConfigureAwait(false);

    /// <summary>It arrived, or was given up: nothing more is to be done about it.</summary>
    public async ValueTask FinishAsync(string id, CancellationToken cancellationToken) =>
        await RunAsync("update outbox set done = 1 where id = $id", cancellationToken, ("$id", KeyOf(id))).ConfigureAwait(false);

    /// <summary>Forgets what arrived for holds that are over.</summary>
    public async ValueTask ForgetAsync(DateTimeOffset now, CancellationToken cancellationToken) =>
        await RunAsync("delete from outbox where done = 1 and channel = $channel and give_up_at < $now", cancellationToken, ("$channel", channel), ("$now", now.ToUnixTimeMilliseconds())).ConfigureAwait(false);

    public async ValueTask RetryAsync(string id, DateTimeOffset nextAt, CancellationToken cancellationToken) =>
        await RunAsync("update outbox set attempts = attempts + 1, next_at = $next where id = $id", cancellationToken, ("$next", nextAt.ToUnixTimeMilliseconds()), ("$id", KeyOf(id))).ConfigureAwait(false);

    /// <summary>The notice that is due first, or null when there is none.</summary>
    public ValueTask<Notice?> FirstAsync(CancellationToken cancellationToken) => database.InTransactionAsync(
        (sql, transaction) =>
        {
            using var command = sql.CreateCommand();
            command.Transaction = transaction;
            command.CommandText = "select id, body, attempts, next_at, give_up_at from outbox where done = 0 and channel = $channel order by next_at limit 1";
            command.Parameters.AddWithValue("$channel", channel);
            using var reader = command.ExecuteReader();
            return reader.Read()
                ? new Notice(IdOf(reader.GetString(0)), reader.GetFieldValue<byte[]>(1), reader.GetInt32(2), DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(3)), DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(4)))
                : null;
        },
        cancellationToken);

    // Notices of webhooks stood in the table before it had other channels.
    private string KeyOf(string id) => channel == WebhookNotifier.Channel ? id : $"{channel}:{id}";

    private string IdOf(string key) => channel == WebhookNotifier.Channel ? key : key[(channel.Length + 1)..];

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
