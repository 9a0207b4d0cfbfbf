using Microsoft.Extensions.Logging;
using Postern.Core.Approvals;
using Postern.Core.Grants;

namespace Postern.Gateway.Approvals;

/// <summary>Ends holds and grants whose time is over, and with holds the requests that were kept.</summary>
internal sealed partial class HoldSweep : IAsyncDisposable
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _sweeping;

    public HoldSweep(ApprovalDesk desk, GrantDesk grants, TimeProvider clock, ILogger log) => _sweeping = RunAsync(desk, grants, clock, log, _stopping.Token);

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _sweeping.ConfigureAwait(false);
        _stopping.Dispose();
    }

    private static async Task RunAsync(ApprovalDesk desk, GrantDesk grants, TimeProvider clock, ILogger log, CancellationToken stopping)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stopping).ConfigureAwait(false))
            {
                try
                {
                    await desk.SweepAsync(stopping).ConfigureAwait(false);
                    await grants.SweepAsync(stopping).ConfigureAwait(false);
                }
                catch (Exception fault) when (fault is not OperationCanceledException)
                {
                    // A hold past its time is never used, swept or not; the next sweep tries again.
                    Faulted(log, fault.GetType().Name);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The gateway stops.
        }
    }

    [LoggerMessage(EventId = 150, Level = LogLevel.Error, Message = "holds could not be swept: {Fault}")]
    private static partial void Faulted(ILogger log, string fault);
}
