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

    private readonly JournalFollower _follower = new(new FollowerOptions($"export {options.Name}", "export", [new("export", options.Name)], options.MaxLag), file, journal, recorder, clock, log);
    private readonly ExportKinds _wanted = options.Events | (options.HasContent ? ExportKinds.Content : ExportKinds.None);
    private int _mostEvents = MostEvents;
    private long _delivered;
    private long _rejected;

    /// <summary>The sink's name.</summary>
    public string Name => options.Name;

    /// <summary>True when the gateway must not go on without this sink for long.</summary>
    public bool IsRequired => options.IsRequired;

    /// <summary>The last record that needs no more sending.</summary>
    public long Sequence => _follower.Sequence;

    /// <summary>The segment that it reads next.</summary>
    public int Segment => _follower.Position.Segment;

    /// <summary>Records that wait.</summary>
    public long LagRecords => _follower.LagRecords;

    /// <summary>How long the oldest of them has waited since it was written.</summary>
    public TimeSpan Lag => _follower.Lag;

    /// <summary>Events that arrived.</summary>
    public long Delivered => Volatile.Read(ref _delivered);

    /// <summary>Attempts that failed.</summary>
    public long Failures => _follower.Failures;

    /// <summary>Events that arrived and that the receiver says it threw away.</summary>
    public long Rejected => Volatile.Read(ref _rejected);

    /// <summary>Why the last attempt failed, or null.</summary>
    public string? Problem => _follower.Problem;

    /// <summary>Bytes of the journal that wait, as far as its files say.</summary>
    public long LagBytes => _follower.LagBytes;

    /// <summary>Null while all is well; for readiness.</summary>
    public string? Complaint
    {
        get
        {
            if (_follower.IsBeyondCap(out var bytes)) return string.Create(CultureInfo.InvariantCulture, $"`{Name}` is {bytes} bytes of the journal behind, over its cap of {options.MaxLag} ({Problem ?? "it does not keep up"})");
            return Problem is { } problem ? $"`{Name}`: {problem}" : null;
        }
    }

    /// <summary>Why new work must be refused, or null.</summary>
    public string? Refusal => IsRequired && _follower.IsBeyondCap(out _) ? $"the required export `{Name}` is over its cap of {options.MaxLag.ToString(CultureInfo.InvariantCulture)} bytes behind" : null;

    /// <summary>Begins to send.</summary>
    public void Start()
    {
        _follower.TakeCursor();
        _follower.Start(StepAsync);
    }

    /// <summary>Sends what is due, once; says how long to wait before the next try, or null when there is nothing to send.</summary>
    public async ValueTask<TimeSpan?> StepAsync(CancellationToken cancellationToken)
    {
        var cursor = _follower.Cursor;
        var through = recorder.DurableSequence;
        if (cursor.Sequence >= through)
        {
            _follower.WaitingSince = null;
            _follower.Save(always: false);
            return null;
        }
        Batch batch;
        try
        {
            batch = await Task.Run(() => ReadBatch(cursor, through), cancellationToken).ConfigureAwait(false);
        }
        catch (Exception fault) when (JournalFollower.ProblemOf(fault) is not null)
        {
            return await FailedAsync(Delivery.Failed(JournalFollower.ProblemOf(fault)!), cancellationToken).ConfigureAwait(false);
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
        _follower.Advance(batch.Next);
        _follower.WaitingSince = batch.Last;
        _mostEvents = Math.Min(MostEvents, _mostEvents * 2);
        _follower.Save(always: false);
        await _follower.SayAsync(cancellationToken).ConfigureAwait(false);
        return TimeSpan.Zero;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _follower.StopAsync().ConfigureAwait(false);
        _follower.Save(always: true);
        _follower.Dispose();
        sink.Dispose();
    }

    private Batch ReadBatch(ExportCursor cursor, long through)
    {
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
        if (first is { } waiting) _follower.WaitingSince = waiting;
        return new Batch(events, next, last);
    }

    private async ValueTask<TimeSpan?> FailedAsync(Delivery delivery, CancellationToken cancellationToken)
    {
        // Whether it is back, a few events tell as well as many.
        _mostEvents = Math.Min(_mostEvents, EventsOfProbe);
        return await _follower.FailedAsync(delivery.Problem!, delivery.RetryAfter, cancellationToken).ConfigureAwait(false);
    }

    private void Rejects(long count)
    {
        Interlocked.Add(ref _rejected, count);
        ThrewAway(log, Name, count);
    }

    [LoggerMessage(EventId = 183, Level = LogLevel.Error, Message = "export {Export}: the receiver threw away {Count} events that it was sent")]
    private static partial void ThrewAway(ILogger log, string export, long count);

    private sealed record Batch(IReadOnlyList<ExportEvent> Events, ExportCursor? Next, DateTimeOffset Last);
}
