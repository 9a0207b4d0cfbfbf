using System.Collections.Immutable;
using Dapper;
using Postern.Core.Operations;

namespace Postern.Gateway.Recordings;

/// <summary>Where the operations of a session stand in the journal.</summary>
public sealed partial class RecordingIndex
{
    /// <summary>The operations of a session, each with the segment in which its intent stands.</summary>
    internal async ValueTask<ImmutableArray<(OperationId Operation, int Segment)>> FindPlacesAsync(string session, CancellationToken cancellationToken)
    {
        await CatchUpAsync(cancellationToken).ConfigureAwait(false);
        return await _file.InTransactionAsync((sql, transaction) => sql.Query<OperationPlaceRow>("select id as Id, segment as Segment from operations where session = @session", new { session }, transaction)
            .Select(row => OperationId.TryParse(row.Id, out var id) ? (id, (int)row.Segment) : throw new InvalidDataException($"the index names an operation `{row.Id}`, which none is")).ToImmutableArray(), cancellationToken).ConfigureAwait(false);
    }

    private sealed class OperationPlaceRow
    {
        public string Id { get; set; } = "";

        public long Segment { get; set; }
    }
}
