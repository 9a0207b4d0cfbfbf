using System.Globalization;
using Postern.Core.Recording;
using Postern.Gateway.Api;
using Postern.Gateway.Policies;
using Postern.Gateway.Recordings.Keys;

namespace Postern.Gateway.Recordings.Retention;

/// <summary>How long recordings are kept.</summary>
/// <param name="Connections">By connection.</param>
/// <param name="Usual">Of every other connection; null for ever.</param>
internal sealed record KeepTimes(IReadOnlyDictionary<string, TimeSpan> Connections, TimeSpan? Usual)
{
    /// <summary>How long those of a connection are kept; null for ever. What was done to the gateway itself is never erased because of its age.</summary>
    public TimeSpan? Of(string connection) =>
        string.Equals(connection, GatewayVocabulary.Protocol, StringComparison.Ordinal) ? null : Connections.TryGetValue(connection, out var own) ? own : Usual;

    /// <summary>The shortest of them; null when everything is kept for ever.</summary>
    public TimeSpan? Shortest => Connections.Values.Append(Usual ?? TimeSpan.MaxValue).Min() is var shortest && shortest == TimeSpan.MaxValue ? null : shortest;
}

/// <summary>One pass over the sessions whose time may be over: an operation on the one path for each page of them that is, with a tombstone for each session.</summary>
internal sealed class RetentionPass(DataKeyFile keys, RecordingIndex index, SessionEraser eraser, OwnOperations own, KeepTimes keep, TimeProvider clock)
{
    private const int Page = 100;

    private readonly RetentionClock _watch = new(clock);
    private volatile string? _complaint;

    /// <summary>Why nothing expires at present, or null.</summary>
    public string? Complaint => _complaint;

    /// <summary>Erases what is past its time.</summary>
    /// <returns>How many sessions.</returns>
    public async ValueTask<int> RunAsync(CancellationToken cancellationToken)
    {
        if (keep.Shortest is not { } shortest) return 0;
        _complaint = _watch.Doubt(await keys.LatestAsync().ConfigureAwait(false), out var now);
        if (_complaint is not null) return 0;
        await keys.SeenAsync(now).ConfigureAwait(false);
        var expired = 0;
        for (var after = ""; ;)
        {
            var page = await keys.MadeBeforeAsync(now - shortest, after, Page).ConfigureAwait(false);
            if (page.IsEmpty) return expired;
            after = page[^1];
            var over = new List<(string Session, TimeSpan Kept)>();
            // Most of them are kept, some for ever: what is looked at every hour costs a row, and operations are read of what is erased.
            foreach (var age in await index.FindAgesAsync(page, cancellationToken).ConfigureAwait(false))
            {
                if (age.Open == 0 && keep.Of(age.Connection) is { } kept && age.Last + kept < now) over.Add((age.Session, kept));
            }
            if (over.Count > 0) expired += await ExpireAsync(over, now, cancellationToken).ConfigureAwait(false);
        }
    }

    private async ValueTask<int> ExpireAsync(List<(string Session, TimeSpan Kept)> over, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var expired = 0;
        var problem = await own.RunAsync(GatewayVocabulary.ExpireSessions, json =>
        {
            json.WriteStartArray("sessions");
            foreach (var (session, _) in over) json.WriteStringValue(session);
            json.WriteEndArray();
        }, async _ =>
        {
            foreach (var (session, kept) in over)
            {
                var why = string.Create(CultureInfo.InvariantCulture, $"kept for {kept.TotalDays:0.###} days");
                var (outcome, _) = await eraser.EraseAsync(session, new Erasure(now, PolicyPublisher.Itself.Key, why, IsExpiry: true), cancellationToken).ConfigureAwait(false);
                if (outcome == EraseOutcome.Erased) expired++;
            }
        }).ConfigureAwait(false);
        if (problem is not null) _complaint = $"what is past its time could not be erased: {problem}";
        return expired;
    }
}
