using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Postern.Core.Approvals;
using Postern.Core.Grants;
using Postern.Core.Policy;
using Postern.Core.Recording;

namespace Postern.Gateway.Notices;

/// <summary>
/// Works off the outbox of one channel. A channel that is down delays its notices and approves nothing. The hold store is what counts: a
/// notice that a crash, a full queue or a fault kept from the outbox is made again from the hold.
/// </summary>
internal sealed partial class NoticeChannel : IHoldChannel, IAsyncDisposable
{
    private const int MaxWaiting = 10_000;
    private const string ReminderSuffix = ".reminder";
    private const string SettledSuffix = ".settled";
    private static readonly TimeSpan FirstRetry = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestRetry = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan LookAgain = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan KeepTrying = TimeSpan.FromDays(1);

    private readonly INotifier _notifier;
    private readonly IHoldStore _holds;
    private readonly NoticeOutbox _outbox;
    private readonly IRecorder _recorder;
    private readonly TimeProvider _clock;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Channel<Notice> _new;
    private readonly Task _sending;
    private volatile bool _mayLack = true;

    public NoticeChannel(INotifier notifier, IHoldStore holds, NoticeOutbox outbox, IRecorder recorder, TimeProvider clock, ILogger log)
    {
        _notifier = notifier;
        _holds = holds;
        _outbox = outbox;
        _new = Channel.CreateBounded<Notice>(new BoundedChannelOptions(MaxWaiting) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true }, _ => _mayLack = true);
        _recorder = recorder;
        _clock = clock;
        _log = log;
        _sending = Task.Run(SendAsync);
    }

    public void Notify(Hold hold) => _new.Writer.TryWrite(NoticeOf(NoticeKind.Opened, hold));

    public void Settled(Hold hold) => _new.Writer.TryWrite(NoticeOf(NoticeKind.Settled, hold));

    public void Alarm(Grant grant, RequestEntry entry)
    {
        var now = _clock.GetUtcNow();
        _new.Writer.TryWrite(new Notice(grant.Id, _notifier.BodyOf(grant, entry), 0, now, now + KeepTrying));
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _sending.ConfigureAwait(false);
        _notifier.Dispose();
        _stopping.Dispose();
    }

    private Notice NoticeOf(NoticeKind kind, Hold hold)
    {
        var now = _clock.GetUtcNow();
        return kind switch
        {
            NoticeKind.Reminder => new Notice(hold.Id + ReminderSuffix, _notifier.BodyOf(kind, hold), 0, now, hold.ExpiresAt),
            NoticeKind.Settled => new Notice(hold.Id + SettledSuffix, _notifier.BodyOf(kind, hold), 0, now, now + KeepTrying),
            _ => new Notice(hold.Id, _notifier.BodyOf(kind, hold), 0, now, hold.ExpiresAt),
        };
    }

    private async Task SendAsync()
    {
        var stopping = _stopping.Token;
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                if (_mayLack) await MakeMissingAsync(stopping).ConfigureAwait(false);
                while (_new.Reader.TryRead(out var notice)) await _outbox.AddAsync(notice, stopping).ConfigureAwait(false);
                var first = await _outbox.FirstAsync(stopping).ConfigureAwait(false);
                var now = _clock.GetUtcNow();
                if (first is not null && first.NextAt <= now) await DeliverAsync(first, now, stopping).ConfigureAwait(false);
                else await WaitAsync(first is null || first.NextAt - now > LookAgain ? LookAgain : first.NextAt - now, stopping).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception fault)
            {
                // Database trouble: holds themselves are refused by then; notices go on when it is well again.
                _mayLack = true;
                Faulted(_log, _notifier.Name, fault.GetType().Name);
                await PauseAsync(stopping).ConfigureAwait(false);
            }
        }
    }

    /// <summary>A hold is opened in its own database; between that and the outbox the gateway may have died. And what waits too long is said again.</summary>
    private async Task MakeMissingAsync(CancellationToken stopping)
    {
        _mayLack = false;
        var now = _clock.GetUtcNow();
        foreach (var hold in await _holds.OpenAsync(now, stopping).ConfigureAwait(false))
        {
            await _outbox.AddAsync(NoticeOf(NoticeKind.Opened, hold), stopping).ConfigureAwait(false);
            if (now - hold.OpenedAt >= (hold.ExpiresAt - hold.OpenedAt) / 2) await _outbox.AddAsync(NoticeOf(NoticeKind.Reminder, hold), stopping).ConfigureAwait(false);
        }
        await _outbox.ForgetAsync(now, stopping).ConfigureAwait(false);
    }

    private async Task DeliverAsync(Notice notice, DateTimeOffset now, CancellationToken stopping)
    {
        if (await IsStaleAsync(notice, stopping).ConfigureAwait(false))
        {
            await _outbox.FinishAsync(notice.Id, stopping).ConfigureAwait(false);
            return;
        }
        var outcome = await _notifier.SendAsync(notice, now, stopping).ConfigureAwait(false);
        if (outcome is null)
        {
            await _outbox.FinishAsync(notice.Id, stopping).ConfigureAwait(false);
            return;
        }
        var pause = TimeSpan.FromTicks(Math.Min(LongestRetry.Ticks, FirstRetry.Ticks << Math.Min(notice.Attempts, 16)));
        if (now + pause < notice.GiveUpAt)
        {
            await _outbox.RetryAsync(notice.Id, now + pause, stopping).ConfigureAwait(false);
            NotDelivered(_log, _notifier.Name, notice.Id, outcome, notice.Attempts + 1);
            return;
        }
        await _outbox.FinishAsync(notice.Id, stopping).ConfigureAwait(false);
        GaveUp(_log, _notifier.Name, notice.Id, outcome);
        await _recorder.NoteAsync(new Occurrence($"{_notifier.Name}.gave_up", now, [new("hold", notice.Id), new("outcome", outcome)]), stopping).ConfigureAwait(false);
    }

    // People are not called to what was answered while the channel was down.
    private async ValueTask<bool> IsStaleAsync(Notice notice, CancellationToken stopping)
    {
        if (notice.Id.EndsWith(SettledSuffix, StringComparison.Ordinal)) return false;
        var hold = notice.Id.EndsWith(ReminderSuffix, StringComparison.Ordinal) ? notice.Id[..^ReminderSuffix.Length] : notice.Id;
        return await _holds.FindAsync(hold, stopping).ConfigureAwait(false) is { State: not HoldState.Open };
    }

    private async Task WaitAsync(TimeSpan pause, CancellationToken stopping)
    {
        try
        {
            await _new.Reader.WaitToReadAsync(stopping).AsTask().WaitAsync(pause, _clock, stopping).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // The next notice is due; and now and then it is worth looking whether one was never made.
            _mayLack = true;
        }
    }

    private async Task PauseAsync(CancellationToken stopping)
    {
        try
        {
#pragma warning disable RS0030 // a pause of the channel's own loop, by the gateway's clock
            await Task.Delay(FirstRetry, _clock, stopping).ConfigureAwait(false);
#pragma warning restore RS0030
        }
        catch (OperationCanceledException)
        {
            // Stopping; the loop's own condition ends it.
        }
    }

    [LoggerMessage(EventId = 130, Level = LogLevel.Warning, Message = "{Channel}: notice {Notice} not delivered, attempt {Attempt}: {Outcome}")]
    private static partial void NotDelivered(ILogger log, string channel, string notice, string outcome, int attempt);

    [LoggerMessage(EventId = 131, Level = LogLevel.Error, Message = "{Channel}: notice {Notice} given up: {Outcome}")]
    private static partial void GaveUp(ILogger log, string channel, string notice, string outcome);

    [LoggerMessage(EventId = 132, Level = LogLevel.Error, Message = "{Channel}: notices pause: {Fault}")]
    private static partial void Faulted(ILogger log, string channel, string fault);
}
