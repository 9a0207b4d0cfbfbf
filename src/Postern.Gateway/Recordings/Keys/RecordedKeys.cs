using Postern.Core.Recording;
using Postern.Gateway.Configuration;

namespace Postern.Gateway.Recordings.Keys;

/// <summary>Reads what a data folder recorded, beside its gateway or without one, with the keys that are there.</summary>
public sealed class RecordedKeys : IDataKeys, IDisposable
{
    private readonly MasterKey? _master;
    private readonly DataKeyReading? _reading;

    private RecordedKeys(MasterKey? master, DataKeyReading? reading) => (_master, _reading) = (master, reading);

    /// <inheritdoc/>
    public int Generation => _reading?.Generation ?? 0;

    /// <summary>The keys of a folder, opened with the gateway's own master key in it; none where it has none, and then what is sealed cannot be read.</summary>
    /// <param name="folder">A data folder, or the journal folder in one.</param>
    /// <exception cref="RecordingException">The keys, or the master key, are there and cannot be used.</exception>
    public static RecordedKeys Open(string folder)
    {
        var data = DataOf(folder);
        return Has(data, DataKeyFile.FileName) && Has(data, MasterKeys.OwnName) ? Open(data, MasterKeys.FromFile(Path.Combine(data, MasterKeys.OwnName))) : new RecordedKeys(null, null);
    }

    /// <summary>The keys of a folder, opened as its gateway opens them.</summary>
    /// <param name="folder">A data folder, or the journal folder in one.</param>
    /// <param name="masterKey">Where its configuration says that the master key is; null when it is the gateway's own in the folder.</param>
    /// <exception cref="RecordingException">The master key is missing, or keys cannot be used.</exception>
    public static RecordedKeys Open(string folder, MasterKeyOptions? masterKey)
    {
        var data = DataOf(folder);
        if (masterKey is not null) return Open(data, MasterKeys.Given(masterKey));
        if (Has(data, DataKeyFile.FileName) && !Has(data, MasterKeys.OwnName))
        {
            throw new RecordingException($"`{data}` holds data keys and no master key (`{MasterKeys.OwnName}`), and the configuration names none; set `POSTERN__RECORD__MASTERKEY__VALUE` as its gateway has it, or `record.masterKey.file`");
        }
        return Open(folder);
    }

    private static bool Has(string folder, string name) => File.Exists(Path.Combine(folder, name));

    private static string DataOf(string folder) => Has(folder, DataKeyFile.FileName) ? folder : Path.GetDirectoryName(Path.GetFullPath(folder).TrimEnd(Path.DirectorySeparatorChar)) ?? folder;

    private static RecordedKeys Open(string data, MasterKey master)
    {
        try
        {
            if (!Has(data, DataKeyFile.FileName)) throw new RecordingException($"`{data}` holds no data keys (`{DataKeyFile.FileName}`) for the master key to open");
            return new RecordedKeys(master, DataKeyReading.Open(Path.Combine(data, DataKeyFile.FileName), master));
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
