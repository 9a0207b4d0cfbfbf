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

    private static readonly TimeSpan FirstRetry = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestRetry = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LastPatience = TimeSpan.FromSeconds(5);

    private readonly StoreOptions _options;
    private readonly IRecordingStore _store;
    private readonly ExportCursorFile _file;
    private readonly JournalPieces _journal;
    private readonly string _folder;
    private readonly Recorder _recorder;
    private readonly TimeProvider _clock;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _stopping = new();
    private ExportCursor? _cursor;
    private DateTimeOffset? _waitingSince;
    private int _attempts;
    private long _uploaded;
    private long _failures;
    private volatile string? _problem;
    private volatile string? _conflict;
    private volatile bool _saidBehind;
    private int _isSaying;
    private Task _running = Task.CompletedTask;
    private ITimer? _watch;

    public JournalUpload(StoreOptions options, IRecordingStore store, RecorderOptions recording, Recorder recorder, TimeProvider clock, ILogger log)
    {
        (_options, _store, _recorder, _clock, _log) = (options, store, recorder, clock, log);
        _file = new ExportCursorFile(Path.Combine(recording.DataFolder, "store"), "upload");
        _folder = recording.JournalFolder;
        _journal = new JournalPieces(_folder);
    }

    /// <summary>The last record that the store has.</summary>
    public long Sequence => Volatile.Read(ref _cursor)?.Sequence ?? 0;

    /// <summary>Where the next one stands.</summary>
    public JournalPosition Position => Volatile.Read(ref _cursor)?.Position ?? JournalPosition.Begin;

    /// <summary>Bytes of the journal that wait.</summary>
    public long LagBytes => Math.Max(0, _journal.BytesFrom(Position));

    /// <summary>How long the oldest record has waited.</summary>
    public TimeSpan Lag => _recorder.DurableSequence > Sequence && _waitingSince is { } since && _clock.GetUtcNow() - since is { Ticks: > 0 } lag ? lag : TimeSpan.Zero;

    /// <summary>Pieces that the store took.</summary>
    public long Uploaded => Volatile.Read(ref _uploaded);

    /// <summary>Null while all is well; for readiness.</summary>
    public string? Complaint => _conflict ?? Refusal ?? _problem;

    /// <summary>Why new work must be refused, or null.</summary>
    public string? Refusal => IsBeyondCap(out var bytes)
        ? string.Create(CultureInfo.InvariantCulture, $"the recording store is {bytes} bytes of the journal behind, over its cap of {_options.MaxLag} (`record.store.maxLag`): {_conflict ?? _problem ?? "it does not keep up"}")
        : null;

    /// <summary>What lets segments go that the store has, and brings them back. Without `record.store.local` nothing goes; what went earlier still comes back.</summary>
    /// <param name="firstNeeded">The first segment that others still read.</param>
    public LocalCopies KeepLocal(Func<int> firstNeeded) =>
        new(_options.Local ?? new LocalCopyOptions(Age: null, Bytes: null), _store, _folder, () => Math.Min(Position.Segment, firstNeeded()), _recorder, _clock, _log);

    /// <summary>Begins to upload.</summary>
    public void Start()
    {
        TakeCursor();
        // Before the first request, and then every second: so much more than the cap can be taken, and no more.
        Watch();
        _watch = _clock.CreateTimer(static state => ((JournalUpload)state!).Watch(), this, LookInterval, LookInterval);
        _running = Task.Run(RunAsync);
    }

    /// <summary>Uploads what is due, one piece; says how long to wait before the next look, or null when the store has everything.</summary>
    /// <param name="isLast">What is there goes up now, however little it is.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async ValueTask<TimeSpan?> StepAsync(bool isLast, CancellationToken cancellationToken)
    {
        if (_cursor is null) TakeCursor();
        var cursor = _cursor!;
        var through = _recorder.DurableSequence;
        if (cursor.Sequence >= through)
        {
            _waitingSince = null;
            return null;
        }
        var now = _clock.GetUtcNow();
        _waitingSince ??= now;
        if (!isLast && _attempts == 0 && !_journal.IsRestOfClosed(cursor.Position) && LagBytes < _options.PieceBytes && _waitingSince + _options.Every - now is { Ticks: > 0 } rest)
        {
            return rest < LookInterval ? rest : LookInterval;
        }
        try
        {
            var piece = await Task.Run(() => _journal.Next(cursor, through, _options.PieceBytes), cancellationToken).ConfigureAwait(false);
            if (piece is null) return LookInterval;
            if (piece.Since < _waitingSince) _waitingSince = piece.Since;
            if (await KeepAsync(piece, cursor, through, cancellationToken).ConfigureAwait(false) is not { } next) return await ConflictAsync(piece.Name, cancellationToken).ConfigureAwait(false);
            Advance(next);
        }
        catch (StoreException fault)
        {
            return await FailedAsync(fault.Message, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is RecordingException or IOException or UnauthorizedAccessException)
        {
            return await FailedAsync(fault is RecordingException ? fault.Message : $"the journal or the upload's cursor cannot be used ({fault.GetType().Name})", cancellationToken).ConfigureAwait(false);
        }
        await SayAsync(cancellationToken).ConfigureAwait(false);
        return TimeSpan.Zero;
    }

    /// <summary>Writes how far it is.</summary>
    public void Write(MetricsText text)
    {
        text.Single("postern_store_lag_bytes", "gauge", "Bytes of the journal that the recording store does not have yet.", LagBytes);
        text.Single("postern_store_lag_seconds", "gauge", "How long the oldest record among them waits.", Lag.TotalSeconds);
        text.Single("postern_store_pieces_total", "counter", "Pieces of the journal that the store took.", Uploaded);
        text.Single("postern_store_failures_total", "counter", "Attempts to upload that failed.", Volatile.Read(ref _failures));
        text.Single("postern_store_well", "gauge", "1 while the last attempt arrived; 0 while it failed, or the store holds other bytes than the journal.", _problem is null && _conflict is null ? 1 : 0);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_watch is not null) await _watch.DisposeAsync().ConfigureAwait(false);
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
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
        _stopping.Dispose();
    }

    private async Task RunAsync()
    {
        var stopping = _stopping.Token;
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                var pause = await StepAsync(isLast: false, stopping).ConfigureAwait(false);
                // A journal that is broken returns at once, so that nothing is waited for in vain; then it is looked at again in a while.
                if (pause is null && await _recorder.WaitPastAsync(Sequence, stopping).ConfigureAwait(false) <= Sequence) pause = FirstRetry;
                if (pause is { Ticks: > 0 } wait) await PauseAsync(wait, stopping).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception fault)
            {
                _problem = $"the upload pauses ({fault.GetType().Name})";
                Paused(_log, fault.GetType().Name);
                await PauseAsync(FirstRetry, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private void TakeCursor()
    {
        var id = _journal.ReadJournalId() ?? "";
        var known = _file.Read();
        // Another journal, or one that was restored from a copy: what the store has is compared, from the first piece on.
        if (known is not null && (!string.Equals(known.Journal, id, StringComparison.Ordinal) || known.Sequence > _recorder.DurableSequence)) known = null;
        if (known is null) BeginsAnew(_log, _store.Place);
        _cursor = known ?? new ExportCursor(id, 0, JournalPosition.Begin);
    }

    /// <summary>Where the upload stands once the store has the piece; null when it has another in its place.</summary>
    private async ValueTask<ExportCursor?> KeepAsync(JournalPiece piece, ExportCursor cursor, long through, CancellationToken cancellationToken)
    {
        var name = piece.Name.ToString();
        if (await _store.PutAsync(name, piece.Bytes, cancellationToken).ConfigureAwait(false)) return piece.Next;
        // An upload that was cut off, by a crash or a broken connection, may have arrived; it may have been cut elsewhere.
        var stored = await _store.ReadAsync(name, cancellationToken).ConfigureAwait(false) ?? throw new StoreException($"the {_store.Place} says that it has `{name}`, and does not show it");
        return await Task.Run(() => _journal.Recognise(piece, cursor, stored, through), cancellationToken).ConfigureAwait(false);
    }

    private void Advance(ExportCursor next)
    {
        Volatile.Write(ref _cursor, next);
        Interlocked.Increment(ref _uploaded);
        _attempts = 0;
        _problem = _conflict = null;
        _waitingSince = null;
        // A piece is worth a write. Were this one lost, the piece would be found and recognised.
        _file.Write(next);
    }

    private async ValueTask<TimeSpan?> FailedAsync(string problem, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _failures);
        _problem = problem;
        var pause = TimeSpan.FromTicks(Math.Min(LongestRetry.Ticks, FirstRetry.Ticks << Math.Min(_attempts, 16)));
        _attempts++;
        NotUploaded(_log, _attempts, problem);
        await SayAsync(cancellationToken).ConfigureAwait(false);
        return pause;
    }

    private async ValueTask<TimeSpan?> ConflictAsync(PieceName name, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _failures);
        _attempts++;
        if (_conflict is null)
        {
            _conflict = $"the {_store.Place} holds other bytes as `{name}` than the journal; nothing is put over them: fetch what it holds and verify both, one of the two was changed or is an old copy";
            OtherBytes(_log, _store.Place, name.ToString());
            await NoteAsync("store.conflict", [new("piece", name.ToString())], cancellationToken).ConfigureAwait(false);
        }
        await SayAsync(cancellationToken).ConfigureAwait(false);
        return LongestRetry;
    }

    /// <summary>Says in the record, once each, that the cap was passed and that it no longer is.</summary>
    private async ValueTask SayAsync(CancellationToken cancellationToken)
    {
        // The loop and the watch both come here; one of them is enough.
        if (Interlocked.Exchange(ref _isSaying, 1) != 0) return;
        try
        {
            var isBehind = IsBeyondCap(out var bytes);
            if (isBehind == _saidBehind) return;
            _saidBehind = isBehind;
            if (isBehind) Behind(_log, bytes);
            if (!await NoteAsync(isBehind ? "store.behind" : "store.resumed", [new("sequence", Sequence.ToString(CultureInfo.InvariantCulture)), new("bytes", bytes.ToString(CultureInfo.InvariantCulture))], cancellationToken).ConfigureAwait(false)) _saidBehind = !isBehind;
        }
        finally
        {
            Volatile.Write(ref _isSaying, 0);
        }
    }

    private async ValueTask<bool> NoteAsync(string kind, System.Collections.Immutable.ImmutableArray<KeyValuePair<string, string>> facts, CancellationToken cancellationToken)
    {
        try
        {
            await _recorder.NoteAsync(new Occurrence(kind, _clock.GetUtcNow(), facts), cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (RecordingException)
        {
            // The journal is broken: readiness says so already.
            return false;
        }
    }

    private bool IsBeyondCap(out long bytes)
    {
        bytes = LagBytes;
        return bytes > _options.MaxLag;
    }

    private void Watch()
    {
        var refusal = Refusal;
        _recorder.HoldBack(HoldBackName, refusal);
        // With the first refusal, and not at the next try, which may be minutes away.
        if ((refusal is not null) != _saidBehind) _ = Task.Run(() => SayAsync(CancellationToken.None).AsTask());
    }

    private async Task PauseAsync(TimeSpan pause, CancellationToken stopping)
    {
#pragma warning disable RS0030 // a pause of the upload's own loop, by the gateway's clock
        await Task.Delay(pause, _clock, stopping).ConfigureAwait(false);
#pragma warning restore RS0030
    }

    [LoggerMessage(EventId = 190, Level = LogLevel.Warning, Message = "the recording store: not uploaded, attempt {Attempt}: {Problem}")]
    private static partial void NotUploaded(ILogger log, int attempt, string problem);

    [LoggerMessage(EventId = 191, Level = LogLevel.Error, Message = "the recording store is {Bytes} bytes of the journal behind, over its cap: new work is refused")]
    private static partial void Behind(ILogger log, long bytes);

    [LoggerMessage(EventId = 192, Level = LogLevel.Error, Message = "the upload to the recording store pauses: {Fault}")]
    private static partial void Paused(ILogger log, string fault);

    [LoggerMessage(EventId = 193, Level = LogLevel.Critical, Message = "the {Place} holds other bytes as {Piece} than the journal; nothing is put over them")]
    private static partial void OtherBytes(ILogger log, string place, string piece);

    [LoggerMessage(EventId = 194, Level = LogLevel.Information, Message = "the upload to the {Place} begins at the journal's first record")]
    private static partial void BeginsAnew(ILogger log, string place);
}
