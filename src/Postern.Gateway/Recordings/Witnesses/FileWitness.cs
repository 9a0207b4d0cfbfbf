namespace Postern.Gateway.Recordings.Witnesses;

/// <summary>Appends to a file, which belongs on another machine's disk or on one that is written once.</summary>
internal sealed class FileWitness(string name, string path) : IWitness
{
    public string Name => name;

    public async ValueTask<string?> TellAsync(byte[] line, CancellationToken stopping)
    {
        try
        {
            // Opened each time: a file that was moved away by whoever collects it is begun anew.
            var file = new FileStream(path, new FileStreamOptions { Mode = FileMode.Append, Access = FileAccess.Write, Share = FileShare.ReadWrite, Options = FileOptions.Asynchronous });
            await using (file.ConfigureAwait(false))
            {
                await file.WriteAsync(line, stopping).ConfigureAwait(false);
                file.Flush(flushToDisk: true);
            }
            return null;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return $"`{path}` cannot be written ({fault.GetType().Name})";
        }
    }

    public void Dispose()
    {
    }
}
