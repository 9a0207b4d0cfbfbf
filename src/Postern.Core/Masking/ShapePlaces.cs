using System.Collections.Immutable;

namespace Postern.Core.Masking;

/// <summary>A shape's places, compiled once: which values are roots of data, and which are structure.</summary>
internal sealed class ShapePlaces
{
    /// <summary>The whole document is the one root; how documents inside strings are read.</summary>
    public static readonly ShapePlaces Whole = new([[]], FrameShape.Json);

    // Where two meet, the stronger wins.
    private const int Root = 1;
    private const int Blob = 2;
    private const int Description = 3;
    private const int Token = 4;
    private const int Structure = 5;

    private ShapePlaces(ImmutableArray<ImmutableArray<string>> roots, FrameShape shape)
    {
        Paths = new PathSet([.. Of(roots, Root), .. Of(shape.Blobs, Blob), .. Of(shape.Descriptions, Description), .. Of(shape.Tokens, Token), .. Of(shape.Structure, Structure)]);
    }

    public PathSet Paths { get; }

    public static ShapePlaces Of(FrameShape shape) => new(shape.Roots.IsDefaultOrEmpty ? [[]] : shape.Roots, shape);

    public static bool IsRoot(int value) => value == Root;

    public static bool IsBlob(int value) => value == Blob;

    public static bool IsDescription(int value) => value == Description;

    public static bool IsToken(int value) => value == Token;

    public static bool IsStructure(int value) => value == Structure;

    private static IEnumerable<(ImmutableArray<PathStep> Steps, int Value)> Of(ImmutableArray<ImmutableArray<string>> places, int value) =>
        places.IsDefault ? [] : places.Select(place => (Steps(place), value));

    private static ImmutableArray<PathStep> Steps(ImmutableArray<string> place) => [.. place.Select(Step)];

    private static PathStep Step(string name) => name switch
    {
        "[*]" => PathStep.EveryItem,
        "{*}" => PathStep.EveryMember,
        _ => new PathStep(name, IsDeep: false),
    };
}
