using Microsoft.Extensions.Logging;

namespace Postern.Gateway.Recordings.Retention;

/// <summary>Makes a retention pass at the start and every hour, finishes erasures that could not be, and gives back the disk of those that are done.</summary>
internal sealed partial class RetentionRounds : IAsyncDisposable
{
    /// <summary>Between two passes.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _rounds;

    public RetentionRounds(RetentionPass pass, SessionEraser eraser, FoldingPass folding, TimeProvider clock, ILogger log) => _rounds = Task.Run(() => RunAsync(pass, eraser, folding, clock, log, _stopping.Token));

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _rounds.ConfigureAwait(false);
        _stopping.Dispose();
    }

    private static async Task RunAsync(RetentionPass pass, SessionEraser eraser, FoldingPass folding, TimeProvider clock, ILogger log, CancellationToken stopping)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        try
        {
            do
            {
                try
                {
                    await eraser.FinishAllAsync(stopping).ConfigureAwait(false);
                    if (await pass.RunAsync(stopping).ConfigureAwait(false) is > 0 and var expired) Expired(log, expired);
                    if (pass.Complaint is { } complaint) NotExpired(log, complaint);
                    if (await folding.RunAsync(stopping).ConfigureAwait(false) is > 0 and var bytes) GivenBack(log, bytes);
                }
                catch (Exception fault) when (fault is not OperationCanceledException)
                {
                    // What is past its time is so an hour later too.
                    Faulted(log, fault.GetType().Name);
                }
            }
            while (await timer.WaitForNextTickAsync(stopping).ConfigureAwait(false));
        }
        catch (OperationCanceledException)
        {
            // The gateway stops.
        }
    }

    [LoggerMessage(EventId = 165, Level = LogLevel.Information, Message = "{Sessions} sessions were past their time, and what was said in them is erased")]
    private static partial void Expired(ILogger log, int sessions);

    [LoggerMessage(EventId = 168, Level = LogLevel.Information, Message = "{Bytes} bytes of disk that erased sessions took are given back")]
    private static partial void GivenBack(ILogger log, long bytes);

    [LoggerMessage(EventId = 166, Level = LogLevel.Error, Message = "nothing is erased because of its age: {Why}")]
    private static partial void NotExpired(ILogger log, string why);

    [LoggerMessage(EventId = 167, Level = LogLevel.Error, Message = "what is past its time could not be erased, or its disk not given back: {Fault}")]
    private static partial void Faulted(ILogger log, string fault);
}
