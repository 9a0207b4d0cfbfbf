using System.Collections.Concurrent;
using System.Text;
using Dapper;
using Postern.Core.Approvals;
using Postern.Core.Pipeline;
using Postern.Core.Recording;
using Postern.Core.Sealing;
using Postern.Core.Sessions;
using Postern.Gateway.Storage;

namespace Postern.Gateway.Authorization;

/// <summary>What became of a refresh token that was presented.</summary>
internal abstract record Presented
{
    private Presented()
    {
    }

    /// <summary>It is good, and not used yet.</summary>
    public sealed record Good(TokenFamily Family) : Presented;

    /// <summary>It was used before: two parties hold it (RFC 9700 section 4.14.2).</summary>
    public sealed record Reused(string Family) : Presented;

    /// <summary>Nobody knows it, or its sign-in is over.</summary>
    public sealed record Unknown : Presented;
}

/// <summary>
/// The families of tokens in the gateway's database: refresh tokens by their hash, each good once, and what is known of the person sealed.
/// </summary>
internal sealed class TokenFamilies(GatewayDatabase database, byte[] key, Leash leash, IRecorder recorder, TimeProvider clock, TimeSpan tokenLife) : ITokenFamilies
{
    /// <summary>How long a sign-in is kept after its end, so that a stolen token that comes late is still known as one.</summary>
    private static readonly TimeSpan _kept = TimeSpan.FromDays(1);

    private readonly ConcurrentDictionary<string, DateTimeOffset> _ended = new(StringComparer.Ordinal);

    /// <summary>Reads what ended, and drops what is over; before anything is served.</summary>
    public async ValueTask StartAsync(CancellationToken cancellationToken)
    {
        var now = clock.GetUtcNow();
        var ended = await database.InTransactionAsync(
            (sql, transaction) =>
            {
                sql.Execute("delete from sign_ins where ends_at < @before", new { before = (now - _kept).UtcTicks }, transaction);
                sql.Execute("delete from ended_sign_ins where kept_until < @now", new { now = now.UtcTicks }, transaction);
                return sql.Query<(string Id, long At)>("select id, ended_at from ended_sign_ins", transaction: transaction).ToList();
            },
            cancellationToken).ConfigureAwait(false);
        foreach (var (id, at) in ended) _ended[id] = new DateTimeOffset(at, TimeSpan.Zero);
    }

    /// <summary>True once a family has been ended; its tokens are refused from then on.</summary>
    public bool HasEnded(string family) => !_ended.IsEmpty && _ended.ContainsKey(family);

    /// <summary>Keeps a new family; the answer is its first refresh token. Durable when the task completes.</summary>
    public async ValueTask<string> BeginAsync(TokenFamily family, CancellationToken cancellationToken)
    {
        var refresh = OAuthText.NewSecret();
        var now = clock.GetUtcNow();
        await database.InTransactionAsync(
            (sql, transaction) =>
            {
                // Every sign-in takes away what is over: the table cannot grow without end.
                sql.Execute("delete from sign_ins where ends_at < @before", new { before = (now - _kept).UtcTicks }, transaction);
                sql.Execute(
                    "insert into sign_ins (id, identity, client, resource, state, started_at, ends_at) values (@id, @identity, @client, @resource, @state, @startedAt, @endsAt)",
                    new { id = family.Id, identity = family.Person.Key, client = family.Client, resource = family.Resource, state = Sealed(family), startedAt = family.StartedAt.UtcTicks, endsAt = family.EndsAt.UtcTicks },
                    transaction);
                return Add(sql, transaction, family.Id, refresh, now);
            },
            cancellationToken).ConfigureAwait(false);
        return refresh;
    }

