using System.Globalization;
using Microsoft.Extensions.Logging;
using Postern.Core.Recording;
using Postern.Gateway.Configuration;

namespace Postern.Gateway.Exports;

/// <summary>
/// Sends the journal to one sink, from a cursor on, in order, until each event has arrived. The journal is the outbox: nothing is
/// queued beside it, so a sink that is down costs neither memory nor an event, and delays nobody.
/// </summary>
internal sealed partial class JournalExport(ExportOptions options, IExportSink sink, ExportCursorFile file, JournalReader journal, Recorder recorder, TimeProvider clock, ILogger log) : IAsyncDisposable
{
    /// <summary>The most events of one batch.</summary>
    public const int MostEvents = 500;

    /// <summary>Kept content and an estimate of all else, in bytes, after which a batch ends.</summary>
    public const int MostBytes = 1024 * 1024;

    private const int EventsOfProbe = 16;
    private const int BytesBesideContent = 512;
    private const int MostRecords = 10_000;
    private static readonly TimeSpan FirstRetry = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestRetry = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan SaveInterval = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _stopping = new();
    private readonly ExportKinds _wanted = options.Events | (options.HasContent ? ExportKinds.Content : ExportKinds.None);
    private ExportCursor? _cursor;
    private long _savedSequence = -1;
    private DateTimeOffset _savedAt = DateTimeOffset.MinValue;
    private int _mostEvents = MostEvents;
    private int _attempts;
    private DateTimeOffset? _waitingSince;
    private long _delivered;
    private long _failures;
    private long _rejected;
    private volatile string? _problem;
    private bool _saidBehind;
    private Task _running = Task.CompletedTask;

    /// <summary>The sink's name.</summary>
    public string Name => options.Name;

    /// <summary>True when the gateway must not go on without this sink for long.</summary>
    public bool IsRequired => options.IsRequired;

    /// <summary>The last record that needs no more sending.</summary>
    public long Sequence => Volatile.Read(ref _cursor)?.Sequence ?? 0;

    /// <summary>The segment that it reads next.</summary>
    public int Segment => Volatile.Read(ref _cursor)?.Position.Segment ?? 1;

    /// <summary>Records that wait.</summary>
    public long LagRecords => Math.Max(0, recorder.DurableSequence - Sequence);

    /// <summary>How long the oldest of them has waited since it was written.</summary>
    public TimeSpan Lag => LagRecords > 0 && _waitingSince is { } since && clock.GetUtcNow() - since is { Ticks: > 0 } lag ? lag : TimeSpan.Zero;

    /// <summary>Events that arrived.</summary>
    public long Delivered => Volatile.Read(ref _delivered);

    /// <summary>Attempts that failed.</summary>
    public long Failures => Volatile.Read(ref _failures);

    /// <summary>Events that arrived and that the receiver says it threw away.</summary>
    public long Rejected => Volatile.Read(ref _rejected);

    /// <summary>Why the last attempt failed, or null.</summary>
    public string? Problem => _problem;

    /// <summary>Bytes of the journal that wait, as far as its files say.</summary>
    public long LagBytes
    {
        get
        {
            var position = Volatile.Read(ref _cursor)?.Position ?? JournalPosition.Begin;
            return Math.Max(0, journal.BytesFrom(position));
        }
    }

    /// <summary>Null while all is well; for readiness.</summary>
    public string? Complaint
    {
        get
        {
            if (IsBeyondCap(out var bytes)) return string.Create(CultureInfo.InvariantCulture, $"`{Name}` is {bytes} bytes of the journal behind, over its cap of {options.MaxLag} ({_problem ?? "it does not keep up"})");
            return _problem is { } problem ? $"`{Name}`: {problem}" : null;
        }
    }

    /// <summary>Why new work must be refused, or null.</summary>
    public string? Refusal => IsRequired && IsBeyondCap(out _) ? $"the required export `{Name}` is over its cap of {options.MaxLag.ToString(CultureInfo.InvariantCulture)} bytes behind" : null;

    /// <summary>Begins to send.</summary>
    public void Start()
    {
        TakeCursor();
        _running = Task.Run(RunAsync);
    }

