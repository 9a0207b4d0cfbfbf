using System.Collections.Immutable;
using Postern.Core.Masking;
using Postern.Core.Operations;

namespace Postern.Core.Policy;

/// <summary>One mask of the policy: where it applies and to whose copy.</summary>
internal sealed class Mask
{
    /// <summary>Place among all masks.</summary>
    public required int Ordinal { get; init; }

    public required MaskRule Rule { get; init; }

    /// <summary>Empty means everywhere.</summary>
    public ImmutableArray<Entry> On { get; init; } = [];

    /// <summary>Null: whoever it is, the gateway itself included.</summary>
    public Who? Who { get; init; }

    /// <summary>Whose own copy is cleared; the record never is.</summary>
    public Who? Except { get; init; }

    public bool Touches(Operation operation)
    {
        if (On.IsEmpty) return true;
        foreach (var entry in On)
        {
            if (!entry.IsOn(operation.Connection)) continue;
            foreach (var part in operation.Parts)
            {
                if (entry.Touches(part)) return true;
            }
        }
        return false;
    }
}
