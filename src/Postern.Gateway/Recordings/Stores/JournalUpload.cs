using System.Globalization;
using Microsoft.Extensions.Logging;
using Postern.Core.Recording;
using Postern.Gateway.Configuration;
using Postern.Gateway.Exports;
using Postern.Gateway.Health;

namespace Postern.Gateway.Recordings.Stores;

/// <summary>
/// Takes the journal to its store, piece by piece, in order. The journal is the outbox and a cursor says how far it is. A piece that is
/// there already is read and compared: the same bytes are an upload whose end was not seen, others are an alarm, and are left as they are.
/// Too far behind, new work is refused until it has caught up.
/// </summary>
internal sealed partial class JournalUpload : IAsyncDisposable
{
    /// <summary>Whose reason it is when work is refused.</summary>
    public const string HoldBackName = "store";

    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LastPatience = TimeSpan.FromSeconds(5);

    private readonly StoreOptions _options;
    private readonly IRecordingStore _store;
    private readonly JournalFollower _follower;
    private readonly JournalPieces _journal;
    private readonly string _folder;
    private readonly Recorder _recorder;
    private readonly TimeProvider _clock;
    private readonly ILogger _log;
    private long _uploaded;
    private volatile string? _conflict;
    private ITimer? _watch;

    public JournalUpload(StoreOptions options, IRecordingStore store, RecorderOptions recording, Recorder recorder, TimeProvider clock, ILogger log)
    {
        (_options, _store, _recorder, _clock, _log) = (options, store, recorder, clock, log);
        _folder = recording.JournalFolder;
        _journal = new JournalPieces(_folder);
        var file = new ExportCursorFile(Path.Combine(recording.DataFolder, "store"), "upload");
        _follower = new JournalFollower(new FollowerOptions("the recording store", "store", [], options.MaxLag), file, new JournalReader(_folder), recorder, clock, log);
    }

    /// <summary>The last record that the store has.</summary>
    public long Sequence => _follower.Sequence;

    /// <summary>Where the next one stands.</summary>
    public JournalPosition Position => _follower.Position;

    /// <summary>Bytes of the journal that wait.</summary>
    public long LagBytes => _follower.LagBytes;

    /// <summary>How long the oldest record has waited.</summary>
    public TimeSpan Lag => _follower.Lag;

    /// <summary>Pieces that the store took.</summary>
    public long Uploaded => Volatile.Read(ref _uploaded);

    /// <summary>Null while all is well; for readiness.</summary>
    public string? Complaint => _conflict ?? Refusal ?? _follower.Problem;

    /// <summary>Why new work must be refused, or null.</summary>
    public string? Refusal => _follower.IsBeyondCap(out var bytes)
        ? string.Create(CultureInfo.InvariantCulture, $"the recording store is {bytes} bytes of the journal behind, over its cap of {_options.MaxLag} (`record.store.maxLag`): {_conflict ?? _follower.Problem ?? "it does not keep up"}")
        : null;

    /// <summary>What lets segments go that the store has, and brings them back. Without `record.store.local` nothing goes; what went earlier still comes back.</summary>
    /// <param name="firstNeeded">The first segment that others still read.</param>
    public LocalCopies KeepLocal(Func<int> firstNeeded) =>
        new(_options.Local ?? new LocalCopyOptions(Age: null, Bytes: null), _store, _folder, () => Math.Min(Position.Segment, firstNeeded()), _recorder, _clock, _log);

    /// <summary>Begins to upload.</summary>
    public void Start()
    {
        _follower.TakeCursor();
        // Before the first request, and then every second: so much more than the cap can be taken, and no more.
        Watch();
        _watch = _clock.CreateTimer(static state => ((JournalUpload)state!).Watch(), this, LookInterval, LookInterval);
        _follower.Start(stopping => StepAsync(isLast: false, stopping));
    }

    /// <summary>Uploads what is due, one piece; says how long to wait before the next look, or null when the store has everything.</summary>
    /// <param name="isLast">What is there goes up now, however little it is.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async ValueTask<TimeSpan?> StepAsync(bool isLast, CancellationToken cancellationToken)
    {
        var cursor = _follower.Cursor;
        var through = _recorder.DurableSequence;
        if (cursor.Sequence >= through)
        {
            _follower.WaitingSince = null;
            return null;
        }
        var now = _clock.GetUtcNow();
        var since = _follower.WaitingSince ??= now;
        if (!isLast && _follower.Attempts == 0 && !_journal.IsRestOfClosed(cursor.Position) && LagBytes < _options.PieceBytes && since + _options.Every - now is { Ticks: > 0 } rest)
        {
            return rest < LookInterval ? rest : LookInterval;
        }
        try
        {
            var piece = await Task.Run(() => _journal.Next(cursor, through, _options.PieceBytes), cancellationToken).ConfigureAwait(false);
            if (piece is null) return LookInterval;
            if (piece.Since < since) _follower.WaitingSince = piece.Since;
            var (next, stored) = await KeepAsync(piece, cursor, through, cancellationToken).ConfigureAwait(false);
            if (next is null) return await ConflictAsync(piece, stored, cancellationToken).ConfigureAwait(false);
            Advance(next);
        }
        catch (Exception fault) when (ProblemOf(fault) is not null)
        {
            return await _follower.FailedAsync(ProblemOf(fault)!, asked: null, cancellationToken).ConfigureAwait(false);
        }
        await _follower.SayAsync(cancellationToken).ConfigureAwait(false);
        return TimeSpan.Zero;
    }

