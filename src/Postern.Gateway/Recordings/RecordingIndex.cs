using System.Collections.Immutable;
using Dapper;
using Microsoft.Data.Sqlite;
using Postern.Core.Operations;
using Postern.Core.Recording;
using Postern.Gateway.Recordings.Search;
using Postern.Gateway.Storage;

namespace Postern.Gateway.Recordings;

/// <summary>
/// Finds sessions and operations in the journal. It follows the journal and holds nothing of its own: <c>recordings.db</c> may be
/// deleted at any time and is made again. Every question is answered as of the last durable record.
/// </summary>
public sealed partial class RecordingIndex : IDisposable
{
    /// <summary>The database's name in the data folder.</summary>
    public const string FileName = "recordings.db";

    private static readonly TimeSpan FollowInterval = TimeSpan.FromSeconds(1);

    /// <summary>A search answers with what is indexed rather than wait longer for the rest; it says so.</summary>
    private static readonly TimeSpan SearchWaits = TimeSpan.FromMilliseconds(100);

    private readonly SqliteFile _file;
    private readonly SqliteReading _reading;
    private readonly JournalReader _journal;
    private readonly Recorder? _live;
    private readonly IndexLimits _limits;
    private readonly FreshTerms _fresh = new();
    private readonly SemaphoreSlim _catchingUp = new(1, 1);
    private long _indexed = -1;

    private RecordingIndex(SqliteFile file, SqliteReading reading, JournalReader journal, Recorder? live, IndexLimits limits)
    {
        _file = file;
        _reading = reading;
        _journal = journal;
        _live = live;
        _limits = limits;
    }

    /// <summary>Opens the index of a data folder, or makes it.</summary>
    /// <param name="recording">The folder and how it is recorded.</param>
    /// <param name="live">The recorder that writes there in this process; null when nobody writes.</param>
    /// <exception cref="InvalidDataException">The file cannot be used, not even made anew.</exception>
    public static RecordingIndex Open(RecorderOptions recording, Recorder? live) => Open(recording, live, new IndexLimits());

    /// <summary>The same with other limits; a file may have been written under others.</summary>
    internal static RecordingIndex Open(RecorderOptions recording, Recorder? live, IndexLimits limits)
    {
        var path = Path.Combine(recording.DataFolder, FileName);
        SqliteFile file;
        try
        {
            file = OpenFile(path);
        }
        catch (InvalidDataException)
        {
            // Damaged or of another version: nothing in it is worth keeping.
            foreach (var part in (ReadOnlySpan<string>)[path, $"{path}-wal", $"{path}-shm"]) File.Delete(part);
            file = OpenFile(path);
        }
        try
        {
            // Not mapped into memory: a page that is not there would bring as much with it as the disk reads ahead, megabytes for each.
            return new RecordingIndex(file, new SqliteReading(path, "busy_timeout = 5000", "trusted_schema = off"), new JournalReader(recording.JournalFolder, recording.DataKeys), live, limits);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Follows the journal until cancelled, so that questions find little left to read.</summary>
    /// <param name="clock">All time.</param>
    /// <param name="complain">Told when the journal cannot be read; the next round tries again.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task FollowAsync(TimeProvider clock, Action<Exception> complain, CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(FollowInterval, clock);
        try
        {
            do
            {
                try
                {
                    await CatchUpAsync(cancellationToken).ConfigureAwait(false);
                }
                catch (Exception fault) when (fault is not OperationCanceledException)
                {
                    // The index is a convenience; the journal goes on without it.
                    complain(fault);
                }
            }
            while (await timer.WaitForNextTickAsync(cancellationToken).ConfigureAwait(false));
        }
        catch (OperationCanceledException)
        {
            // The end that was asked for.
        }
    }

    /// <summary>Takes in everything that is durable by now.</summary>
    /// <exception cref="RecordingException">The journal cannot be read; names file and offset.</exception>
    public async ValueTask CatchUpAsync(CancellationToken cancellationToken)
    {
        var through = _live?.DurableSequence ?? long.MaxValue;
        if (Volatile.Read(ref _indexed) >= through) return;
        await _catchingUp.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            while (await TakeSomeAsync(through, cancellationToken).ConfigureAwait(false))
            {
                cancellationToken.ThrowIfCancellationRequested();
            }
        }
        finally
        {
            _catchingUp.Release();
        }
    }

