using System.Collections.Concurrent;
using System.Text;
using Postern.Core.Masking;
using Postern.Core.Recording;

namespace Postern.Tests.Doubles;

/// <summary>
/// A recorder in memory that keeps the order of everything that was asked of it, and whose commits can be held back or
/// made to fail, so that tests can look between a write and its durability.
/// </summary>
internal sealed class MemoryRecorder : IRecorder
{
    private readonly ConcurrentQueue<TaskCompletionSource> _held = new();

    /// <summary>What happened, in order: <c>intent shop.list</c>, <c>reply {"a":1}</c>, <c>ending Done</c>.</summary>
    public ConcurrentQueue<string> Log { get; } = new();

    public ConcurrentQueue<Intent> Intents { get; } = new();

    public ConcurrentQueue<Clearing> Clearings { get; } = new();

    public ConcurrentQueue<Ending> Endings { get; } = new();

    public ConcurrentQueue<Occurrence> Occurrences { get; } = new();

    public bool HoldCommits { get; set; }

    public bool FailIntents { get; set; }

    public bool FailFrames { get; set; }

    public bool FailClearings { get; set; }

    public bool FailNotes { get; set; }

    public bool CountDenials { get; set; }

    public void ReleaseOne()
    {
        if (_held.TryDequeue(out var commit)) commit.SetResult();
    }

    public async ValueTask<IAccount> BeginAsync(Intent intent, CancellationToken cancellationToken)
    {
        if (FailIntents) throw new RecordingException("disk full");
        Log.Enqueue($"intent {intent.Parts[0].Action}");
        Intents.Enqueue(intent);
        await CommitAsync();
        Log.Enqueue("intent durable");
        return new Account(this);
    }

    public bool TryCount(Intent intent)
    {
        if (CountDenials) Log.Enqueue("counted");
        return CountDenials;
    }

    public ValueTask NoteAsync(Occurrence occurrence, CancellationToken cancellationToken)
    {
        if (FailNotes) throw new RecordingException("disk full");
        Occurrences.Enqueue(occurrence);
        return ValueTask.CompletedTask;
    }

    private ValueTask CommitAsync()
    {
        if (!HoldCommits) return ValueTask.CompletedTask;
        var commit = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _held.Enqueue(commit);
        return new ValueTask(commit.Task);
    }

    private sealed class Account(MemoryRecorder owner) : IAccount
    {
        public ValueTask ClearAsync(Clearing clearing)
        {
            if (owner.FailClearings) throw new RecordingException("disk full");
            owner.Log.Enqueue("cleared");
            owner.Clearings.Enqueue(clearing);
            return owner.CommitAsync();
        }

        public ValueTask AppendAsync(FrameDirection direction, Masked<ReadOnlyMemory<byte>> content, int maskedValues)
        {
            if (owner.FailFrames) throw new RecordingException("disk full");
            owner.Log.Enqueue($"{direction.ToString().ToLowerInvariant()} {Encoding.UTF8.GetString(content.Value.Span)}");
            return owner.CommitAsync();
        }

        public ValueTask EndAsync(Ending ending)
        {
            owner.Log.Enqueue($"ending {ending.Outcome}");
            owner.Endings.Enqueue(ending);
            return ValueTask.CompletedTask;
        }
    }
}
