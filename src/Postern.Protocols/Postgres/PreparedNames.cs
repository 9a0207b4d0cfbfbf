using System.Text;

namespace Postern.Protocols.Postgres;

/// <summary>
/// What the names of prepared statements stand for in one session: the text that was judged, and nothing else. A name that is not
/// here is refused, whatever the server may know under it (attack Q08).
/// </summary>
internal sealed class PreparedNames
{
    /// <summary>Names that one session may hold; a client that never closes them must not take all memory.</summary>
    public const int Most = 10_000;

    private readonly Dictionary<string, Prepared> _byName = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Prepared>.AlternateLookup<ReadOnlySpan<char>> _lookup;
    private Prepared? _unnamed;

    public PreparedNames() => _lookup = _byName.GetAlternateLookup<ReadOnlySpan<char>>();

    public Prepared? Find(ReadOnlySpan<byte> name)
    {
        if (name.IsEmpty) return _unnamed;
        Span<char> characters = stackalloc char[64];
        var length = Encoding.UTF8.GetChars(name, characters);
        return _lookup.TryGetValue(characters[..length], out var found) ? found : null;
    }

    public Prepared? Find(string name) => name.Length == 0 ? _unnamed : _byName.GetValueOrDefault(name);

    /// <summary>The server said that it has prepared it. False when there are too many.</summary>
    public bool Set(string name, Prepared prepared)
    {
        if (name.Length == 0)
        {
            _unnamed = prepared;
            return true;
        }
        if (_byName.Count >= Most && !_byName.ContainsKey(name)) return false;
        _byName[name] = prepared;
        return true;
    }

    public void Remove(string name)
    {
        if (name.Length == 0) _unnamed = null;
        else _byName.Remove(name);
    }

    public void Clear()
    {
        _byName.Clear();
        _unnamed = null;
    }
}