    /// <summary>Forgets everything and reads the journal from its begin.</summary>
    /// <exception cref="RecordingException">The journal cannot be read; names file and offset.</exception>
    public async ValueTask RebuildAsync(CancellationToken cancellationToken)
    {
        await _catchingUp.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await ForgetAsync().ConfigureAwait(false);
        }
        finally
        {
            _catchingUp.Release();
        }
        await CatchUpAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Sessions, the latest first.</summary>
    public async ValueTask<ImmutableArray<SessionSummary>> ListSessionsAsync(SessionFilter filter, CancellationToken cancellationToken)
    {
        await CatchUpAsync(cancellationToken).ConfigureAwait(false);
        return await _reading.ReadAsync((sql, transaction) => sql.Query<SessionRow>(
            IndexRows.Sessions(filter.Identity is not null, filter.Connection is not null, byId: false),
            new { identity = filter.Identity, connection = filter.Connection, limit = Math.Clamp(filter.Limit, 0, 1_000) },
            transaction).Select(row => row.ToSummary()).ToImmutableArray(), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Operations of all sessions that a filter asks for, the latest first.</summary>
    public async ValueTask<FoundPage> SearchAsync(OperationFilter filter, CancellationToken cancellationToken)
    {
        var isComplete = true;
        try
        {
            await CatchUpAsync(cancellationToken).AsTask().WaitAsync(SearchWaits, TimeProvider.System, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // A journal that is being read for the first time takes a while; who follows it goes on.
            isComplete = false;
        }
        var page = await _reading.ReadAsync(
            (sql, _) =>
            {
                using var search = new OperationSearch(sql, _fresh);
                return search.Find(filter);
            },
            cancellationToken).ConfigureAwait(false);
        return page with { IsComplete = isComplete };
    }

    /// <summary>One session with its operations in order; null when there is none, or it is not <paramref name="identity"/>'s.</summary>
    /// <param name="id">The session.</param>
    /// <param name="identity"><c>issuer:subject</c> of the one whose it must be; null for anyone's.</param>
    /// <param name="cancellationToken">Ends with the caller.</param>
    /// <param name="after">Only operations of a greater <see cref="OperationSummary.Sequence"/>.</param>
    /// <param name="limit">At most so many operations.</param>
    public async ValueTask<SessionDetail?> GetSessionAsync(string id, string? identity, CancellationToken cancellationToken, long after = 0, int limit = int.MaxValue)
    {
        await CatchUpAsync(cancellationToken).ConfigureAwait(false);
        return await _reading.ReadAsync((sql, transaction) =>
        {
            var session = sql.QueryFirstOrDefault<SessionRow>(IndexRows.Sessions(identity is not null, byConnection: false, byId: true), new { identity, id, limit = 1 }, transaction);
            if (session is null) return null;
            using var search = new OperationSearch(sql, _fresh);
            var operations = search.Of(session, after).Take(limit).Select(one => one.Row.ToSummary(session.Id)).ToImmutableArray();
            var denials = sql.Query<DenialRow>(
                IndexRows.Denials, new { identity = session.Identity, connection = session.Connection, from = session.Started, to = session.Last }, transaction)
                .Select(row => row.ToSummary()).ToImmutableArray();
            return new SessionDetail(session.ToSummary(), operations, denials);
        }, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Everything recorded of one operation, read from the journal; null when there is none, or it is not <paramref name="identity"/>'s.</summary>
    /// <param name="id">The operation.</param>
    /// <param name="identity"><c>issuer:subject</c> of the one whose it must be; null for anyone's.</param>
    /// <param name="cancellationToken">Ends with the caller.</param>
    /// <exception cref="RecordingException">The journal cannot be read; names file and offset.</exception>
    public async ValueTask<RecordedOperation?> GetOperationAsync(OperationId id, string? identity, CancellationToken cancellationToken)
    {
        await CatchUpAsync(cancellationToken).ConfigureAwait(false);
        var through = _live?.DurableSequence ?? long.MaxValue;
        var row = await _reading.ReadAsync(
            (sql, _) =>
            {
                using var search = new OperationSearch(sql, _fresh);
                return search.Find(id.ToString());
            },
            cancellationToken).ConfigureAwait(false);
        if (row is null || (identity is not null && !string.Equals(identity, row.Identity, StringComparison.Ordinal))) return null;
        return await Task.Run(
            () => _journal.ReadOperation(id, new JournalPosition(row.Segment, row.Position), row.LastSequence ?? through), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Reads what was asked from an instant on, straight from the journal.</summary>
    /// <param name="from">The first operation's instant.</param>
    /// <param name="read">Reads the records, on the thread pool; what comes before may be among them.</param>
    /// <param name="cancellationToken">Before it begins.</param>
    /// <exception cref="RecordingException">The journal cannot be read; names file and offset.</exception>
    public async ValueTask<T> ReadQuestionsAsync<T>(DateTimeOffset from, Func<IEnumerable<JournalRecord>, T> read, CancellationToken cancellationToken)
    {
        await CatchUpAsync(cancellationToken).ConfigureAwait(false);
        var through = _live?.DurableSequence ?? long.MaxValue;
        var row = await _reading.ReadAsync(
            (sql, _) =>
            {
                using var search = new OperationSearch(sql, _fresh);
                return search.FirstAt(from.UtcTicks);
            },
            cancellationToken).ConfigureAwait(false);
        return await Task.Run(() => read(row is null ? [] : _journal.ReadQuestions(new JournalPosition(row.Segment, row.Position), through)), cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _reading.Dispose();
        _fresh.Dispose();
        _file.Dispose();
        _catchingUp.Dispose();
    }

    private static SqliteFile OpenFile(string path) => SqliteFile.Open(
        path, ["journal_mode = wal", "synchronous = normal", "secure_delete = on", "busy_timeout = 5000", "trusted_schema = off"], IndexRows.Version, IndexRows.Schema);

    private async ValueTask<bool> TakeSomeAsync(long through, CancellationToken cancellationToken)
    {
        var journal = _journal.ReadJournalId();
        if (journal is null) return false;
        var cursor = await _file.InTransactionAsync((sql, transaction) => sql.QueryFirstOrDefault<CursorRow>(
            "select journal as Journal, sequence as Sequence, segment as Segment, position as Position, next as Next from cursor", transaction: transaction), cancellationToken).ConfigureAwait(false);
        if (cursor is not null && (!string.Equals(cursor.Journal, journal, StringComparison.Ordinal) || cursor.Sequence > through))
        {
            // Another journal, or one that lost its tail: what is indexed is not what is written.
            await ForgetAsync().ConfigureAwait(false);
            cursor = null;
        }
        (int Taken, long Sequence) batch;
        try
        {
            batch = await _file.InTransactionAsync((sql, transaction) => Take(sql, transaction, journal, cursor, through), cancellationToken).ConfigureAwait(false);
        }
        catch (RecordingException) when (cursor is not null && Volatile.Read(ref _indexed) < 0)
        {
            // The first look at a journal that does not go on where the index stopped: restored from a backup, say. Begin anew, once.
            await ForgetAsync().ConfigureAwait(false);
            return true;
        }
        Volatile.Write(ref _indexed, batch.Sequence);
        return batch.Taken == _limits.RecordsPerTransaction;
    }

    private (int Taken, long Sequence) Take(SqliteConnection sql, SqliteTransaction transaction, string journal, CursorRow? cursor, long through)
    {
        var from = cursor is null ? JournalPosition.Begin : new JournalPosition(cursor.Segment, cursor.Position);
        JournalRecord? last = null;
        var taken = 0;
        using var writer = new IndexWriter(sql, transaction, _limits, cursor?.Next ?? 0);
        foreach (var record in _journal.Read(from, through, IndexWriter.Takes, RequestTerms.RequestBytes).Take(_limits.RecordsPerTransaction))
        {
            var expected = (last?.Sequence ?? cursor?.Sequence ?? 0) + 1;
            if (record.Sequence != expected) throw new RecordingException($"the index expected sequence {expected} and found {record.Sequence}; run `postern verify` on the journal");
            writer.Take(record);
            last = record;
            taken++;
        }
        if (last is { } newest) writer.Finish(journal, newest);
        return (taken, last?.Sequence ?? cursor?.Sequence ?? 0);
    }

    private async ValueTask ForgetAsync()
    {
        await _file.InTransactionAsync((sql, transaction) => sql.Execute(IndexRows.Clear, transaction: transaction), CancellationToken.None).ConfigureAwait(false);
        Volatile.Write(ref _indexed, -1);
    }
}
