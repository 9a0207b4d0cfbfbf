using System.Collections.Immutable;
using System.Text.Json;
using Dapper;
using Postern.Core.Recording;

namespace Postern.Gateway.Recordings;

/// <summary>What tells whether a session's time may be over.</summary>
/// <param name="Session">Its id.</param>
/// <param name="Connection">Its connection's name.</param>
/// <param name="Last">Its latest operation or ending.</param>
/// <param name="Open">How many operations of it are under way.</param>
internal sealed record SessionAge(string Session, string Connection, DateTimeOffset Last, int Open);

/// <summary>How old sessions are, a page of them by one question that reads no operation.</summary>
public sealed partial class RecordingIndex
{
    /// <summary>The ages of those among the sessions that are known, by the rows of sessions alone.</summary>
    internal async ValueTask<ImmutableArray<SessionAge>> FindAgesAsync(IReadOnlyList<string> sessions, CancellationToken cancellationToken)
    {
        await CatchUpAsync(cancellationToken).ConfigureAwait(false);
        return await _file.InTransactionAsync((sql, transaction) => sql.Query<AgeRow>(
            "select id as Id, connection as Connection, last as Last, open as Open from sessions where id in (select value from json_each(@ids)) order by id",
            new { ids = JsonSerializer.Serialize(sessions) }, transaction).Select(row => new SessionAge(row.Id, row.Connection, IndexRows.Time(row.Last), row.Open)).ToImmutableArray(), cancellationToken).ConfigureAwait(false);
    }

    private sealed class AgeRow
    {
        public string Id { get; set; } = "";

        public string Connection { get; set; } = "";

        public long Last { get; set; }

        public int Open { get; set; }
    }
}