    /// <summary>Writes how far it is.</summary>
    public void Write(MetricsText text)
    {
        text.Single("postern_store_lag_bytes", "gauge", "Bytes of the journal that the recording store does not have yet.", LagBytes);
        text.Single("postern_store_lag_seconds", "gauge", "How long the oldest record among them waits.", Lag.TotalSeconds);
        text.Single("postern_store_pieces_total", "counter", "Pieces of the journal that the store took.", Uploaded);
        text.Single("postern_store_failures_total", "counter", "Attempts to upload that failed.", _follower.Failures);
        text.Single("postern_store_well", "gauge", "1 while the last attempt arrived; 0 while it failed, or the store holds other bytes than the journal.", _follower.Problem is null && _conflict is null ? 1 : 0);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_watch is not null) await _watch.DisposeAsync().ConfigureAwait(false);
        await _follower.StopAsync().ConfigureAwait(false);
        // What is there at a stop may be all that there will ever be. What is written later goes up at the next start.
        using var patience = new CancellationTokenSource(LastPatience, _clock);
        try
        {
            while (await StepAsync(isLast: true, patience.Token).ConfigureAwait(false) is { Ticks: 0 })
            {
            }
        }
        catch (OperationCanceledException)
        {
            // The next start goes on here.
        }
        _recorder.HoldBack(HoldBackName, null);
        await _store.DisposeAsync().ConfigureAwait(false);
        _follower.Dispose();
    }

    /// <summary>Where the upload stands once the store has the piece; null when it has another in its place, and then which.</summary>
    private async ValueTask<(ExportCursor? Next, byte[] Stored)> KeepAsync(JournalPiece piece, ExportCursor cursor, long through, CancellationToken cancellationToken)
    {
        var name = piece.Name.ToString();
        if (await _store.PutAsync(name, piece.Bytes, cancellationToken).ConfigureAwait(false)) return (piece.Next, piece.Bytes);
        // An upload that was cut off, by a crash or a broken connection, may have arrived; it may have been cut elsewhere.
        var stored = await _store.ReadAsync(name, cancellationToken).ConfigureAwait(false) ?? throw new StoreException($"the {_store.Place} says that it has `{name}`, and does not show it");
        return (await Task.Run(() => _journal.Recognise(piece, cursor, stored, through), cancellationToken).ConfigureAwait(false), stored);
    }

    private void Advance(ExportCursor next)
    {
        _follower.Advance(next);
        Interlocked.Increment(ref _uploaded);
        _conflict = null;
        _follower.WaitingSince = null;
        // A piece is worth a write. Were this one lost, the piece would be found and recognised.
        _follower.Save(always: true);
    }

    private static string? ProblemOf(Exception fault) => fault is StoreException ? fault.Message : JournalFollower.ProblemOf(fault);

    private async ValueTask<TimeSpan?> ConflictAsync(JournalPiece piece, byte[] stored, CancellationToken cancellationToken)
    {
        _follower.Failed();
        if (_conflict is null)
        {
            _conflict = ConflictOf(piece, stored);
            Conflicts(_log, _conflict);
            await _follower.NoteAsync("conflict", [new("piece", piece.Name.ToString())], cancellationToken).ConfigureAwait(false);
        }
        await _follower.SayAsync(cancellationToken).ConfigureAwait(false);
        return JournalFollower.LongestRetry;
    }

    private string ConflictOf(JournalPiece piece, byte[] stored) => stored.Length < piece.Bytes.Length && piece.Bytes.AsSpan().StartsWith(stored)
        ? string.Create(CultureInfo.InvariantCulture, $"the {_store.Place} holds only the first {stored.Length} of {piece.Bytes.Length} bytes as `{piece.Name}`, which a store leaves that keeps part of an upload that was cut off; nothing is put over them: remove it there, and it is put anew within {JournalFollower.LongestRetry.TotalMinutes:0} minutes")
        : $"the {_store.Place} holds other bytes as `{piece.Name}` than the journal; nothing is put over them: fetch what it holds and verify both, one of the two was changed or is an old copy";

    private void Watch()
    {
        var refusal = Refusal;
        _recorder.HoldBack(HoldBackName, refusal);
        // With the first refusal, and not at the next try, which may be minutes away.
        if (_follower.HasToSay) _ = Task.Run(() => _follower.SayAsync(CancellationToken.None).AsTask());
    }

    [LoggerMessage(EventId = 193, Level = LogLevel.Critical, Message = "{Problem}")]
    private static partial void Conflicts(ILogger log, string problem);
}
