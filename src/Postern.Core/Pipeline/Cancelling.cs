namespace Postern.Core.Pipeline;

/// <summary>How everything that may have ended at the same moment is told to end.</summary>
public static class Cancelling
{
    /// <summary>
    /// Cancels the source. Whoever cuts has others to cut, and is often on a timer's thread, where an exception would end the gateway: nothing is thrown when
    /// the source was disposed of at the same moment, nor when something that it ends ends badly; all of it was told by then.
    /// </summary>
    public static void CancelQuietly(this CancellationTokenSource source)
    {
        try
        {
            source.Cancel();
        }
        catch (Exception fault) when (fault is ObjectDisposedException or AggregateException)
        {
            // Nothing is left to cut.
        }
    }
}
