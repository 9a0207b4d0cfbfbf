using Microsoft.Extensions.Logging;
using Postern.Core.Recording;
using Postern.Gateway.Listening;

namespace Postern.Gateway.Recordings;

/// <summary>Notices that the signing key's file holds another key, and passes the journal on to it; one that does not load changes nothing.</summary>
internal sealed partial class WatchedSigningKey : IDisposable
{
    private readonly RecorderOptions _options;
    private readonly Recorder _recorder;
    private readonly ILogger _log;
    private readonly WatchedFiles _watch;

    public WatchedSigningKey(RecorderOptions options, string file, Recorder recorder, TimeProvider clock, ILogger log)
    {
        (_options, _recorder, _log) = (options, recorder, log);
        _watch = new WatchedFiles(() => [file], Reload, clock);
    }

    public void Dispose() => _watch.Dispose();

    private void Reload()
    {
        try
        {
            var next = JournalKeys.OpenCurrent(_options);
            var (from, to) = (_recorder.KeyId, next.KeyId);
            if (from == to)
            {
                next.Dispose();
                return;
            }
            // Looked at from a timer's thread, which may wait for the disk once in the life of a key.
            _recorder.ChangeKeyAsync(next).AsTask().GetAwaiter().GetResult();
            Changed(_log, from, to);
        }
        catch (RecordingException unusable)
        {
            NotChanged(_log, unusable.Message);
        }
    }

    [LoggerMessage(EventId = 163, Level = LogLevel.Warning, Message = "the journal is signed with key {To} from now on; {From} vouches for it")]
    private static partial void Changed(ILogger log, string from, string to);

    [LoggerMessage(EventId = 164, Level = LogLevel.Error, Message = "the signing key was not changed: {Problem}")]
    private static partial void NotChanged(ILogger log, string problem);
}
