using System.Collections.Immutable;

namespace Postern.Core.Masking;

/// <summary>A shape's places, compiled once: which values are roots of data, and which are structure.</summary>
internal sealed class ShapePlaces
{
    /// <summary>The whole document is the one root; how documents inside strings are read.</summary>
    public static readonly ShapePlaces Whole = new([[]], []);

    private const int Root = 1;
    private const int Structure = 2;

    private ShapePlaces(ImmutableArray<ImmutableArray<string>> roots, ImmutableArray<ImmutableArray<string>> structure)
    {
        Paths = new PathSet(
            roots.Select(place => (Steps(place), Root)).Concat(structure.Select(place => (Steps(place), Structure))));
    }

    public PathSet Paths { get; }

    public static ShapePlaces Of(FrameShape shape) =>
        shape.Roots.IsDefaultOrEmpty && shape.Structure.IsDefaultOrEmpty
            ? Whole
            : new ShapePlaces(shape.Roots.IsDefaultOrEmpty ? [[]] : shape.Roots, shape.Structure.IsDefault ? [] : shape.Structure);

    public static bool IsRoot(int value) => value == Root;

    public static bool IsStructure(int value) => value == Structure;

    private static ImmutableArray<PathStep> Steps(ImmutableArray<string> place) =>
        [.. place.Select(name => name == "[*]" ? PathStep.EveryItem : new PathStep(name, IsDeep: false))];
}
