using Postern.Core.Recording;
using Postern.Gateway.Listening;

namespace Postern.Gateway.Policies;

/// <summary>Follows the configured paths: what changes there is published, what does not load changes nothing and alarms (G15).</summary>
internal sealed class PolicyFolder : IDisposable
{
    private readonly PolicySources _sources;
    private readonly PolicyPublisher _publisher;
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly WatchedFiles _watch;
    private string? _seen;

    /// <summary>Begins to follow.</summary>
    /// <param name="sources">The paths.</param>
    /// <param name="publisher">Puts in force.</param>
    /// <param name="seen">The digest of what the start read there; what changed since is news.</param>
    /// <param name="clock">When to look.</param>
    public PolicyFolder(PolicySources sources, PolicyPublisher publisher, string seen, TimeProvider clock)
    {
        (_sources, _publisher, _seen) = (sources, publisher, seen);
        _watch = new WatchedFiles(sources.Files, () => _ = ReloadAsync(CancellationToken.None), clock);
        _ = ReloadAsync(CancellationToken.None);
    }

    /// <summary>Looks once. True when what the folder holds was taken, now or before. Never throws for what is wrong with it.</summary>
    public async Task<bool> ReloadAsync(CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        var store = _publisher.Store;
        try
        {
            var folder = FolderPolicy.Read(_sources);
            if (folder.Problems.IsEmpty && folder.Hash == _seen) return store.Status.Folder == folder.Hash;
            _seen = folder.Problems.IsEmpty ? folder.Hash : null;
            if (!folder.Problems.IsEmpty)
            {
                await store.RejectAsync(folder.Problems).ConfigureAwait(false);
                return false;
            }
            if (folder.Hash == store.Status.Folder || folder.Hash == store.Status.Applied.Hash)
            {
                await store.TakeFolderAsync(folder.Hash).ConfigureAwait(false);
                return true;
            }
            var loaded = store.Check(folder.Files);
            if (loaded.Set is null)
            {
                await store.RejectAsync(PolicyStore.Errors(loaded.Problems)).ConfigureAwait(false);
                return false;
            }
            if (await _publisher.PublishFolderAsync(folder).ConfigureAwait(false) is not { } complaint) return true;
            // Another look tries again.
            _seen = null;
            store.Complain(complaint);
            return false;
        }
        catch (Exception fault) when (fault is not OperationCanceledException)
        {
            _seen = null;
            store.Complain(fault is RecordingException ? "a new policy could not be recorded; the version before stays in force" : $"the policy could not be read again: {fault.GetType().Name}");
            return false;
        }
        finally
        {
            _turn.Release();
        }
    }

    public void Dispose()
    {
        _watch.Dispose();
        _turn.Dispose();
    }
}
