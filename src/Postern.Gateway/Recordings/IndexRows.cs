using System.Collections.Immutable;
using Postern.Core.Recording;
using Postern.Gateway.Recordings.Search;

namespace Postern.Gateway.Recordings;

/// <summary>Rows of the index and what they are made from. Times are 100 ns ticks since year 1 in UTC.</summary>
internal static class IndexRows
{
    public const int Version = 2;

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
            last integer not null,
            operations integer not null default 0,
            done integer not null default 0,
            denied integer not null default 0,
            pending integer not null default 0,
            failed integer not null default 0,
            open integer not null default 0,
            masked integer not null default 0
        );
        create index sessions_by_last on sessions (last);
        create index sessions_by_identity on sessions (identity, last);
        create index sessions_by_connection on sessions (connection, last);
        create table operations (
            number integer primary key,
            id text not null unique,
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
        create index operations_by_at on operations (at);
        create table chunks (
            chunk integer primary key,
            from_at integer not null,
            to_at integer not null
        );
        create table postings (
            chunk integer not null,
            term integer not null,
            slots blob not null,
            primary key (chunk, term)
        ) without rowid;
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
    public const string Clear = "delete from cursor; delete from sessions; delete from operations; delete from chunks; delete from postings; delete from denials;";

    /// <summary>Sessions that a filter asks for: each condition names an index.</summary>
    public static string Sessions(bool byIdentity, bool byConnection, bool byId)
    {
        var conditions = string.Join(" and ", new[] { byId ? "id = @id" : null, byIdentity ? "identity = @identity" : null, byConnection ? "connection = @connection" : null }.OfType<string>());
        return $"""
            select id as Id, identity as Identity, name as Name, agent as Agent, client as Client, connection as Connection, protocol as Protocol,
                started as Started, last as Last, operations as Operations, done as Done, denied as Denied, pending as Pending, failed as Failed, open as Open, masked as MaskedValues
            from sessions {(conditions.Length == 0 ? "" : "where " + conditions)} order by last desc, id desc limit @limit
            """;
    }

    public const string Operations = """
        select id as Id, session as Session, at as At, action as Action, summary as Summary, decision as Decision, rule as Rule, reason as Reason,
            outcome as Outcome, code as Code, hold as Hold, ended_at as EndedAt, reply_bytes as ReplyBytes, masked as MaskedValues, sequence as Sequence
        from operations where session = @session and sequence > @after order by sequence limit @limit
        """;

    /// <summary>One operation for a list of what was found: <c>?1</c> is its number.</summary>
    public const string Found = """
        select o.id, o.session, o.at, o.action, o.summary, o.decision, o.rule, o.reason, o.outcome, o.code, o.hold, o.ended_at, o.reply_bytes, o.masked, o.sequence,
            o.identity, s.name, s.agent, s.client, s.connection, s.protocol
        from operations o join sessions s on s.id = o.session where o.number = ?1
        """;

    /// <summary>The first operation that was asked at an instant or later: chunks say where to look.</summary>
    public static readonly string FirstAt = $"""
        select segment as Segment, position as Position from operations
        where number >= (select chunk from chunks where to_at >= @from order by chunk limit 1) * {SlotSet.Size} and at >= @from order by number limit 1
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
