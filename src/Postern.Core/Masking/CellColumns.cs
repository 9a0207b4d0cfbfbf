using System.Collections.Immutable;
using System.Runtime.InteropServices;

namespace Postern.Core.Masking;

/// <summary>
/// What the values of a frame show, by position: the whole names of the columns that each is taken or computed from.
/// Immutable; what masks say of it is looked up once per masker.
/// </summary>
/// <param name="sources">
/// For each position the columns; empty where it shows none, default where nobody can tell: it may then show any, and gets the strongest
/// treatment that any column has.
/// </param>
public sealed class CellColumns(ImmutableArray<ImmutableArray<string>> sources)
{
    /// <summary>Nothing is known to come from a column.</summary>
    public static readonly CellColumns None = new([]);

    // The caller's masker and the record's; a new policy version brings two more.
    private const int MaxKnown = 4;

    private Ranks[] _known = [];

    /// <summary>How many positions are known.</summary>
    public int Count => sources.Length;

    /// <summary>The rank of the strongest treatment at each position.</summary>
    internal int[] RanksUnder(Masker masker)
    {
        var known = Volatile.Read(ref _known);
        foreach (var each in known)
        {
            if (ReferenceEquals(each.Masker, masker)) return each.Values;
        }
        var values = new int[sources.Length];
        for (var i = 0; i < values.Length; i++)
        {
            if (sources[i].IsDefault) values[i] = masker.StrongestOfColumns();
            else foreach (var column in sources[i]) values[i] = Math.Max(values[i], masker.RankOfColumn(column));
        }
        // A race looks up twice, to the same.
        Volatile.Write(ref _known, [new Ranks(masker, values), .. known.Take(MaxKnown - 1)]);
        return values;
    }

    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Ranks(Masker Masker, int[] Values);
}
