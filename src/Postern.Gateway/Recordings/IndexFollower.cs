using Microsoft.Extensions.Logging;

namespace Postern.Gateway.Recordings;

/// <summary>Keeps the index of recordings close behind the journal while the gateway runs.</summary>
internal sealed partial class IndexFollower : IAsyncDisposable
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _following;

    public IndexFollower(RecordingIndex index, TimeProvider clock, ILogger log) =>
        _following = Task.Run(() => index.FollowAsync(clock, fault => Faulted(log, fault.GetType().Name), _stopping.Token));

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        try
        {
            await _following.ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // As asked.
        }
        _stopping.Dispose();
    }

    [LoggerMessage(EventId = 160, Level = LogLevel.Error, Message = "the index of recordings does not follow: {Fault}")]
    private static partial void Faulted(ILogger log, string fault);
}
