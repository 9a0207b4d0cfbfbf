using Postern.Core.Masking;
using Postern.Protocols.Postgres.Sql;

namespace Postern.Protocols.Postgres;

/// <summary>How masks read what servers send and clients ask; the one place where the session meets the masks.</summary>
internal static class ReplyShapes
{
    /// <summary>Batches without rows: errors, notices, settings, tags.</summary>
    public static FrameShape Plain => FrameShape.Text;

    /// <summary>Units as clients send them.</summary>
    public static FrameShape Unit => FrameShape.Text;

    /// <summary>Batches with rows of this description.</summary>
    public static FrameShape Rows(ReadOnlySpan<byte> description, SqlStatement? statement) => FrameShape.Text;
}
