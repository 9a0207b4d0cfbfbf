namespace Postern.Core.Masking.Detection;

/// <summary>Places in a document, in ascending order, that are asked for from left to right. Reused from frame to frame.</summary>
internal sealed class PlaceList
{
    private const int MaxIdle = 4096;

    private int[] _places = new int[64];
    private int _count;
    private int _next;

    /// <summary>True when there is no place at all.</summary>
    public bool IsEmpty => _count == 0;

    public void Add(int place)
    {
        if (_count == _places.Length) Array.Resize(ref _places, _count * 2);
        _places[_count++] = place;
    }

    /// <summary>True when a place is within these bounds. Later questions are about later bounds.</summary>
    public bool IsWithin(int start, int end) => NextFrom(start) < end;

    /// <summary>The first place from here on; the highest number for none. Later questions are about later places.</summary>
    public int NextFrom(int start)
    {
        while (_next < _count && _places[_next] < start) _next++;
        return _next < _count ? _places[_next] : int.MaxValue;
    }

    public void Clear()
    {
        (_count, _next) = (0, 0);
        if (_places.Length > MaxIdle) _places = new int[64];
    }
}
