using Postern.Core.Recording;

namespace Postern.Tests.Recording;

/// <summary>Data keys in memory, as strict as the file: kept before they are used, refused for a session that was erased.</summary>
internal sealed class MemoryDataKeys : IDataKeyStore
{
    private readonly Dictionary<UInt128, (string Session, byte[] Key)> _keys = [];
    private readonly Dictionary<UInt128, string> _gone = [];
    private readonly Dictionary<string, Erasure> _erasures = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();

    /// <summary>Waits for it before a key counts as kept; throws what it throws.</summary>
    public Func<Task> Saving { get; set; } = static () => Task.CompletedTask;

    public int Saved { get; private set; }

    public int Generation { get; private set; }

    public DataKeyFinding Find(UInt128 id)
    {
        lock (_gate)
        {
            if (_keys.TryGetValue(id, out var known)) return new DataKeyFinding([.. known.Key], null);
            return new DataKeyFinding(null, _gone.TryGetValue(id, out var session) ? _erasures[session] : null);
        }
    }

    public async ValueTask SaveAsync(UInt128 id, string session, ReadOnlyMemory<byte> key)
    {
        await Saving();
        lock (_gate)
        {
            if (_erasures.ContainsKey(session)) throw new RecordingException("the session was erased; nothing can be added to it");
            _keys.Add(id, (session, key.ToArray()));
            Saved++;
        }
    }

    public void Destroy(string session, Erasure erasure)
    {
        lock (_gate)
        {
            _erasures.Add(session, erasure);
            foreach (var (id, known) in _keys.Where(pair => pair.Value.Session == session).ToList())
            {
                _keys.Remove(id);
                _gone.Add(id, known.Session);
            }
            Generation++;
        }
    }
}
