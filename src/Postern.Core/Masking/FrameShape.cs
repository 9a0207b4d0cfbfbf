using System.Collections.Immutable;

namespace Postern.Core.Masking;

/// <summary>How a frame's content is read by masks.</summary>
public enum FrameForm
{
    /// <summary>One complete JSON document in UTF-8.</summary>
    Json,

    /// <summary>Text in UTF-8.</summary>
    Text,

    /// <summary>Values in a frame of a protocol's own, which its <see cref="CellReader"/> knows.</summary>
    Cells,

    /// <summary>Bytes that no mask can read: a reply of them is blocked under any mask; of input, the record then keeps length and digest alone.</summary>
    Bytes,
}

/// <summary>
/// Where values stand in a frame. Protocols declare their shapes once, as static instances.
/// </summary>
public sealed class FrameShape
{
    /// <summary>Plain text: detectors only.</summary>
    public static readonly FrameShape Text = new() { Form = FrameForm.Text };

    /// <summary>Bytes that no mask can read.</summary>
    public static readonly FrameShape Bytes = new() { Form = FrameForm.Bytes };

    /// <summary>A JSON document whose root is <c>$</c>.</summary>
    public static readonly FrameShape Json = new() { Form = FrameForm.Json };

    /// <summary>Values that a protocol's reader takes out of the frame.</summary>
    public static FrameShape Cells(CellReader reader) => new() { Form = FrameForm.Cells, Reader = reader };

    /// <summary>How the frame is read.</summary>
    public required FrameForm Form { get; init; }

    /// <summary>Cells: the protocol's reader; null otherwise.</summary>
    public CellReader? Reader { get; private init; }

    /// <summary>
    /// JSON: the places whose value is a data document of its own, each a path of member names from the frame's root
    /// (<c>[*]</c> stands for every array item, <c>{*}</c> for every member). A mask's <c>$</c> is each of these. Empty means the frame itself.
    /// A string that stands at such a place and holds a JSON object or array is read as that document.
    /// </summary>
    public ImmutableArray<ImmutableArray<string>> Roots { get; init; } = [];

    /// <summary>
    /// JSON: the protocol has read every such frame to its end, as one document of at most 64 levels, before it is masked. A frame
    /// in which no mask could find anything is then not read a second time.
    /// </summary>
    public bool IsRead { get; init; }

    /// <summary>
    /// JSON: places that masks neither change nor read, because the reader of the frame put the value there itself (the id of
    /// its own request, say) or the protocol fixes it. Same path form as <see cref="Roots"/>; covers the whole value there.
    /// </summary>
    public ImmutableArray<ImmutableArray<string>> Structure { get; init; } = [];

    /// <summary>
    /// JSON: places that the protocol needs unchanged although the target chooses them (a cursor, a type). Where a detector
    /// finds something there, the frame is blocked: it cannot be masked, and must not pass. Covers the whole value there.
    /// </summary>
    public ImmutableArray<ImmutableArray<string>> Tokens { get; init; } = [];

    /// <summary>
    /// JSON: places that describe values instead of holding them (a schema): detectors read them, paths do not lead into them.
    /// </summary>
    public ImmutableArray<ImmutableArray<string>> Descriptions { get; init; } = [];

    /// <summary>
    /// JSON: places that hold bytes in base 64 (RFC 4648). Where a mask decodes base 64 they are masked as what they decode to.
    /// </summary>
    public ImmutableArray<ImmutableArray<string>> Blobs { get; init; } = [];

    /// <summary>The places, compiled on first use; a race compiles twice, to the same.</summary>
    internal ShapePlaces Places => _places ??= ShapePlaces.Of(this);

    private ShapePlaces? _places;
}