    /// <summary>What a refresh token is good for. Nothing changes.</summary>
    public async ValueTask<Presented> FindAsync(string refresh, CancellationToken cancellationToken)
    {
        var now = clock.GetUtcNow();
        var row = await database.InTransactionAsync(
            (sql, transaction) => sql.QuerySingleOrDefault<Row>(
                """
                select s.id as Id, s.client as Client, s.resource as Resource, s.state as State, s.started_at as StartedAt, s.ends_at as EndsAt, r.used_at as UsedAt
                from refresh_tokens r join sign_ins s on s.id = r.sign_in where r.hash = @hash
                """,
                new { hash = OAuthText.HashOf(refresh) },
                transaction),
            cancellationToken).ConfigureAwait(false);
        if (row is null || HasEnded(row.Id) || row.EndsAt <= now.UtcTicks) return new Presented.Unknown();
        if (row.UsedAt is not null) return new Presented.Reused(row.Id);
        var family = SealedBox.Open(key, row.State, Encoding.UTF8.GetBytes(row.Id)) is { } json
            ? TokenFamily.FromJson(row.Id, row.Client, row.Resource, json, new DateTimeOffset(row.StartedAt, TimeSpan.Zero), new DateTimeOffset(row.EndsAt, TimeSpan.Zero))
            : null;
        return family is null ? new Presented.Unknown() : new Presented.Good(family);
    }

    /// <summary>Uses a refresh token up, keeps what is known now, and answers the next token; null when somebody else was faster.</summary>
    public async ValueTask<string?> RotateAsync(TokenFamily family, string refresh, CancellationToken cancellationToken)
    {
        var next = OAuthText.NewSecret();
        var now = clock.GetUtcNow();
        return await database.InTransactionAsync(
            (sql, transaction) =>
            {
                var taken = sql.Execute("update refresh_tokens set used_at = @now where hash = @hash and used_at is null", new { now = now.UtcTicks, hash = OAuthText.HashOf(refresh) }, transaction);
                if (taken != 1) return null;
                sql.Execute("update sign_ins set state = @state where id = @id", new { id = family.Id, state = Sealed(family) }, transaction);
                return Add(sql, transaction, family.Id, next, now);
            },
            cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask<bool> RevokeAsync(string family, string why, CancellationToken cancellationToken = default)
    {
        // 1. In memory: no token of it is let in again, and what runs is cut, however slow disks are.
        var now = clock.GetUtcNow();
        if (!_ended.TryAdd(family, now)) return false;
        leash.Cut((identity, _) => string.Equals(identity.Family, family, StringComparison.Ordinal), ClearanceEnd.CredentialEnded);

        // 2. On the disk: a restart must not undo it, whoever still waits for the answer.
        await database.InTransactionAsync(
            (sql, transaction) =>
            {
                sql.Execute("insert into ended_sign_ins (id, ended_at, kept_until) values (@family, @now, coalesce((select max(ends_at, @kept) from sign_ins where id = @family), @kept)) on conflict do nothing", new { family, now = now.UtcTicks, kept = (now + tokenLife + _kept).UtcTicks }, transaction);
                return sql.Execute("update sign_ins set state = x'' where id = @family", new { family }, transaction);
            },
            CancellationToken.None).ConfigureAwait(false);
        await recorder.NoteAsync(new Occurrence("authorization.ended", now, [new("family", family), new("reason", why)]), CancellationToken.None).ConfigureAwait(false);
        return true;
    }

    /// <inheritdoc/>
    public async ValueTask<int> RevokeAllAsync(string identityKey, string why, CancellationToken cancellationToken = default)
    {
        var now = clock.GetUtcNow();
        var families = await database.InTransactionAsync(
            (sql, transaction) => sql.Query<string>("select id from sign_ins where identity = @identityKey and ends_at > @now", new { identityKey, now = now.UtcTicks }, transaction).ToList(),
            CancellationToken.None).ConfigureAwait(false);
        var ended = 0;
        foreach (var family in families)
        {
            if (await RevokeAsync(family, why, cancellationToken).ConfigureAwait(false)) ended++;
        }
        return ended;
    }

    private byte[] Sealed(TokenFamily family) => SealedBox.Seal(key, family.ToJson(), Encoding.UTF8.GetBytes(family.Id));

    private static string Add(Microsoft.Data.Sqlite.SqliteConnection sql, Microsoft.Data.Sqlite.SqliteTransaction transaction, string family, string refresh, DateTimeOffset now)
    {
        sql.Execute("insert into refresh_tokens (hash, sign_in, issued_at) values (@hash, @family, @now)", new { hash = OAuthText.HashOf(refresh), family, now = now.UtcTicks }, transaction);
        return refresh;
    }

    private sealed class Row
    {
        public string Id { get; set; } = "";

        public string Client { get; set; } = "";

        public string Resource { get; set; } = "";

        public byte[] State { get; set; } = [];

        public long StartedAt { get; set; }

        public long EndsAt { get; set; }

        public long? UsedAt { get; set; }
    }
}
