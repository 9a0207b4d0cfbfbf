using Postern.Core.Pipeline;

namespace Postern.Upstreams;

/// <summary>
/// How long one response may take, read by read: between messages it may be silent, a message that has begun must go on and must end. The deadline
/// runs while the target is waited for and at no other time. Not safe for concurrent use: a response has one reader.
/// </summary>
internal struct ReplyPatience(TimeProvider clock, Deadline deadline, UpstreamPatience patience, bool onlyListens)
{
    // 0: between messages
    private long _messageBegan;

    /// <summary>Before a read: sets the deadline to what is left for it.</summary>
    public void Begin(bool isMidMessage)
    {
        var now = clock.GetTimestamp();
        if (!isMidMessage)
        {
            _messageBegan = 0;
            deadline.Set(now, onlyListens ? Timeout.InfiniteTimeSpan : patience.Silence);
            return;
        }
        if (_messageBegan == 0) _messageBegan = now;
        var left = patience.Message - clock.GetElapsedTime(_messageBegan, now);
        deadline.Set(now, left < patience.Idle ? left : patience.Idle);
    }

    /// <summary>What a read says whose deadline has passed.</summary>
    public static UpstreamException Passed(bool isMidMessage, Exception fault) =>
        new(RefusalCode.UpstreamUnavailable, isMidMessage ? "the target began a message and did not end it in time" : "the target's stream was silent for too long", fault);
}
