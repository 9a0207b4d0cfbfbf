namespace Postern.Protocols.Kubernetes;

/// <summary>
/// Lets go of a caller that takes nothing: some time after its right ended, its connection is cut, whatever it was still to be told.
/// </summary>
/// <param name="clock">All time.</param>
/// <param name="cut">Breaks the connection; called on a timer's thread, maybe when the request has just ended.</param>
internal sealed class LastResort(TimeProvider clock, Action cut) : IDisposable
{
    /// <summary>From the end of the right to the end of the connection.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromMilliseconds(1500);

    private ITimer? _timer;

    /// <summary>Begins to wait when the right ends, unless what this returns was disposed before.</summary>
    public CancellationTokenRegistration At(CancellationToken endOfRight) => endOfRight.UnsafeRegister(static state => ((LastResort)state!).Arm(), this);

    /// <summary>Ends the waiting.</summary>
    public void Dispose() => _timer?.Dispose();

    private void Arm() => _timer ??= clock.CreateTimer(static state => ((LastResort)state!).Cut(), this, Grace, Timeout.InfiniteTimeSpan);

    private void Cut()
    {
        try
        {
            cut();
        }
        catch (ObjectDisposedException)
        {
            // The request ended at the same moment. Nobody would catch this on a timer's thread: the gateway would end with it.
        }
    }
}
