using System.Buffers.Binary;
using System.Collections.Immutable;
using Dapper;
using Microsoft.Data.Sqlite;
using Postern.Core.Recording;
using Postern.Gateway.Configuration;
using Postern.Gateway.Storage;

namespace Postern.Gateway.Recordings.Keys;

/// <summary>What became of an attempt to erase.</summary>
internal enum KeyDestruction
{
    /// <summary>The keys are gone for good.</summary>
    Done,

    /// <summary>They were before.</summary>
    Already,

    /// <summary>Somebody holds the session: nothing was touched.</summary>
    Held,
}

/// <summary>
/// The data keys of recorded sessions, each wrapped by the master key, in <c>keys.db</c> of the data folder. Never in the journal, which is
/// copied and kept for ever: what is destroyed here is destroyed everywhere. New keys that come together share one flush.
/// </summary>
internal sealed class DataKeyFile : IDataKeyStore, IDisposable
{
    /// <summary>The file's name in the data folder.</summary>
    public const string FileName = "keys.db";

    private readonly SqliteFile _file;
    private readonly DataKeyReading _reading;
    private readonly MasterKeyPair _masters;
    private readonly TimeProvider _clock;
    private readonly Lock _gate = new();
    private List<Waiting> _waiting = [];
    private bool _isSaving;

    private DataKeyFile(SqliteFile file, DataKeyReading reading, MasterKeyPair masters, TimeProvider clock) => (_file, _reading, _masters, _clock) = (file, reading, masters, clock);

    /// <inheritdoc/>
    public int Generation => _reading.Generation;

