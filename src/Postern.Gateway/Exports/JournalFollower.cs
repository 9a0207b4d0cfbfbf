using System.Collections.Immutable;
using System.Globalization;
using Microsoft.Extensions.Logging;
using Postern.Core.Recording;

namespace Postern.Gateway.Exports;

/// <summary>Who follows the journal, and how far it may fall behind.</summary>
/// <param name="Name">How it is called in the log.</param>
/// <param name="Kind">The begin of the kinds of what the record says of it: <c>export</c> makes <c>export.behind</c> and <c>export.resumed</c>.</param>
/// <param name="Facts">What the record says of it besides.</param>
/// <param name="MaxLag">The cap: so many bytes of the journal may wait.</param>
internal sealed record FollowerOptions(string Name, string Kind, ImmutableArray<KeyValuePair<string, string>> Facts, long MaxLag);

/// <summary>
/// Goes along the journal from a cursor on, for whoever takes it elsewhere: how far that is, how long the next record waits, when a failed
/// attempt is repeated, and what is said when it fell behind its cap. What is taken, and where to, is the taker's.
/// </summary>
internal sealed partial class JournalFollower(FollowerOptions options, ExportCursorFile file, JournalReader journal, Recorder recorder, TimeProvider clock, ILogger log) : IDisposable
{
    /// <summary>After a first failure, and after a fault of the loop itself.</summary>
    public static readonly TimeSpan FirstRetry = TimeSpan.FromSeconds(1);

    /// <summary>No attempt is put off for longer.</summary>
    public static readonly TimeSpan LongestRetry = TimeSpan.FromMinutes(5);

    private static readonly TimeSpan SaveInterval = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _stopping = new();
    private ExportCursor? _cursor;
    private long _savedSequence = -1;
    private DateTimeOffset _savedAt = DateTimeOffset.MinValue;
    private long _failures;
    private volatile string? _problem;
    private volatile bool _saidBehind;
    private int _isSaying;
    private Task _running = Task.CompletedTask;

    /// <summary>How far it is.</summary>
    public ExportCursor Cursor => Volatile.Read(ref _cursor) ?? TakeCursor();

    /// <summary>The last record that was taken.</summary>
    public long Sequence => Volatile.Read(ref _cursor)?.Sequence ?? 0;

    /// <summary>Where the next one stands.</summary>
    public JournalPosition Position => Volatile.Read(ref _cursor)?.Position ?? JournalPosition.Begin;

    /// <summary>Records that wait.</summary>
    public long LagRecords => Math.Max(0, recorder.DurableSequence - Sequence);

    /// <summary>Bytes of the journal that wait, as far as its files say.</summary>
    public long LagBytes => Math.Max(0, journal.BytesFrom(Position));

    /// <summary>How long the oldest record that waits has waited.</summary>
    public TimeSpan Lag => LagRecords > 0 && WaitingSince is { } since && clock.GetUtcNow() - since is { Ticks: > 0 } lag ? lag : TimeSpan.Zero;

    /// <summary>Since when the oldest record waits, as far as it is known.</summary>
    public DateTimeOffset? WaitingSince { get; set; }

    /// <summary>Attempts since the last that arrived.</summary>
    public int Attempts { get; private set; }

    /// <summary>Attempts that failed.</summary>
    public long Failures => Volatile.Read(ref _failures);

    /// <summary>Why the last attempt failed, or null.</summary>
    public string? Problem => _problem;

    /// <summary>True when the journal does not say yet on which side of the cap this is.</summary>
    public bool HasToSay => IsBeyondCap(out _) != _saidBehind;

    /// <summary>True when more waits than may.</summary>
    public bool IsBeyondCap(out long bytes)
    {
        bytes = LagBytes;
        return bytes > options.MaxLag;
    }

    /// <summary>Reads how far it was, and begins at the first record where that cannot be said.</summary>
    public ExportCursor TakeCursor()
    {
        var id = journal.ReadJournalId() ?? "";
        var known = file.Read();
        // Another journal, or one that was restored from a copy: what was taken is not what is there.
        if (known is not null && (!string.Equals(known.Journal, id, StringComparison.Ordinal) || known.Sequence > recorder.DurableSequence)) known = null;
        if (known is null) BeginsAnew(log, options.Name);
        _savedSequence = known?.Sequence ?? -1;
        var cursor = known ?? new ExportCursor(id, 0, JournalPosition.Begin);
        Volatile.Write(ref _cursor, cursor);
        return cursor;
    }

    /// <summary>Takes the cursor, and one step after the other until <see cref="StopAsync"/>.</summary>
    /// <param name="step">Takes what is due; says how long to wait before the next step, or null when there is nothing.</param>
    public void Start(Func<CancellationToken, ValueTask<TimeSpan?>> step) => _running = Task.Run(() => RunAsync(step));

    /// <summary>Ends the steps; returns when the last is over.</summary>
    public async ValueTask StopAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public void Dispose() => _stopping.Dispose();

    /// <summary>What was taken arrived.</summary>
    public void Advance(ExportCursor next)
    {
        Volatile.Write(ref _cursor, next);
        Attempts = 0;
        _problem = null;
    }

