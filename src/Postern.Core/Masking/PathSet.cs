using System.Collections.Immutable;
using System.Numerics;

namespace Postern.Core.Masking;

/// <summary>
/// Many paths followed at once. A state is a set of bits, one for each place in each path; a step is a shift under a mask,
/// whatever the number of paths. Immutable.
/// </summary>
internal sealed class PathSet
{
    /// <summary>Leads nowhere.</summary>
    public static readonly PathSet None = new([]);

    private readonly ulong[] _initial;
    private readonly ulong[] _stays;
    private readonly ulong[] _ends;
    private readonly ulong[] _nameless;
    private readonly ulong[] _byItem;
    private readonly ulong[] _byAnyName;
    private readonly ulong[] _byOtherName;
    private readonly ulong[][] _byName;
    private readonly int[] _values;
    private readonly NameTable _names;
    private readonly PathAnchors? _anchors;

    /// <summary>Compiles paths, each with the value (above 0) that it gives to what it leads to.</summary>
    public PathSet(IEnumerable<(ImmutableArray<PathStep> Steps, int Value)> paths)
    {
        var all = paths.ToArray();
        var places = all.Sum(path => path.Steps.Length + 1);
        Words = (places + 63) / 64;
        _initial = new ulong[Words];
        _stays = new ulong[Words];
        _ends = new ulong[Words];
        _nameless = new ulong[Words];
        _byItem = new ulong[Words];
        _byAnyName = new ulong[Words];
        _byOtherName = new ulong[Words];
        _values = new int[Words * 64];
        _names = new NameTable(all.SelectMany(path => path.Steps).Select(step => step.Utf8Name).OfType<byte[]>());
        _byName = [.. Enumerable.Range(0, _names.Count).Select(_ => new ulong[Words])];
        _anchors = PathAnchors.Of(all.Select(path => path.Steps));
        var place = 0;
        foreach (var (steps, value) in all)
        {
            Set(_initial, place);
            for (var i = LastNamed(steps) + 1; i < steps.Length; i++) Set(_nameless, place + i);
            foreach (var step in steps)
            {
                if (step.Utf8Name is { } name)
                {
                    Set(_byName[_names.IndexOf(name)], place);
                    Set(_byAnyName, place);
                }
                else if (step.IsEveryMember)
                {
                    Set(_byOtherName, place);
                    Set(_byAnyName, place);
                    foreach (var moves in _byName) Set(moves, place);
                }
                else
                {
                    Set(_byItem, place);
                }
                if (step.IsDeep) Set(_stays, place);
                place++;
            }
            Set(_ends, place);
            _values[place++] = value;
        }
    }

    /// <summary>Length of a state; 0 when there are no paths.</summary>
    public int Words { get; }

    /// <summary>False when the document (UTF-8 JSON) holds nothing that a path leads to. May say yes too often, never no.</summary>
    public bool MayLeadInto(ReadOnlySpan<byte> utf8) => Words > 0 && _anchors?.StandIn(utf8) != false;

    /// <summary>Adds the places that a path may lead to, in order. False when following the paths is the only, or the quicker, way to tell.</summary>
    /// <param name="utf8">The document.</param>
    /// <param name="canSkip">True when what stands between such places is left out, which pays off when they are many too.</param>
    /// <param name="places">Where they go.</param>
    public bool TryFindLeads(ReadOnlySpan<byte> utf8, bool canSkip, Detection.PlaceList places) => Words == 0 || _anchors?.TryFind(utf8, canSkip, places) == true;

    /// <summary>Adds the start of every path to a state.</summary>
    public void Start(Span<ulong> state)
    {
        for (var i = 0; i < state.Length; i++) state[i] |= _initial[i];
    }

    /// <summary>The state of the member of this name (unescaped). False when no path goes on there.</summary>
    public bool Member(ReadOnlySpan<ulong> state, ReadOnlySpan<byte> name, Span<ulong> next)
    {
        var index = _names.IndexOf(name);
        return Step(state, index < 0 ? _byOtherName : _byName[index], next);
    }

    /// <summary>The state of an array's items. False when no path goes on there.</summary>
    public bool Item(ReadOnlySpan<ulong> state, Span<ulong> next) => Step(state, _byItem, next);

    /// <summary>The state of members whatever their names. False when no path goes on there.</summary>
    public bool AnyMember(ReadOnlySpan<ulong> state, Span<ulong> next) => Step(state, _byAnyName, next);

    /// <summary>The highest value among the paths that end here, or 0.</summary>
    public int Best(ReadOnlySpan<ulong> state)
    {
        var best = 0;
        for (var i = 0; i < state.Length; i++)
        {
            for (var ends = state[i] & _ends[i]; ends != 0; ends &= ends - 1)
            {
                best = Math.Max(best, _values[(i * 64) + BitOperations.TrailingZeroCount(ends)]);
            }
        }
        return best;
    }

    /// <summary>True when a path can lead to something in here without another name: then no search for names says where.</summary>
    public bool GoesOnWithoutName(ReadOnlySpan<ulong> state)
    {
        for (var i = 0; i < state.Length; i++)
        {
            if ((state[i] & _nameless[i]) != 0) return true;
        }
        return false;
    }

    private static int LastNamed(ImmutableArray<PathStep> steps)
    {
        var last = -1;
        for (var i = 0; i < steps.Length; i++)
        {
            if (steps[i].Utf8Name is not null) last = i;
        }
        return last;
    }

    private bool Step(ReadOnlySpan<ulong> state, ulong[] moves, Span<ulong> next)
    {
        ulong any = 0;
        ulong carry = 0;
        for (var i = 0; i < next.Length; i++)
        {
            var moved = state[i] & moves[i];
            any |= next[i] = (moved << 1) | carry | (state[i] & _stays[i]);
            carry = moved >> 63;
        }
        return any != 0;
    }

    private static void Set(ulong[] bits, int place) => bits[place / 64] |= 1UL << (place % 64);
}