    /// <summary>Sends what is due, once; says how long to wait before the next try, or null when there is nothing to send.</summary>
    public async ValueTask<TimeSpan?> StepAsync(CancellationToken cancellationToken)
    {
        if (_cursor is null) TakeCursor();
        var through = recorder.DurableSequence;
        if (Sequence >= through)
        {
            _waitingSince = null;
            Save(always: false);
            return null;
        }
        Batch batch;
        try
        {
            batch = await Task.Run(() => ReadBatch(through), cancellationToken).ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is RecordingException or IOException or UnauthorizedAccessException)
        {
            return await FailedAsync(Delivery.Failed(fault is RecordingException ? fault.Message : $"the journal cannot be read ({fault.GetType().Name})"), cancellationToken).ConfigureAwait(false);
        }
        if (batch.Next is null) return null;
        var (events, isShortened) = (batch.Events, false);
        while (events.Count > 0)
        {
            var delivery = await sink.SendAsync(events, cancellationToken).ConfigureAwait(false);
            if (delivery.Problem is null)
            {
                if (delivery.Rejected > 0) Rejects(delivery.Rejected);
                Interlocked.Add(ref _delivered, events.Count);
                break;
            }
            if (delivery.IsTooLarge && events.Count > 1)
            {
                _mostEvents = Math.Max(1, events.Count / 2);
                return TimeSpan.Zero;
            }
            if (delivery.IsTooLarge && !isShortened)
            {
                // One event that no receiver takes must not keep back all behind it: the journal has it whole, and the event says that it is shortened.
                (events, isShortened) = ([events[0].Shortened(1_024, 32)], true);
                continue;
            }
            return await FailedAsync(delivery, cancellationToken).ConfigureAwait(false);
        }
        Volatile.Write(ref _cursor, batch.Next);
        _mostEvents = Math.Min(MostEvents, _mostEvents * 2);
        _attempts = 0;
        _problem = null;
        _waitingSince = batch.Last;
        Save(always: false);
        await SayAsync(cancellationToken).ConfigureAwait(false);
        return TimeSpan.Zero;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
        Save(always: true);
        sink.Dispose();
        _stopping.Dispose();
    }

