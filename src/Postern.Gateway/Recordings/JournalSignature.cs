using Postern.Core.Recording;

namespace Postern.Gateway.Recordings;

/// <summary>Waits until what is in the journal by now is under a signature, for whoever makes something of it that must be proved.</summary>
internal static class JournalSignature
{
    private const int Looks = 10;
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>The journal signs within a second; false when it is broken.</summary>
    public static async ValueTask<bool> ReachesAsync(Recorder recorder, TimeProvider clock, CancellationToken cancellationToken)
    {
        var told = recorder.DurableSequence;
        // A checkpoint cannot cover itself, and nothing has to be said of the last record when that is one.
        for (var look = 0; look < Looks; look++)
        {
            if (recorder.SignedSequence >= told - 1) return true;
            using var second = new CancellationTokenSource(Interval, clock);
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, second.Token);
            try
            {
                await recorder.WaitPastAsync(long.MaxValue, patience.Token).ConfigureAwait(false);
                return false;
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                // A second is over.
            }
        }
        return false;
    }
}
