using System.Globalization;

namespace Postern.Core.Recording;

/// <summary>
/// What happens after a write or flush failed (faults F03, U02): everything is refused and counted; every few seconds it is tried to
/// begin anew. The segment that failed is cut to its sound part and never written to again, open intents end as
/// unknown, and the account goes on in a new segment of the same chain, which begins with how long nothing was accepted.
/// </summary>
public sealed partial class Recorder
{
    /// <summary>How long after a failure it is first tried to begin anew.</summary>
    public static readonly TimeSpan FirstProbe = TimeSpan.FromSeconds(1);

    /// <summary>The longest time between two tries; each doubles the one before.</summary>
    public static readonly TimeSpan LongestProbe = TimeSpan.FromSeconds(30);

    /// <summary>Called, on any thread, when a write or flush failed: what is in flight cannot be accounted for any more.</summary>
    public Action? Broken { get; set; }

    /// <summary>Called, on any thread, when the account goes on after such a fault.</summary>
    public Action? Healed { get; set; }

    private Journal Working()
    {
        var journal = _journal;
        if (journal.Fault is not { } fault) return journal;
        Interlocked.Increment(ref _refused);
        throw fault;
    }

    // On the thread that failed, which must not do more.
    private void Heal()
    {
        lock (_healGate)
        {
            if (!_stopping.IsCancellationRequested) _healing = Task.Run(HealAsync);
        }
    }

    private async ValueTask StopHealingAsync()
    {
        Task healing;
        lock (_healGate)
        {
            _stopping.Cancel();
            healing = _healing;
        }
        await healing.ConfigureAwait(false);
    }

    private async Task HealAsync()
    {
        var broken = _journal;
        var since = _clock.GetUtcNow();
        Tell(Broken);
        // Its thread has let go of the file once it is closed.
        await broken.CloseAsync().ConfigureAwait(false);
        broken.Dispose();
        var sound = broken.Sound;
        long cut = 0;
        _stillNot = null;
        using var timer = new PeriodicTimer(FirstProbe, _clock);
        try
        {
            while (await timer.WaitForNextTickAsync(_stopping.Token).ConfigureAwait(false))
            {
                Journal? healed = null;
                JournalSegments? segments = null;
                try
                {
                    cut += JournalRecovery.Cut(_storage, sound);
                    var now = _clock.GetUtcNow();
                    var signers = _signers;
                    segments = new JournalSegments(_storage, signers.Current, _options);
                    using var keys = KeysOf(signers, _options);
                    var recovered = JournalRecovery.Run(_storage, segments, keys, signers, now, _stopping.Token);
                    var passes = !ReferenceEquals(segments.Signer, signers.Current);
                    segments.Rotate(now);
                    var watch = new FaultWatch(Heal);
                    healed = new Journal(segments, _options, _clock, watch.Report, TellSigned);
                    if (passes) await healed.ChangeSignerAsync(signers.Current).ConfigureAwait(false);
                    await TellHealingAsync(healed, recovered, broken.Fault!, since, cut, now).ConfigureAwait(false);
                    _journal = healed;
                    watch.Begin();
                    Tell(Healed);
                    return;
                }
                catch (Exception fault)
                {
                    if (fault is OperationCanceledException)
                    {
                        segments?.Dispose();
                        throw;
                    }
                    _stillNot = fault.Message;
                    // Still not. What this try has written is as doubtful as what went before.
                    if (healed is not null) await healed.CloseAsync().ConfigureAwait(false);
                    healed?.Dispose();
                    segments?.Dispose();
                    // A cut that could not be flushed casts doubt on what was only written before.
                    sound = segments?.Sound ?? sound with { Length = sound.Flushed };
                    timer.Period = timer.Period * 2 < LongestProbe ? timer.Period * 2 : LongestProbe;
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The gateway stops; the next start recovers.
        }
    }

    private static void Tell(Action? somebody)
    {
        try
        {
            somebody?.Invoke();
        }
        catch (Exception)
        {
            // What is in flight cannot write another record either way; beginning anew matters more.
        }
    }

    private async ValueTask TellHealingAsync(Journal healed, RecoveryResult recovered, RecordingException cause, DateTimeOffset since, long cut, DateTimeOffset now)
    {
        var refused = Interlocked.Read(ref _refused);
        await Write(healed, RecordType.Occurrence, new Occurrence(RecoveredKind, now, Facts(
            ("cutBytes", (cut + recovered.CutBytes).ToString(CultureInfo.InvariantCulture)),
            ("problem", cause.InnerException?.Message ?? cause.Message),
            ("openIntents", recovered.OpenIntents.Length.ToString(CultureInfo.InvariantCulture)),
            ("since", since.ToString("O", CultureInfo.InvariantCulture)),
            ("refused", refused.ToString(CultureInfo.InvariantCulture)))), PayloadWriter.Occurrence).ConfigureAwait(false);
        await EndOpenAsync(healed, recovered, "the record could not be written before the operation ended", now).ConfigureAwait(false);
        Interlocked.Add(ref _refused, -refused);
        healed.CheckpointIsDue();
    }

    /// <summary>
    /// A new journal may fail while it is only tried, which is seen where it is tried, or afterwards, which begins the healing anew;
    /// at the border between the two, exactly one of both.
    /// </summary>
    private sealed class FaultWatch(Action heal)
    {
        private const int Trying = 0;
        private const int Watching = 1;
        private const int Failed = 2;

        private int _state = Trying;

        public void Report()
        {
            if (Interlocked.Exchange(ref _state, Failed) == Watching) heal();
        }

        public void Begin()
        {
            if (Interlocked.CompareExchange(ref _state, Watching, Trying) == Failed) heal();
        }
    }
}
