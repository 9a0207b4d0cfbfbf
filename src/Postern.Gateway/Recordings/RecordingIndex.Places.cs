using System.Collections.Immutable;
using Postern.Core.Operations;
using Postern.Gateway.Recordings.Search;

namespace Postern.Gateway.Recordings;

/// <summary>Where the operations of a session stand in the journal.</summary>
public sealed partial class RecordingIndex
{
    /// <summary>The operations of a session, each with the segment in which its intent stands.</summary>
    internal async ValueTask<ImmutableArray<(OperationId Operation, int Segment)>> FindPlacesAsync(string session, CancellationToken cancellationToken)
    {
        await CatchUpAsync(cancellationToken).ConfigureAwait(false);
        return await _file.InTransactionAsync((sql, transaction) =>
        {
            if (Find(sql, transaction, session) is not { } row) return [];
            using var fresh = new FreshTerms();
            using var search = new OperationSearch(sql, fresh);
            return search.Of(row).Select(one => OperationId.TryParse(one.Row.Id, out var id) ? (id, one.Row.Segment) : throw new InvalidDataException($"the index names an operation `{one.Row.Id}`, which none is")).ToImmutableArray();
        }, cancellationToken).ConfigureAwait(false);
    }
}
