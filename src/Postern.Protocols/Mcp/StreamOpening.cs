namespace Postern.Protocols.Mcp;

/// <summary>
/// A session's own stream on its way to the target. Recording takes each request its own time, so a call that the client
/// sent after it could overtake it, and what the server says on a stream that is not there yet is lost to the client.
/// Requests of the session therefore wait for the stream's head, and not for long: some targets send none before the first event.
/// </summary>
internal sealed class StreamOpening(TimeProvider clock)
{
    /// <summary>The longest that a request waits.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(250);

    private readonly TaskCompletionSource _over = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The stream is there, or will not be; nobody waits any more.</summary>
    public void Finish() => _over.TrySetResult();

    /// <summary>Returns when the stream is there, or was waited for long enough.</summary>
    public async ValueTask WaitAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _over.Task.WaitAsync(Patience, clock, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            Finish(); // once is enough: the next request does not wait again
        }
    }

    /// <summary>True while there is something to wait for.</summary>
    public bool IsPending => !_over.Task.IsCompleted;
}
