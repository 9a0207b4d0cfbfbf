using System.Collections.Immutable;

namespace Postern.Core.Masking;

/// <summary>How a frame's content is read by masks.</summary>
public enum FrameForm
{
    /// <summary>One complete JSON document in UTF-8.</summary>
    Json,

    /// <summary>Text in UTF-8.</summary>
    Text,
}

/// <summary>
/// Where values stand in a frame. Protocols declare their shapes once, as static instances.
/// </summary>
public sealed class FrameShape
{
    /// <summary>Plain text: detectors only.</summary>
    public static readonly FrameShape Text = new() { Form = FrameForm.Text };

    /// <summary>A JSON document whose root is <c>$</c>.</summary>
    public static readonly FrameShape Json = new() { Form = FrameForm.Json };

    /// <summary>JSON or text.</summary>
    public required FrameForm Form { get; init; }

    /// <summary>
    /// JSON: the places whose value is a data document of its own, each a path of member names from the frame's root
    /// (<c>[*]</c> stands for every array item). A mask's <c>$</c> is each of these. Empty means the frame itself.
    /// A string that stands at such a place and holds a JSON object or array is read as that document.
    /// </summary>
    public ImmutableArray<ImmutableArray<string>> Roots { get; init; } = [];

    /// <summary>
    /// JSON: places that masks never change, because the protocol would break (an envelope's id, say). Same path form as
    /// <see cref="Roots"/>; covers the whole value there.
    /// </summary>
    public ImmutableArray<ImmutableArray<string>> Structure { get; init; } = [];

    /// <summary>The places, compiled on first use; a race compiles twice, to the same.</summary>
    internal ShapePlaces Places => _places ??= ShapePlaces.Of(this);

    private ShapePlaces? _places;
}
