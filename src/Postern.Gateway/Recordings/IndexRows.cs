using System.Collections.Immutable;
using Postern.Core.Recording;

namespace Postern.Gateway.Recordings;

/// <summary>Rows of the index and what they are made from. Times are 100 ns ticks since year 1 in UTC.</summary>
internal static class IndexRows
{
    public const int Version = 1;

    /// <summary>Everything here can be made again from the journal.</summary>
    public const string Schema = """
        create table cursor (
            journal text not null,
            sequence integer not null,
            segment integer not null,
            position integer not null
        );
        create table sessions (
            id text primary key,
            identity text not null,
            name text,
            agent text,
            client text,
            connection text not null,
            protocol text not null,
            started integer not null,
            last integer not null
        );
        create index sessions_by_last on sessions (last);
        create index sessions_by_identity on sessions (identity, last);
        create table operations (
            id text primary key,
            session text not null,
            identity text not null,
            at integer not null,
            action text not null,
            summary text not null,
            decision text not null,
            rule text,
            reason text not null,
            outcome text,
            code text,
            hold text,
            ended_at integer,
            reply_bytes integer not null default 0,
            masked integer not null default 0,
            segment integer not null,
            position integer not null,
            sequence integer not null,
            last_sequence integer
        );
        create index operations_by_session on operations (session, sequence);
        create table denials (
            sequence integer primary key,
            identity text not null,
            connection text not null,
            started integer not null,
            ended integer not null,
            count integer not null,
            summary text not null,
            code text
        );
        create index denials_by_identity on denials (identity, connection, started);
        """;

    /// <summary>Empties the tables; the next catch-up fills them.</summary>
    public const string Clear = "delete from cursor; delete from sessions; delete from operations; delete from denials;";

    public const string Sessions = """
        select s.id as Id, s.identity as Identity, s.name as Name, s.agent as Agent, s.client as Client, s.connection as Connection, s.protocol as Protocol,
            s.started as Started, s.last as Last, count(o.id) as Operations,
            coalesce(sum(o.outcome = 'done'), 0) as Done, coalesce(sum(o.outcome = 'denied'), 0) as Denied, coalesce(sum(o.outcome = 'pending'), 0) as Pending,
            coalesce(sum(o.outcome in ('failed', 'unknown')), 0) as Failed, coalesce(sum(o.id is not null and o.outcome is null), 0) as Open,
            coalesce(sum(o.masked), 0) as MaskedValues
        from (select * from sessions
              where (@identity is null or identity = @identity) and (@connection is null or connection = @connection) and (@id is null or id = @id)
              order by last desc, id desc limit @limit) s
        left join operations o on o.session = s.id
        group by s.id order by s.last desc, s.id desc
        """;

    public const string Operations = """
        select id as Id, session as Session, at as At, action as Action, summary as Summary, decision as Decision, rule as Rule, reason as Reason,
            outcome as Outcome, code as Code, hold as Hold, ended_at as EndedAt, reply_bytes as ReplyBytes, masked as MaskedValues, sequence as Sequence
        from operations where session = @session order by sequence
        """;

    public const string Denials = """
        select started as Started, ended as Ended, count as Count, identity as Identity, connection as Connection, summary as Summary, code as Code
        from denials where identity = @identity and connection = @connection and started >= @from and started <= @to order by sequence
        """;

    /// <summary>What the parts do and touch, for lists: at most 200 characters.</summary>
    public static string Summarise(ImmutableArray<RecordedPart> parts)
    {
        const int longest = 200;
        var texts = parts.Select(part =>
        {
            var touched = part.Facts.SelectMany(fact => fact.All ? ["(all)"] : fact.Values.AsEnumerable()).ToList();
            return touched.Count == 0 ? part.Action : $"{part.Action}: {string.Join(", ", touched)}";
        });
        var text = string.Join("; ", texts);
        return text.Length <= longest ? text : $"{text.AsSpan(0, longest - 1)}…";
    }

    public static DateTimeOffset Time(long ticks) => new(ticks, TimeSpan.Zero);
}

internal sealed class CursorRow
{
    public string Journal { get; set; } = "";

    public long Sequence { get; set; }

    public int Segment { get; set; }

    public long Position { get; set; }
}

internal sealed class SessionRow
{
    public string Id { get; set; } = "";

    public string Identity { get; set; } = "";

    public string? Name { get; set; }

    public string? Agent { get; set; }

    public string? Client { get; set; }

    public string Connection { get; set; } = "";

    public string Protocol { get; set; } = "";

    public long Started { get; set; }

    public long Last { get; set; }

    public int Operations { get; set; }

    public int Done { get; set; }

    public int Denied { get; set; }

    public int Pending { get; set; }

    public int Failed { get; set; }

    public int Open { get; set; }

    public long MaskedValues { get; set; }

    public SessionSummary ToSummary() => new(
        Id, Identity, Name, Agent, Client, Connection, Protocol, IndexRows.Time(Started), IndexRows.Time(Last), Operations, Done, Denied, Pending, Failed, Open, MaskedValues);
}

internal sealed class OperationRow
{
    public string Id { get; set; } = "";

    public string Session { get; set; } = "";

    public long At { get; set; }

    public string Action { get; set; } = "";

    public string Summary { get; set; } = "";

    public string Decision { get; set; } = "";

    public string? Rule { get; set; }

    public string Reason { get; set; } = "";

    public string? Outcome { get; set; }

    public string? Code { get; set; }

    public string? Hold { get; set; }

    public long? EndedAt { get; set; }

    public long ReplyBytes { get; set; }

    public long MaskedValues { get; set; }

    public long Sequence { get; set; }

    public OperationSummary ToSummary() => new(
        Id, Session, IndexRows.Time(At), Action, Summary, Decision, Rule, Reason, Outcome, Code, Hold,
        EndedAt is { } ended ? IndexRows.Time(ended) : null, ReplyBytes, MaskedValues, Sequence);
}

internal sealed class DenialRow
{
    public long Started { get; set; }

    public long Ended { get; set; }

    public long Count { get; set; }

    public string Identity { get; set; } = "";

    public string Connection { get; set; } = "";

    public string Summary { get; set; } = "";

    public string? Code { get; set; }

    public DenialSummary ToSummary() => new(IndexRows.Time(Started), IndexRows.Time(Ended), Count, Identity, Connection, Summary, Code);
}

internal sealed class PlaceRow
{
    public int Segment { get; set; }

    public long Position { get; set; }

    public long? LastSequence { get; set; }
}
