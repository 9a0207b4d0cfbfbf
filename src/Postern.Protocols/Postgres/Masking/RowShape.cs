using System.Collections.Immutable;
using Postern.Core.Masking;
using Postern.Protocols.Postgres.Sql;

namespace Postern.Protocols.Postgres.Masking;

/// <summary>How masks read what a server sends.</summary>
internal static class RowShape
{
    /// <summary>Batches without rows.</summary>
    public static FrameShape Plain { get; } = FrameShape.Cells(new ReplyReader(RowColumns.None));

    /// <summary>Batches with rows of this description, and whatever stands around them; at most one description's rows in a batch.</summary>
    /// <param name="description">The body of the RowDescription, with the formats that the rows will have.</param>
    /// <param name="output">What the statement's columns come from; default when nobody can tell.</param>
    /// <exception cref="MaskingException">It is not what it should be.</exception>
    public static FrameShape For(ReadOnlySpan<byte> description, ImmutableArray<OutputColumn> output) =>
        FrameShape.Cells(new ReplyReader(RowColumns.Read(description, output)));
}
