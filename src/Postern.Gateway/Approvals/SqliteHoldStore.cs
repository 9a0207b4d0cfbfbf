using System.Collections.Immutable;
using Dapper;
using Microsoft.Data.Sqlite;
using Postern.Core.Approvals;
using Postern.Core.Operations;
using Postern.Core.Sessions;
using Postern.Gateway.Storage;

namespace Postern.Gateway.Approvals;

/// <summary>
/// Holds in <c>holds.db</c>. Every change is one transaction that compares and sets, flushed before it is answered
/// (<c>synchronous = full</c>). What was kept of a request is overwritten, not only unlinked, when the hold is answered or expires.
/// </summary>
public sealed class SqliteHoldStore : IHoldStore, IDisposable
{
    /// <summary>The database's name in the data folder.</summary>
    public const string FileName = "holds.db";

    // Times are 100 ns ticks since year 1 in UTC: exactly what the clock said, and comparable as numbers.
    private const string Schema = """
        create table holds (
            id text primary key,
            binding text not null,
            opened_by text not null,
            requester text not null,
            requester_name text,
            agent text,
            client_name text,
            connection text not null,
            target text not null,
            summary text not null,
            request blob,
            terms text not null,
            rule text not null,
            reason text not null,
            policy_version integer not null,
            opened_at integer not null,
            expires_at integer not null,
            usable_until integer,
            state text not null,
            answers text not null,
            consumed_by text
        );
        create index holds_by_binding on holds (binding, opened_at);
        create index holds_by_requester on holds (requester, opened_at);
        create index holds_by_state on holds (state);
        """;

    private const string WithGrants = "alter table holds add column grant_id text;";

    private const string WithOrigins = "alter table holds add column origin text;";

    private const int MaxIds = 500;

    private readonly SqliteFile _file;
    private readonly KeptRequests _kept;

    private SqliteHoldStore(SqliteFile file, KeptRequests kept)
    {
        _file = file;
        _kept = kept;
    }

    /// <summary>Opens the holds of a data folder, or makes them.</summary>
    /// <exception cref="InvalidDataException">The file or the key cannot be used; says what to do.</exception>
    public static SqliteHoldStore Open(string folder)
    {
        var kept = KeptRequests.Open(folder);
        var file = SqliteFile.Open(
            Path.Combine(folder, FileName),
            ["journal_mode = wal", "synchronous = full", "secure_delete = on", "busy_timeout = 5000", "trusted_schema = off"],
            Schema, WithGrants, WithOrigins);
        return new SqliteHoldStore(file, kept);
    }

    /// <inheritdoc/>
    public async ValueTask<Hold> OpenOrJoinAsync(Hold hold, DateTimeOffset now, CancellationToken cancellationToken) =>
        (await TryOpenOrJoinAsync(hold, int.MaxValue, now, cancellationToken).ConfigureAwait(false))!;

    /// <inheritdoc/>
    public ValueTask<Hold?> TryOpenOrJoinAsync(Hold hold, int maxOpen, DateTimeOffset now, CancellationToken cancellationToken) =>
        _file.InTransactionAsync<Hold?>((sql, transaction) =>
        {
            var live = sql.QueryFirstOrDefault<HoldRow>(
                "select * from holds where binding = @binding and ((state = 'open' and expires_at > @now) or (state = 'approved' and usable_until > @now)) order by rowid desc limit 1",
                new { binding = hold.Binding.ToString(), now = now.UtcTicks }, transaction);
            if (live is not null) return live.ToHold(_kept);
            var open = sql.ExecuteScalar<int>("select count(*) from holds where requester = @requester and state = 'open' and expires_at > @now", new { requester = hold.Requester, now = now.UtcTicks }, transaction);
            if (open >= maxOpen) return null;
            sql.Execute(
                """
                insert into holds (id, binding, opened_by, requester, requester_name, agent, client_name, connection, target, summary, request, terms, rule, reason,
                    policy_version, opened_at, expires_at, usable_until, state, answers, consumed_by, grant_id, origin)
                values (@id, @binding, @opened_by, @requester, @requester_name, @agent, @client_name, @connection, @target, @summary, @request, @terms, @rule, @reason,
                    @policy_version, @opened_at, @expires_at, @usable_until, @state, @answers, @consumed_by, @grant_id, @origin)
                """,
                HoldRow.Of(hold, _kept), transaction);
            return hold;
        }, cancellationToken);

    // By the order in which they came: a clock that was set back must not make an older hold the newest (fault F14).
    /// <inheritdoc/>
    public ValueTask<Hold?> FindByBindingAsync(Digest binding, CancellationToken cancellationToken) =>
        _file.InTransactionAsync((sql, transaction) => sql.QueryFirstOrDefault<HoldRow>(
            "select * from holds where binding = @binding order by rowid desc limit 1",
            new { binding = binding.ToString() }, transaction)?.ToHold(_kept), cancellationToken);

    /// <inheritdoc/>
    public ValueTask<Hold?> FindAsync(string id, CancellationToken cancellationToken) =>
        _file.InTransactionAsync((sql, transaction) => sql.QueryFirstOrDefault<HoldRow>(
            "select * from holds where id = @id", new { id }, transaction)?.ToHold(_kept), cancellationToken);

    /// <inheritdoc/>
    public ValueTask<ImmutableArray<Hold>> ListAsync(string? requester, int limit, CancellationToken cancellationToken) =>
        _file.InTransactionAsync((sql, transaction) => sql.Query<HoldRow>(
            "select * from holds where @requester is null or requester = @requester order by opened_at desc, rowid desc limit @limit",
            new { requester, limit = Math.Max(limit, 0) }, transaction).Select(row => row.ToHold(_kept)).ToImmutableArray(), cancellationToken);

