using System.Runtime.InteropServices;

namespace Postern.Gateway.Listening;

/// <summary>
/// Notices that files changed, by looking at them: works on every file system, through symbolic links that are swapped and
/// folders that are mounted, where change notices are lost. <c>SIGHUP</c> looks, and reports a change, at once.
/// </summary>
internal sealed class WatchedFiles : IDisposable
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    private readonly Func<IEnumerable<string>> _files;
    private readonly Action _changed;
    private readonly ITimer _timer;
    private readonly PosixSignalRegistration? _hangUp;
    private readonly Lock _lock = new();
    private string _seen;

    public WatchedFiles(Func<IEnumerable<string>> files, Action changed, TimeProvider clock)
    {
        _files = files;
        _changed = changed;
        _seen = Stamp();
        _timer = clock.CreateTimer(static state => ((WatchedFiles)state!).Look(), this, Interval, Interval);
        if (!OperatingSystem.IsWindows())
        {
            _hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, context =>
            {
                context.Cancel = true;
                Look(isForced: true);
            });
        }
    }

    public void Look(bool isForced = false)
    {
        // One look at a time: a slow reload must not be overtaken by the next.
        if (!_lock.TryEnter()) return;
        try
        {
            var now = Stamp();
            if (now == _seen && !isForced) return;
            _seen = now;
            _changed();
        }
        finally
        {
            _lock.Exit();
        }
    }

    public void Dispose()
    {
        _timer.Dispose();
        _hangUp?.Dispose();
    }

    private string Stamp()
    {
        try
        {
            return string.Join('\n', _files().Select(path => new FileInfo(path)).Select(file =>
            {
                var target = file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? file;
                return target.Exists ? $"{file.FullName}:{target.FullName}:{target.LastWriteTimeUtc.Ticks}:{target.Length}" : $"{file.FullName}:gone";
            }));
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            return "unreadable";
        }
    }
}
