using System.Buffers;
using System.Collections.Concurrent;
using System.Text;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Recording;

namespace Postern.Tests.Doubles;

/// <summary>
/// A recorder in memory that keeps the order of everything that was asked of it, and whose commits can be held back or
/// made to fail, so that tests can look between a write and its durability. As strict as the real one: whatever it is given is
/// written by the journal's own writer and read back by its strict reader, an account takes nothing after its ending, and no
/// promise is kept on the caller's stack.
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
        cancellationToken.ThrowIfCancellationRequested();
        if (FailIntents) throw new RecordingException("disk full");
        Write(RecordType.Intent, output => PayloadWriter.Intent(output, intent));
        Log.Enqueue($"intent {intent.Parts[0].Action}");
        Intents.Enqueue(intent);
        await CommitAsync();
        Log.Enqueue("intent durable");
        return new Account(this, intent.Operation);
    }

    public bool TryCount(Intent intent)
    {
        if (CountDenials) Log.Enqueue("counted");
        return CountDenials;
    }

    public async ValueTask NoteAsync(Occurrence occurrence, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (FailNotes) throw new RecordingException("disk full");
        Write(RecordType.Occurrence, output => PayloadWriter.Occurrence(output, occurrence));
        Occurrences.Enqueue(occurrence);
        await Task.Yield();
    }

    private static void Write(RecordType type, Action<ArrayBufferWriter<byte>> payload)
    {
        var output = new ArrayBufferWriter<byte>();
        try
        {
            payload(output);
        }
        catch (Exception fault) when (fault is not RecordingException)
        {
            throw new RecordingException("it cannot be written as a record", fault);
        }
        Assert.True(PayloadReader.TryRead(type, output.WrittenSpan, out _, out var problem), problem);
    }

    private ValueTask CommitAsync()
    {
        if (!HoldCommits) return SoonAsync();
        var commit = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _held.Enqueue(commit);
        return new ValueTask(commit.Task);
    }

    // The real promise is kept by another thread, never before the caller went on.
    private static async ValueTask SoonAsync() => await Task.Yield();

    private sealed class Account(MemoryRecorder owner, OperationId operation) : IAccount
    {
        private int _frames;
        private bool _ended;

        public ValueTask ClearAsync(Clearing clearing)
        {
            if (owner.FailClearings || _ended) throw new RecordingException(_ended ? "the account has ended; nothing can be added to it" : "disk full");
            Write(RecordType.Clearing, output => PayloadWriter.Clearing(output, clearing));
            owner.Log.Enqueue("cleared");
            owner.Clearings.Enqueue(clearing);
            return owner.CommitAsync();
        }

        public ValueTask AppendAsync(FrameDirection direction, Masked<ReadOnlyMemory<byte>> content, int maskedValues, bool digestOnly = false)
        {
            if (owner.FailFrames || _ended) throw new RecordingException(_ended ? "the account has ended; nothing can be added to it" : "disk full");
            var bytes = content.Value.Length;
            Write(RecordType.Frame, output => PayloadWriter.Frame(output, operation, DateTimeOffset.UnixEpoch, direction, Interlocked.Increment(ref _frames), bytes, maskedValues, digestOnly ? Digest.Of(content.Value.Span) : null));
            owner.Log.Enqueue($"{direction.ToString().ToLowerInvariant()} {(digestOnly ? Digest.Of(content.Value.Span).ToString() : Encoding.UTF8.GetString(content.Value.Span))}");
            return owner.CommitAsync();
        }

        public ValueTask EndAsync(Ending ending)
        {
            if (_ended) return ValueTask.CompletedTask;
            _ended = true;
            try
            {
                Write(RecordType.Ending, output => PayloadWriter.Ending(output, operation, ending, reply: default, input: default));
            }
            catch (RecordingException)
            {
                // Its detail is not well-formed text; the ending is worth more than its detail.
                ending = ending with { Code = null, Detail = null, Hold = null };
            }
            owner.Log.Enqueue($"ending {ending.Outcome}");
            owner.Endings.Enqueue(ending);
            return ValueTask.CompletedTask;
        }
    }
}
