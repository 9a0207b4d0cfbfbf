using System.Buffers;
using Postern.Core.Masking;

namespace Postern.Protocols.HttpData.Forms;

/// <summary>
/// How a body of one media type is shown to masks: as JSON, and back. What masks saw, and nothing else, is what is written out again,
/// so a value that a form does not know of cannot pass it by. What cannot be read in its form is a <see cref="FormatException"/>.
/// </summary>
internal abstract class BodyForm
{
    /// <summary>How masks read the JSON.</summary>
    public virtual FrameShape Shape => FrameShape.Json;

    /// <summary>True when the JSON is the body itself.</summary>
    public virtual bool IsJson => false;

    /// <summary>Writes the body as JSON.</summary>
    /// <param name="body">Whole, in UTF-8.</param>
    /// <param name="json">Takes one JSON document.</param>
    /// <exception cref="FormatException">It is not of this form.</exception>
    public abstract void ToJson(ReadOnlySpan<byte> body, IBufferWriter<byte> json);

    /// <summary>Writes masked JSON as a body.</summary>
    public abstract void FromJson(ReadOnlySpan<byte> json, IBufferWriter<byte> body);
}
