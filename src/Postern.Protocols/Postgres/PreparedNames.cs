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

    /// <summary>Bytes of their texts that one session may hold.</summary>
    public const long MostBytes = 16 << 20;

    private long _bytes;
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
        var before = _byName.TryGetValue(name, out var replaced) ? replaced.Text.Length : 0;
        if (replaced is null && _byName.Count >= Most) return false;
        if (_bytes - before + prepared.Text.Length > MostBytes) return false;
        _bytes += prepared.Text.Length - before;
        _byName[name] = prepared;
        return true;
    }

    public void Remove(string name)
    {
        if (name.Length == 0) _unnamed = null;
        else if (_byName.Remove(name, out var removed)) _bytes -= removed.Text.Length;
    }

    public void Clear()
    {
        _byName.Clear();
        _bytes = 0;
        _unnamed = null;
    }
}