    /// <inheritdoc/>
    public ValueTask<ImmutableArray<Hold>> OpenAsync(DateTimeOffset now, CancellationToken cancellationToken) =>
        _file.InTransactionAsync((sql, transaction) => sql.Query<HoldRow>(
            "select * from holds where state = 'open' and expires_at > @now order by opened_at, rowid",
            new { now = now.UtcTicks }, transaction).Select(row => row.ToHold(_kept)).ToImmutableArray(), cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<bool> TryAnswerAsync(Hold seen, Hold answered, CancellationToken cancellationToken)
    {
        var changed = await _file.InTransactionAsync((sql, transaction) => sql.Execute(
            """
            update holds set answers = @answers, state = @state, usable_until = @usableUntil, request = case when @state = 'open' then request else null end
            where id = @id and state = @seenState and state in ('open', 'approved') and answers = @seen
            """,
            new
            {
                id = seen.Id,
                seenState = HoldRow.StateText(seen.State),
                seen = HoldRow.AnswersText(seen),
                answers = HoldRow.AnswersText(answered),
                state = HoldRow.StateText(answered.State),
                usableUntil = answered.UsableUntil?.UtcTicks,
            }, transaction), cancellationToken).ConfigureAwait(false);
        if (changed == 1 && answered.State != HoldState.Open) await ForgetAsync().ConfigureAwait(false);
        return changed == 1;
    }

    /// <inheritdoc/>
    public async ValueTask<bool> TryVoidAsync(string id, CancellationToken cancellationToken) =>
        await _file.InTransactionAsync((sql, transaction) => sql.Execute(
            "update holds set state = 'expired', request = null where id = @id and state = 'approved'", new { id }, transaction), cancellationToken).ConfigureAwait(false) == 1;

    /// <inheritdoc/>
    public async ValueTask<bool> TryConsumeAsync(string id, OperationId by, DateTimeOffset now, CancellationToken cancellationToken) =>
        await _file.InTransactionAsync((sql, transaction) => sql.Execute(
            "update holds set state = 'consumed', consumed_by = @by where id = @id and state = 'approved' and usable_until > @now",
            new { id, by = by.ToString(), now = now.UtcTicks }, transaction), cancellationToken).ConfigureAwait(false) == 1;

    /// <inheritdoc/>
    public async ValueTask<bool> TryContinueAsync(string id, OperationId from, OperationId by, DateTimeOffset now, CancellationToken cancellationToken) =>
        await _file.InTransactionAsync((sql, transaction) => sql.Execute(
            "update holds set consumed_by = @by where id = @id and state = 'consumed' and consumed_by = @from and usable_until > @now",
            new { id, from = from.ToString(), by = by.ToString(), now = now.UtcTicks }, transaction), cancellationToken).ConfigureAwait(false) == 1;

    /// <inheritdoc/>
    public async ValueTask<ImmutableArray<string>> RevokeAsync(RevocationSubject subject, CancellationToken cancellationToken)
    {
        var ended = await _file.InTransactionAsync((sql, transaction) =>
        {
            var live = sql.Query<HoldRow>("select * from holds where state in ('open', 'approved')", transaction: transaction)
                .Where(row => row.IsEndedBy(subject)).Select(row => row.id).ToImmutableArray();
            foreach (var id in live) sql.Execute("update holds set state = 'expired', request = null where id = @id", new { id }, transaction);
            return live;
        }, cancellationToken).ConfigureAwait(false);
        if (!ended.IsEmpty) await ForgetAsync().ConfigureAwait(false);
        return ended;
    }

    /// <inheritdoc/>
    public async ValueTask<ImmutableArray<string>> ExpireAsync(DateTimeOffset now, CancellationToken cancellationToken)
    {
        var over = await _file.InTransactionAsync((sql, transaction) => sql.Query<string>(
            """
            update holds set state = 'expired', request = null
            where (state = 'open' and expires_at <= @now) or (state = 'approved' and usable_until <= @now) returning id
            """,
            new { now = now.UtcTicks }, transaction).ToImmutableArray(), cancellationToken).ConfigureAwait(false);
        if (!over.IsEmpty) await ForgetAsync().ConfigureAwait(false);
        return over;
    }

    /// <summary>Whether anything that these operations opened still waits for people, or for its use.</summary>
    /// <param name="operations">Their ids.</param>
    /// <param name="cancellationToken">Ends with the caller.</param>
    internal ValueTask<bool> IsAnyLiveAsync(IReadOnlyCollection<string> operations, CancellationToken cancellationToken) => _file.InTransactionAsync((sql, transaction) => operations.Chunk(MaxIds).Any(some =>
        sql.ExecuteScalar<bool>("select exists (select 1 from holds where opened_by in @some and state in ('Open', 'Approved'))", new { some }, transaction)), cancellationToken);

    /// <summary>Takes what was asked out of the holds that these operations opened; who answered what, and why, stays.</summary>
    /// <param name="operations">Their ids.</param>
    internal async ValueTask ForgetAsync(IReadOnlyCollection<string> operations)
    {
        var forgotten = await _file.InTransactionAsync((sql, transaction) => operations.Chunk(MaxIds).Sum(some =>
            sql.Execute("update holds set summary = '', request = null where opened_by in @some", new { some }, transaction)), CancellationToken.None).ConfigureAwait(false);
        if (forgotten > 0) await _file.TruncateLogAsync().ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    /// <summary>The write-ahead log still holds the page as it was; emptying it leaves nothing of a destroyed request.</summary>
    private ValueTask ForgetAsync() => _file.RunAsync("pragma wal_checkpoint(truncate)");
}