    /// <summary>Writes how far it is; unless always, at most once a second: after a crash, what arrived since is taken once more.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public void Save(bool always)
    {
        if (_cursor is not { } cursor || cursor.Sequence == _savedSequence) return;
        var now = clock.GetUtcNow();
        if (!always && now - _savedAt < SaveInterval && now >= _savedAt && cursor.Sequence < recorder.DurableSequence) return;
        file.Write(cursor);
        _savedSequence = cursor.Sequence;
        _savedAt = now;
    }

    /// <summary>Counts an attempt that failed.</summary>
    public void Failed()
    {
        Interlocked.Increment(ref _failures);
        Attempts++;
    }

    /// <summary>An attempt failed; says when to try again: later each time.</summary>
    /// <param name="problem">What happened, without any value.</param>
    /// <param name="asked">How long the other side asks to be left alone.</param>
    /// <param name="cancellationToken">Gives up saying so.</param>
    public async ValueTask<TimeSpan> FailedAsync(string problem, TimeSpan? asked, CancellationToken cancellationToken)
    {
        var pause = TimeSpan.FromTicks(Math.Min(LongestRetry.Ticks, FirstRetry.Ticks << Math.Min(Attempts, 16)));
        if (asked > pause) pause = asked.Value < LongestRetry ? asked.Value : LongestRetry;
        Failed();
        _problem = problem;
        NotTaken(log, options.Name, Attempts, problem);
        await SayAsync(cancellationToken).ConfigureAwait(false);
        return pause;
    }

    /// <summary>What to say of a journal, or a cursor, that cannot be used; null when it is another fault.</summary>
    public static string? ProblemOf(Exception fault) => fault switch
    {
        RecordingException => fault.Message,
        IOException or UnauthorizedAccessException => $"the journal, or the file that says how far it was taken, cannot be used ({fault.GetType().Name})",
        _ => null,
    };

    /// <summary>Says in the record, once each, that the cap was passed and that it no longer is.</summary>
    public async ValueTask SayAsync(CancellationToken cancellationToken)
    {
        // The steps and whoever watches the cap both come here; one of them is enough.
        if (Interlocked.Exchange(ref _isSaying, 1) != 0) return;
        try
        {
            var isBehind = IsBeyondCap(out var bytes);
            if (isBehind == _saidBehind) return;
            _saidBehind = isBehind;
            if (isBehind) Behind(log, options.Name, bytes);
            ImmutableArray<KeyValuePair<string, string>> facts = [.. options.Facts, new("sequence", Sequence.ToString(CultureInfo.InvariantCulture)), new("bytes", bytes.ToString(CultureInfo.InvariantCulture))];
            if (!await NoteAsync(isBehind ? "behind" : "resumed", facts, cancellationToken).ConfigureAwait(false)) _saidBehind = !isBehind;
        }
        finally
        {
            Volatile.Write(ref _isSaying, 0);
        }
    }

    /// <summary>Says something in the record; false while the journal is broken, which readiness says already.</summary>
    /// <param name="what">The end of the occurrence's kind.</param>
    /// <param name="facts">What is said.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async ValueTask<bool> NoteAsync(string what, ImmutableArray<KeyValuePair<string, string>> facts, CancellationToken cancellationToken)
    {
        try
        {
            await recorder.NoteAsync(new Occurrence($"{options.Kind}.{what}", clock.GetUtcNow(), facts), cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (RecordingException)
        {
            return false;
        }
    }

    private async Task RunAsync(Func<CancellationToken, ValueTask<TimeSpan?>> step)
    {
        var stopping = _stopping.Token;
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                var pause = await step(stopping).ConfigureAwait(false);
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
                // The disk of the cursor, say. What arrived is taken again at worst.
                _problem = $"it pauses ({fault.GetType().Name})";
                Paused(log, options.Name, fault.GetType().Name);
                await PauseAsync(FirstRetry, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task PauseAsync(TimeSpan pause, CancellationToken stopping)
    {
#pragma warning disable RS0030 // a pause of the follower's own loop, by the gateway's clock
        await Task.Delay(pause, clock, stopping).ConfigureAwait(false);
#pragma warning restore RS0030
    }

    [LoggerMessage(EventId = 180, Level = LogLevel.Warning, Message = "{Follower}: not delivered, attempt {Attempt}: {Problem}")]
    private static partial void NotTaken(ILogger log, string follower, int attempt, string problem);

    [LoggerMessage(EventId = 181, Level = LogLevel.Error, Message = "{Follower}: {Bytes} bytes of the journal behind, over its cap")]
    private static partial void Behind(ILogger log, string follower, long bytes);

    [LoggerMessage(EventId = 182, Level = LogLevel.Error, Message = "{Follower}: pauses: {Fault}")]
    private static partial void Paused(ILogger log, string follower, string fault);

    [LoggerMessage(EventId = 184, Level = LogLevel.Information, Message = "{Follower}: begins at the journal's first record")]
    private static partial void BeginsAnew(ILogger log, string follower);
}
