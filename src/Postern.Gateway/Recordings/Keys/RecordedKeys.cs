using Postern.Core.Recording;

namespace Postern.Gateway.Recordings.Keys;

/// <summary>Reads what a data folder recorded, beside its gateway or without one, with the keys that are there.</summary>
public sealed class RecordedKeys : IDataKeys, IDisposable
{
    private readonly MasterKey? _master;
    private readonly DataKeyReading? _reading;

    private RecordedKeys(MasterKey? master, DataKeyReading? reading) => (_master, _reading) = (master, reading);

    /// <inheritdoc/>
    public int Generation => _reading?.Generation ?? 0;

    /// <summary>The keys of a folder; none where it has none, and then what is sealed cannot be read.</summary>
    /// <param name="folder">A data folder, or the journal folder in one.</param>
    /// <param name="masterKey">A file with the master key, where it is not the gateway's own in the folder.</param>
    /// <exception cref="RecordingException">The keys, or the master key, are there and cannot be used.</exception>
    public static RecordedKeys Open(string folder, string? masterKey = null)
    {
        var data = File.Exists(Path.Combine(folder, DataKeyFile.FileName)) ? folder : Path.GetDirectoryName(Path.GetFullPath(folder).TrimEnd(Path.DirectorySeparatorChar)) ?? folder;
        var file = Path.Combine(data, DataKeyFile.FileName);
        var own = Path.Combine(data, MasterKeys.OwnName);
        if (masterKey is null && !(File.Exists(file) && File.Exists(own))) return new RecordedKeys(null, null);
        var master = MasterKeys.FromFile(masterKey ?? own);
        try
        {
            if (!File.Exists(file)) throw new RecordingException($"`{data}` holds no data keys (`{DataKeyFile.FileName}`) for the master key to open");
            return new RecordedKeys(master, DataKeyReading.Open(file, master));
        }
        catch
        {
            master.Dispose();
            throw;
        }
    }

    /// <summary>Makes a new master key of the gateway's own; the next start wraps everything by it.</summary>
    /// <param name="folder">The data folder.</param>
    /// <returns>The new key's id.</returns>
    /// <exception cref="RecordingException">There is none, or the last change is not done yet.</exception>
    public static string ReplaceMaster(string folder) => MasterKeys.Replace(folder);

    /// <inheritdoc/>
    public DataKeyFinding Find(UInt128 id) => _reading?.Find(id) ?? default;

    /// <inheritdoc/>
    public void Dispose()
    {
        _reading?.Dispose();
        _master?.Dispose();
    }
}