    private async Task RunAsync()
    {
        var stopping = _stopping.Token;
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                var pause = await StepAsync(stopping).ConfigureAwait(false);
                // A journal that is broken returns at once, so that nothing is waited for in vain; then it is looked at again in a while.
                if (pause is null && await recorder.WaitPastAsync(Sequence, stopping).ConfigureAwait(false) <= Sequence) pause = FirstRetry;
                if (pause is { Ticks: > 0 } wait) await PauseAsync(wait, stopping).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception fault)
            {
                // The disk of the cursor, say. What arrived is sent again at worst.
                _problem = $"it pauses ({fault.GetType().Name})";
                Paused(log, Name, fault.GetType().Name);
                await PauseAsync(FirstRetry, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private void TakeCursor()
    {
        var id = journal.ReadJournalId() ?? "";
        var known = file.Read();
        // Another journal, or one that was restored from a copy: what was sent is not what is there.
        if (known is not null && (!string.Equals(known.Journal, id, StringComparison.Ordinal) || known.Sequence > recorder.DurableSequence)) known = null;
        if (known is null) BeginsAnew(log, Name);
        _cursor = known ?? new ExportCursor(id, 0, JournalPosition.Begin);
        _savedSequence = known?.Sequence ?? -1;
    }

    private Batch ReadBatch(long through)
    {
        var cursor = _cursor!;
        var events = new List<ExportEvent>();
        var (bytes, records) = (0L, 0);
        ExportCursor? next = null;
        DateTimeOffset? first = null;
        var last = DateTimeOffset.MinValue;
        foreach (var record in journal.Read(cursor.Position, through, withContent: options.HasContent))
        {
            var expected = (next?.Sequence ?? cursor.Sequence) + 1;
            if (record.Sequence != expected) throw new RecordingException($"expected sequence {expected} and found {record.Sequence}; run `postern verify` on the journal");
            last = EventReading.TimeOf(record.Payload);
            first ??= last;
            if (EventReading.Of(cursor.Journal, record, _wanted) is { } told)
            {
                events.Add(told);
                bytes += told.Content.Length + BytesBesideContent;
            }
            next = new ExportCursor(cursor.Journal, record.Sequence, record.Next);
            if (events.Count >= _mostEvents || bytes >= MostBytes || ++records >= MostRecords) break;
        }
        if (first is { } waiting) _waitingSince = waiting;
        return new Batch(events, next, last);
    }

    private async ValueTask<TimeSpan?> FailedAsync(Delivery delivery, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _failures);
        _problem = delivery.Problem;
        var pause = TimeSpan.FromTicks(Math.Min(LongestRetry.Ticks, FirstRetry.Ticks << Math.Min(_attempts, 16)));
        if (delivery.RetryAfter is { } asked && asked > pause) pause = asked < LongestRetry ? asked : LongestRetry;
        _attempts++;
        // Whether it is back, a few events tell as well as many.
        _mostEvents = Math.Min(_mostEvents, EventsOfProbe);
        NotDelivered(log, Name, _attempts, delivery.Problem!);
        await SayAsync(cancellationToken).ConfigureAwait(false);
        return pause;
    }

    private void Rejects(long count)
    {
        Interlocked.Add(ref _rejected, count);
        ThrewAway(log, Name, count);
    }

    /// <summary>Says in the record, once each, that the cap was passed and that it no longer is.</summary>
    private async ValueTask SayAsync(CancellationToken cancellationToken)
    {
        var isBehind = IsBeyondCap(out var bytes);
        if (isBehind == _saidBehind) return;
        _saidBehind = isBehind;
        if (isBehind) Behind(log, Name, bytes);
        try
        {
            await recorder.NoteAsync(new Occurrence(isBehind ? "export.behind" : "export.resumed", clock.GetUtcNow(), [new("export", Name), new("sequence", Sequence.ToString(CultureInfo.InvariantCulture)), new("bytes", bytes.ToString(CultureInfo.InvariantCulture))]), cancellationToken).ConfigureAwait(false);
        }
        catch (RecordingException)
        {
            // The journal is broken: readiness says so already.
            _saidBehind = !isBehind;
        }
    }

    private bool IsBeyondCap(out long bytes)
    {
        bytes = LagBytes;
        return bytes > options.MaxLag;
    }

    /// <summary>At most once a second: after a crash, what arrived since is sent once more.</summary>
    private void Save(bool always)
    {
        if (_cursor is not { } cursor || cursor.Sequence == _savedSequence) return;
        var now = clock.GetUtcNow();
        if (!always && now - _savedAt < SaveInterval && now >= _savedAt && cursor.Sequence < recorder.DurableSequence) return;
        file.Write(cursor);
        _savedSequence = cursor.Sequence;
        _savedAt = now;
    }

    private async Task PauseAsync(TimeSpan pause, CancellationToken stopping)
    {
#pragma warning disable RS0030 // a pause of the export's own loop, by the gateway's clock
        await Task.Delay(pause, clock, stopping).ConfigureAwait(false);
#pragma warning restore RS0030
    }

    [LoggerMessage(EventId = 180, Level = LogLevel.Warning, Message = "export {Export}: not delivered, attempt {Attempt}: {Problem}")]
    private static partial void NotDelivered(ILogger log, string export, int attempt, string problem);

    [LoggerMessage(EventId = 181, Level = LogLevel.Error, Message = "export {Export}: {Bytes} bytes of the journal behind, over its cap")]
    private static partial void Behind(ILogger log, string export, long bytes);

    [LoggerMessage(EventId = 182, Level = LogLevel.Error, Message = "export {Export}: pauses: {Fault}")]
    private static partial void Paused(ILogger log, string export, string fault);

    [LoggerMessage(EventId = 183, Level = LogLevel.Error, Message = "export {Export}: the receiver threw away {Count} events that it was sent")]
    private static partial void ThrewAway(ILogger log, string export, long count);

    [LoggerMessage(EventId = 184, Level = LogLevel.Information, Message = "export {Export}: begins at the journal's first record")]
    private static partial void BeginsAnew(ILogger log, string export);

    private sealed record Batch(IReadOnlyList<ExportEvent> Events, ExportCursor? Next, DateTimeOffset Last);
}
