using Postern.Core.Masking;
using Postern.Protocols.Postgres.Masking;
using Postern.Protocols.Postgres.Sql;

namespace Postern.Protocols.Postgres;

/// <summary>How masks read what servers send and clients ask; the one place where the session meets the masks.</summary>
internal static class ReplyShapes
{
    /// <summary>Batches without rows: errors, notices, settings, tags.</summary>
    public static FrameShape Plain => RowShape.Plain;

    /// <summary>Units in which nothing is asked, as clients send them.</summary>
    public static FrameShape Unit => FrameShape.Text;

    /// <summary>Batches with rows of this description.</summary>
    public static FrameShape Rows(ReadOnlySpan<byte> description, SqlStatement? statement) => RowShape.For(description, statement?.Output ?? default);
}
