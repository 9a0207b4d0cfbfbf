using Postern.Gateway.Recordings.Stores;

namespace Postern.Tests.Gateway.Recordings.Stores;

/// <summary>A real store behind a network that does as it is told.</summary>
internal sealed class ScriptedStore(IRecordingStore store) : IRecordingStore
{
    public string Place => store.Place;

    /// <summary>Why nothing arrives; null while all is well.</summary>
    public string? Down { get; set; }

    /// <summary>Called before and after each put with its number from 0; what it throws ends the call there.</summary>
    public Action<int, bool>? Around { get; set; }

    public List<string> Put { get; } = [];

    public int Attempts { get; private set; }

    public long Largest { get; private set; }

    public async ValueTask<bool> PutAsync(string name, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        var number = Attempts++;
        Largest = Math.Max(Largest, bytes.Length);
        if (Down is { } why) throw new StoreException(why);
        Around?.Invoke(number, false);
        var isNew = await store.PutAsync(name, bytes, cancellationToken);
        if (isNew) Put.Add(name);
        Around?.Invoke(number, true);
        return isNew;
    }

    public IAsyncEnumerable<StoredPiece> ListAsync(string prefix, CancellationToken cancellationToken) => store.ListAsync(prefix, cancellationToken);

    public ValueTask<byte[]?> ReadAsync(string name, CancellationToken cancellationToken) => Down is { } why ? throw new StoreException(why) : store.ReadAsync(name, cancellationToken);

    public ValueTask DisposeAsync() => store.DisposeAsync();
}
