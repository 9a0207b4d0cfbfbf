using System.Collections.Immutable;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Postern.Core.Recording;

namespace Postern.Gateway.Recordings.Witnesses;

/// <summary>
/// Tells every witness of each checkpoint that survives a power loss. A witness that cannot be reached is told the latest when it can, since each
/// stands for all before it; while it is behind that is said aloud, and beyond a limit, where one is set, new work is refused.
/// </summary>
internal sealed partial class CheckpointWitnesses : IAsyncDisposable
{
    private static readonly TimeSpan FirstRetry = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestRetry = TimeSpan.FromSeconds(30);

    private readonly ImmutableArray<Line> _lines;
    private readonly Recorder _recorder;
    private readonly TimeSpan? _refuseAfter;
    private readonly TimeProvider _clock;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _stopping = new();
    private readonly ImmutableArray<Task> _running;
    private readonly ITimer? _watch;

    public CheckpointWitnesses(IEnumerable<IWitness> witnesses, Recorder recorder, TimeSpan? refuseAfter, TimeProvider clock, ILogger log)
    {
        (_recorder, _refuseAfter, _clock, _log) = (recorder, refuseAfter, clock, log);
        _lines = [.. witnesses.Select(witness => new Line(witness))];
        recorder.Signed = Take;
        _running = [.. _lines.Select(line => Task.Run(() => RunAsync(line)))];
        if (refuseAfter is not null) _watch = clock.CreateTimer(static state => ((CheckpointWitnesses)state!).Judge(), this, FirstRetry, FirstRetry);
    }

    /// <summary>For each witness, since when a checkpoint waits for it; null while it has them all.</summary>
    public IEnumerable<(string Name, DateTimeOffset? BehindSince)> State => _lines.Select(line => (line.Witness.Name, line.BehindSince));

    /// <summary>Null while every witness has what it should.</summary>
    public string? Complaint()
    {
        var now = _clock.GetUtcNow();
        foreach (var line in _lines)
        {
            if (line.Problem is { } problem && line.BehindSince is { } since) return $"the witness `{line.Witness.Name}` is {(now - since).TotalSeconds:F0} s behind: {problem}";
        }
        return null;
    }

    public async ValueTask DisposeAsync()
    {
        _recorder.Signed = null;
        if (_watch is not null) await _watch.DisposeAsync().ConfigureAwait(false);
        foreach (var line in _lines) line.Waiting.Writer.TryComplete();
        // What was signed last gets its chance: a stop is when it would be missed.
        await Task.WhenAll(_running).WaitAsync(FirstRetry + FirstRetry, _clock).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _stopping.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(_running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        foreach (var line in _lines) line.Witness.Dispose();
        _stopping.Dispose();
    }

    // On the journal's thread.
    private void Take(RecordedCheckpoint checkpoint)
    {
        foreach (var line in _lines)
        {
            line.BehindSince ??= checkpoint.At;
            line.Waiting.Writer.TryWrite(checkpoint);
        }
    }

    private async Task RunAsync(Line line)
    {
        try
        {
            await foreach (var checkpoint in line.Waiting.Reader.ReadAllAsync(_stopping.Token).ConfigureAwait(false)) await TellAsync(line, checkpoint).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The gateway stops.
        }
    }

    private async Task TellAsync(Line line, RecordedCheckpoint checkpoint)
    {
        var wait = FirstRetry;
        while (await line.Witness.TellAsync(WitnessLine.Of(checkpoint), _stopping.Token).ConfigureAwait(false) is { } problem)
        {
            if (line.Problem is null) Behind(_log, line.Witness.Name, problem);
            line.Problem = problem;
            await Task.WhenAny(line.Waiting.Reader.Completion, PauseAsync(wait)).ConfigureAwait(false);
            _stopping.Token.ThrowIfCancellationRequested();
            wait = wait * 2 < LongestRetry ? wait * 2 : LongestRetry;
            // Only the latest is kept: it covers those before it.
            while (line.Waiting.Reader.TryRead(out var later)) checkpoint = later;
        }
        if (line.Problem is not null) CaughtUp(_log, line.Witness.Name);
        line.Problem = null;
        line.BehindSince = line.Waiting.Reader.TryPeek(out var next) ? next.At : null;
    }

    private async Task PauseAsync(TimeSpan wait)
    {
        using var timer = new PeriodicTimer(wait, _clock);
        await timer.WaitForNextTickAsync(_stopping.Token).ConfigureAwait(false);
    }

    private void Judge()
    {
        var now = _clock.GetUtcNow();
        var late = _lines.FirstOrDefault(line => line.BehindSince is { } since && now - since > _refuseAfter);
        _recorder.HoldBack("witnesses", late is null ? null : $"the witness `{late.Witness.Name}` has not heard of the record for longer than it may; new work is refused until it does");
    }

    [LoggerMessage(EventId = 165, Level = LogLevel.Error, Message = "the witness {Name} does not hear of checkpoints: {Problem}")]
    private static partial void Behind(ILogger log, string name, string problem);

    [LoggerMessage(EventId = 166, Level = LogLevel.Warning, Message = "the witness {Name} has heard of the latest checkpoint")]
    private static partial void CaughtUp(ILogger log, string name);

    private sealed class Line(IWitness witness)
    {
        private readonly Lock _gate = new();

        public IWitness Witness => witness;

        public Channel<RecordedCheckpoint> Waiting { get; } = Channel.CreateBounded<RecordedCheckpoint>(new BoundedChannelOptions(64) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });

        public volatile string? Problem;

        public DateTimeOffset? BehindSince
        {
            get
            {
                lock (_gate) return field;
            }
            set
            {
                lock (_gate) field = value;
            }
        }
    }
}
