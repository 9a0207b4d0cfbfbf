using System.Runtime.CompilerServices;
using Postern.Core.Recording;

namespace Postern.Gateway.Recordings.Stores;

/// <summary>Pieces as files below a folder, which belongs on another machine's disk.</summary>
internal sealed class FolderStore(string folder) : IRecordingStore
{
    private const string Draft = ".draft";

    public string Place => $"folder `{folder}`";

    public async ValueTask<bool> PutAsync(string name, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        var path = PathOf(name);
        if (File.Exists(path)) return false;
        try
        {
            var parent = Path.GetDirectoryName(path)!;
            Directory.CreateDirectory(parent);
            var draft = Path.Combine(folder, $"{Guid.NewGuid():N}{Draft}");
            try
            {
                var file = new FileStream(draft, FileMode.CreateNew, FileAccess.Write, FileShare.None);
                await using (file.ConfigureAwait(false))
                {
                    await file.WriteAsync(bytes, cancellationToken).ConfigureAwait(false);
                    file.Flush(flushToDisk: true);
                }
                // Whole or not at all, and never over another.
                if (!FolderStorage.TryTakeName(draft, path)) return false;
            }
            finally
            {
                File.Delete(draft);
            }
            FolderStorage.FlushNames(parent);
            return true;
        }
        catch (IOException) when (File.Exists(path))
        {
            return false;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw Failed("written to", fault);
        }
    }

    public async IAsyncEnumerable<StoredPiece> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.CompletedTask.ConfigureAwait(false);
        List<StoredPiece> found = [];
        try
        {
            if (Directory.Exists(folder))
            {
                foreach (var file in new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories))
                {
                    var name = Path.GetRelativePath(folder, file.FullName).Replace(Path.DirectorySeparatorChar, '/');
                    if (name.StartsWith(prefix, StringComparison.Ordinal) && !name.EndsWith(Draft, StringComparison.Ordinal)) found.Add(new StoredPiece(name, file.Length));
                }
            }
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw Failed("listed", fault);
        }
        foreach (var piece in found.OrderBy(piece => piece.Name, StringComparer.Ordinal))
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return piece;
        }
    }

    public async ValueTask<byte[]?> ReadAsync(string name, CancellationToken cancellationToken)
    {
        try
        {
            return await File.ReadAllBytesAsync(PathOf(name), cancellationToken).ConfigureAwait(false);
        }
        catch (Exception missing) when (missing is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw Failed("read", fault);
        }
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private string PathOf(string name) => Path.Combine(folder, Path.Combine(StoreNames.Checked(name).Split('/')));

    private StoreException Failed(string what, Exception fault) => new($"the {Place} cannot be {what} ({fault.GetType().Name})", fault);
}
