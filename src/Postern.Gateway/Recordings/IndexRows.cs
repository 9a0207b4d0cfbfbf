using System.Collections.Immutable;
using Postern.Core.Recording;

namespace Postern.Gateway.Recordings;

/// <summary>Rows of the index and what they are made from. Times are 100 ns ticks since year 1 in UTC.</summary>
internal static class IndexRows
{
    public const int Version = 3;

    /// <summary>Everything here can be made again from the journal.</summary>
    public const string Schema = """
        -- Another one whenever what was read of the open chunk is not what stands there any more.
        create table edition (number integer not null);
        insert into edition (number) values (1);
        create table cursor (
            journal text not null,
            sequence integer not null,
            segment integer not null,
            position integer not null,
            next integer not null
        );
        create table sessions (
            number integer primary key,
            id text not null unique,
            identity text not null,
            name text,
            agent text,
            client text,
            connection text not null,
            protocol text not null,
            started integer not null,
            last integer not null,
            first integer not null,
            newest integer not null,
            operations integer not null,
            done integer not null,
            denied integer not null,
            pending integer not null,
            failed integer not null,
            open integer not null,
            masked integer not null
        );
        create index sessions_by_last on sessions (last);
        create index sessions_by_identity on sessions (identity, last);
        create index sessions_by_connection on sessions (connection, last);
        -- Blocks of rows, by the number of the first.
        create table operations (
            first integer primary key,
            rows blob not null
        );
        -- Those that have no ending yet.
        create table open (
            number integer primary key,
            id text not null unique,
            session integer not null
        );
        -- Operations that follow each other. The last one is open while its bits are null: its terms are in `fresh`.
        create table chunks (
            chunk integer primary key,
            first integer not null,
            count integer not null,
            pairs integer not null,
            bits integer,
            from_at integer not null,
            to_at integer not null
        );
        create table times (
            chunk integer primary key,
            times blob not null
        );
        -- Terms of the open chunk, a block for each transaction.
        create table fresh (
            id integer primary key,
            block blob not null
        );
        -- Terms of all others: the block of a term is that of its chunk and its first bits.
        create table words (
            key integer primary key,
            block blob not null
        );
        -- What became known of the operations of a chunk after it was closed.
        create table late (
            chunk integer primary key,
            block blob not null
        );
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
    public const string Clear = """
        delete from cursor; delete from sessions; delete from operations; delete from open; delete from chunks; delete from times; delete from fresh; delete from words; delete from late; delete from denials;
        update edition set number = number + 1;
        """;

    /// <summary>Sessions that a filter asks for: each condition names an index.</summary>
    public static string Sessions(bool byIdentity, bool byConnection, bool byId)
    {
        var conditions = string.Join(" and ", new[] { byId ? "id = @id" : null, byIdentity ? "identity = @identity" : null, byConnection ? "connection = @connection" : null }.OfType<string>());
        return $"""
            select number as Number, first as First, newest as Newest, id as Id, identity as Identity, name as Name, agent as Agent, client as Client, connection as Connection, protocol as Protocol,
                started as Started, last as Last, operations as Operations, done as Done, denied as Denied, pending as Pending, failed as Failed, open as Open, masked as MaskedValues
            from sessions {(conditions.Length == 0 ? "" : "where " + conditions)} order by last desc, id desc limit @limit
            """;
    }

    /// <summary>Whose an operation is, for a list of what was found: <c>?1</c> is the session's number.</summary>
    public const string SessionOf = "select id, name, agent, client, connection, protocol from sessions where number = ?1";

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

    public long Next { get; set; }
}

internal sealed class SessionRow
{
    public long Number { get; set; }

    /// <summary>The number of its first operation.</summary>
    public long First { get; set; }

    /// <summary>The number of its newest operation.</summary>
    public long Newest { get; set; }

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