    /// <summary>Opens the keys of a data folder, or makes the file; wraps everything anew where the master key changed.</summary>
    /// <exception cref="RecordingException">File or master key cannot be used.</exception>
    public static async ValueTask<DataKeyFile> OpenAsync(string folder, MasterKeyOptions? options, TimeProvider clock)
    {
        var path = Path.Combine(folder, FileName);
        SqliteFile file;
        try
        {
            file = SqliteFile.Open(path, DataKeyRows.Pragmas, DataKeyRows.Schema);
        }
        catch (InvalidDataException unusable)
        {
            throw new RecordingException(unusable.Message, unusable);
        }
        MasterKeyPair? masters = null;
        try
        {
            var wrappers = await file.InTransactionAsync((sql, transaction) => sql.Query<string>("select distinct master from keys", transaction: transaction).ToList(), CancellationToken.None).ConfigureAwait(false);
            masters = MasterKeys.Open(options, folder, mayCreate: wrappers.Count == 0);
            if (wrappers.FirstOrDefault(id => id != masters.Current.Id && id != masters.Previous?.Id) is { } stranger)
            {
                throw new RecordingException($"data keys in `{path}` are wrapped by master key {stranger}, and the one given is {masters.Current.Id}; give that one too (`record.masterKey.previousFile`), so that they can be wrapped anew");
            }
            if (masters.Previous is { } previous && wrappers.Contains(previous.Id)) await RewrapAsync(file, previous, masters.Current).ConfigureAwait(false);
            MasterKeys.Passed(options, folder);
            return new DataKeyFile(file, DataKeyReading.Open(path, masters.Current), masters, clock);
        }
        catch
        {
            file.Dispose();
            masters?.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public DataKeyFinding Find(UInt128 id) => _reading.Find(id);

    /// <inheritdoc/>
    public async ValueTask SaveAsync(UInt128 id, string session, ReadOnlyMemory<byte> key)
    {
        var one = new Waiting(DataKeyReading.NameOf(id), session, _masters.Current.Wrap(id, session, key.Span), new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously));
        lock (_gate)
        {
            _waiting.Add(one);
            if (!_isSaving)
            {
                _isSaving = true;
                _ = Task.Run(SaveWaitingAsync);
            }
        }
        if (!await one.Saved.Task.ConfigureAwait(false)) throw new RecordingException("the session was erased; nothing can be added to it");
    }

    /// <summary>Destroys the keys of a session for good, unless somebody holds it. Afterwards nobody can read what was said in it.</summary>
    /// <param name="session">The session.</param>
    /// <param name="erasure">When, by whom and why.</param>
    /// <param name="operations">How many operations it had; for what is said of it.</param>
    public async ValueTask<KeyDestruction> DestroyAsync(string session, Erasure erasure, int operations)
    {
        var destruction = await _file.InTransactionAsync((sql, transaction) =>
        {
            if (sql.ExecuteScalar<long>("select count(*) from legal_holds where session = @session", new { session }, transaction) > 0) return KeyDestruction.Held;
            var isNew = sql.Execute(
                "insert into erasures (session, at, by, why, expiry, operations, told) values (@session, @at, @By, @Why, @IsExpiry, @operations, 0) on conflict (session) do nothing",
                new { session, at = erasure.At.UtcTicks, erasure.By, erasure.Why, erasure.IsExpiry, operations }, transaction) > 0;
            sql.Execute("insert into gone (id, session) select id, session from keys where session = @session on conflict (id) do nothing", new { session }, transaction);
            sql.Execute("delete from keys where session = @session", new { session }, transaction);
            return isNew ? KeyDestruction.Done : KeyDestruction.Already;
        }, CancellationToken.None).ConfigureAwait(false);
        if (destruction != KeyDestruction.Held) _reading.Forget();
        return destruction;
    }

    /// <summary>Empties the file's log: what was overwritten in the file still stands there. Until it returns, a destruction is not done.</summary>
    /// <exception cref="InvalidOperationException">Somebody reads the file for long; it is to be tried again.</exception>
    public ValueTask EmptyLogAsync() => _file.TruncateLogAsync();

    /// <summary>Erasures of which the journal does not say yet.</summary>
    public ValueTask<ImmutableArray<(string Session, Erasure Erasure, int Operations)>> UntoldAsync() => _file.InTransactionAsync((sql, transaction) => sql.Query<ErasureRow>(
        "select session as Session, at as At, by as By, why as Why, expiry as Expiry, operations as Operations from erasures where told = 0 order by at, session", transaction: transaction)
        .Select(row => (row.Session, row.ToErasure(), row.Operations)).ToImmutableArray(), CancellationToken.None);

    /// <summary>The journal says it.</summary>
    public async ValueTask ToldAsync(string session) =>
        await _file.InTransactionAsync((sql, transaction) => sql.Execute("update erasures set told = 1 where session = @session", new { session }, transaction), CancellationToken.None).ConfigureAwait(false);

    /// <summary>Erased sessions of which the journal says so, and of whose disk nothing was given back yet.</summary>
    public ValueTask<ImmutableArray<string>> UnfoldedAsync() => _file.InTransactionAsync((sql, transaction) =>
        sql.Query<string>("select session from erasures where told = 1 order by at, session", transaction: transaction).ToImmutableArray(), CancellationToken.None);

    /// <summary>What a session took of the disk was given back, as far as it can be.</summary>
    public async ValueTask FoldedAsync(string session) =>
        await _file.InTransactionAsync((sql, transaction) => sql.Execute("update erasures set told = 2 where session = @session", new { session }, transaction), CancellationToken.None).ConfigureAwait(false);

    /// <summary>How a session was erased; null when it was not.</summary>
    public ValueTask<Erasure?> ErasureOfAsync(string session) => _file.InTransactionAsync((sql, transaction) => sql.QueryFirstOrDefault<ErasureRow>(
        "select session as Session, at as At, by as By, why as Why, expiry as Expiry, operations as Operations from erasures where session = @session", new { session }, transaction)?.ToErasure(), CancellationToken.None);

    /// <summary>How a session was erased; null when it was not. For lists of sessions: by primary key, on this thread.</summary>
    public Erasure? FindErasure(string session) => _reading.FindErasure(session);

    /// <summary>Whether anything was sealed for a session.</summary>
    public ValueTask<bool> HasKeysAsync(string session) => _file.InTransactionAsync((sql, transaction) => sql.ExecuteScalar<bool>("select exists (select 1 from keys where session = @session)", new { session }, transaction), CancellationToken.None);

    /// <summary>A page of the sessions that began before an instant and have keys, by id.</summary>
    public ValueTask<ImmutableArray<string>> MadeBeforeAsync(DateTimeOffset before, string after, int limit) => _file.InTransactionAsync((sql, transaction) => sql.Query<string>(
        """
        select distinct session from keys where made < @before and session > @after
            and not exists (select 1 from legal_holds h where h.session = keys.session) order by session limit @limit
        """,
        new { before = before.UtcTicks, after, limit }, transaction).ToImmutableArray(), CancellationToken.None);

    /// <summary>The latest instant at which age was judged here, or a key was made.</summary>
    public ValueTask<DateTimeOffset> LatestAsync() => _file.InTransactionAsync((sql, transaction) => new DateTimeOffset(
        sql.ExecuteScalar<long>("select max(coalesce((select max(latest) from seen), 0), coalesce((select max(made) from keys), 0))", transaction: transaction), TimeSpan.Zero), CancellationToken.None);

    /// <summary>Age is judged at this instant.</summary>
    public async ValueTask SeenAsync(DateTimeOffset now) =>
        await _file.InTransactionAsync((sql, transaction) => sql.Execute("delete from seen; insert into seen (latest) values (@latest)", new { latest = now.UtcTicks }, transaction), CancellationToken.None).ConfigureAwait(false);

    /// <summary>Forbids to erase a session, whoever wants to and however old it is. False when it is forbidden already.</summary>
    public async ValueTask<bool> HoldAsync(string session, DateTimeOffset at, string by, string why) => await _file.InTransactionAsync((sql, transaction) => sql.Execute(
        "insert into legal_holds (session, at, by, why) values (@session, @at, @by, @why) on conflict (session) do nothing", new { session, at = at.UtcTicks, by, why }, transaction), CancellationToken.None).ConfigureAwait(false) > 0;

    /// <summary>Takes that back. False when nothing forbade it.</summary>
    public async ValueTask<bool> ReleaseAsync(string session) => await _file.InTransactionAsync((sql, transaction) => sql.Execute(
        "delete from legal_holds where session = @session", new { session }, transaction), CancellationToken.None).ConfigureAwait(false) > 0;

    /// <summary>The sessions that may not be erased.</summary>
    public ValueTask<ImmutableArray<LegalHoldRow>> HeldAsync() => _file.InTransactionAsync((sql, transaction) => sql.Query<LegalHoldRow>(
        "select session as Session, at as At, by as By, why as Why from legal_holds order by at, session", transaction: transaction).ToImmutableArray(), CancellationToken.None);

    /// <inheritdoc/>
    public void Dispose()
    {
        _reading.Dispose();
        _file.Dispose();
        _masters.Dispose();
    }

    private static async ValueTask RewrapAsync(SqliteFile file, MasterKey previous, MasterKey current)
    {
        await file.InTransactionAsync((sql, transaction) =>
        {
            foreach (var row in sql.Query<DataKeyRow>("select id as Id, session as Session, wrapped as Wrapped from keys where master = @Id", new { previous.Id }, transaction).ToList())
            {
                var id = BinaryPrimitives.ReadUInt128BigEndian(row.Id);
                var key = previous.Unwrap(id, row.Session, row.Wrapped) ?? throw new RecordingException($"the data key {id:x32} is damaged; restore `{FileName}` from a backup");
                sql.Execute("update keys set master = @master, wrapped = @wrapped where id = @id", new { master = current.Id, wrapped = current.Wrap(id, row.Session, key), id = row.Id }, transaction);
                System.Security.Cryptography.CryptographicOperations.ZeroMemory(key);
            }
            return 0;
        }, CancellationToken.None).ConfigureAwait(false);
        await file.TruncateLogAsync().ConfigureAwait(false);
    }

    private async Task SaveWaitingAsync()
    {
        while (true)
        {
            List<Waiting> batch;
            lock (_gate)
            {
                if (_waiting.Count == 0)
                {
                    _isSaving = false;
                    return;
                }
                (batch, _waiting) = (_waiting, []);
            }
            try
            {
                var saved = await _file.InTransactionAsync((sql, transaction) => Save(sql, transaction, batch), CancellationToken.None).ConfigureAwait(false);
                for (var i = 0; i < batch.Count; i++) batch[i].Saved.SetResult(saved[i]);
            }
            catch (Exception fault)
            {
                var refusal = new RecordingException($"the data keys `{FileName}` cannot be written: {fault.Message}", fault);
                foreach (var one in batch) one.Saved.TrySetException(refusal);
            }
        }
    }

    private bool[] Save(SqliteConnection sql, SqliteTransaction transaction, List<Waiting> batch)
    {
        var made = _clock.GetUtcNow().UtcTicks;
        var saved = new bool[batch.Count];
        for (var i = 0; i < batch.Count; i++)
        {
            var one = batch[i];
            saved[i] = sql.Execute(
                "insert into keys (id, session, made, master, wrapped) select @Id, @Session, @made, @master, @Wrapped where not exists (select 1 from erasures where session = @Session)",
                new { one.Id, one.Session, made, master = _masters.Current.Id, one.Wrapped }, transaction) > 0;
        }
        return saved;
    }

    private sealed record Waiting(byte[] Id, string Session, byte[] Wrapped, TaskCompletionSource<bool> Saved);
}
