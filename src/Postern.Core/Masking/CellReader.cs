namespace Postern.Core.Masking;

/// <summary>
/// How a protocol's frames hold values: the protocol says where each stands, of which form it is and how it is framed again; what
/// becomes of it is for masks to say. Immutable, safe for concurrent use: a frame is read once for the caller and once for the record.
/// </summary>
public abstract class CellReader
{
    /// <summary>What the values show, by position.</summary>
    public virtual CellColumns Columns => CellColumns.None;

    /// <summary>
    /// Reads one frame to its end. Asks <paramref name="run"/> of every value in it, and gives it what stands in a value's place, in
    /// the order of the frame.
    /// </summary>
    /// <exception cref="MaskingException">The frame is not what it should be, or holds what cannot be masked.</exception>
    public abstract void Read(ReadOnlySpan<byte> frame, scoped ref CellRun run);
}
