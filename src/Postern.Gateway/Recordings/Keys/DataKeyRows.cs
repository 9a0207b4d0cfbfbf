namespace Postern.Gateway.Recordings.Keys;

/// <summary>The tables of <c>keys.db</c>. Times are 100 ns ticks since year 1 in UTC.</summary>
internal static class DataKeyRows
{
    /// <summary>
    /// <c>keys</c>: the wrapped keys; <c>gone</c>: which keys a session had that was erased; <c>erasures</c>: by whom and why, and whether the journal
    /// says so yet (0 not, 1 it does, 2 and the disk was given back); <c>legal_holds</c>: what may not be erased;
    /// <c>seen</c>: the latest instant at which age was judged.
    /// </summary>
    public const string Schema = """
        create table keys (id blob primary key, session text not null, made integer not null, master text not null, wrapped blob not null) without rowid;
        create index keys_by_session on keys (session);
        create index keys_by_age on keys (made);
        create table seen (latest integer not null);
        create table gone (id blob primary key, session text not null) without rowid;
        create table erasures (session text primary key, at integer not null, by text not null, why text not null, expiry integer not null, operations integer not null, told integer not null) without rowid;
        create table legal_holds (session text primary key, at integer not null, by text not null, why text not null) without rowid;
        """;

    /// <summary>Every commit survives a power loss, and what is deleted is overwritten.</summary>
    public static readonly string[] Pragmas = ["journal_mode = wal", "synchronous = full", "secure_delete = on", "busy_timeout = 5000", "trusted_schema = off"];

    public const string Find = """
        select session as Session, master as Master, wrapped as Wrapped from keys where id = @id
        """;

    public const string FindErasure = """
        select e.session as Session, e.at as At, e.by as By, e.why as Why, e.expiry as Expiry, e.operations as Operations from gone g join erasures e on e.session = g.session where g.id = @id
        """;
}

internal sealed class DataKeyRow
{
    public byte[] Id { get; set; } = [];

    public string Session { get; set; } = "";

    public string Master { get; set; } = "";

    public byte[] Wrapped { get; set; } = [];
}

internal sealed class ErasureRow
{
    public string Session { get; set; } = "";

    public long At { get; set; }

    public string By { get; set; } = "";

    public string Why { get; set; } = "";

    public bool Expiry { get; set; }

    public int Operations { get; set; }

    public Core.Recording.Erasure ToErasure() => new(new DateTimeOffset(At, TimeSpan.Zero), By, Why, Expiry);
}

internal sealed class LegalHoldRow
{
    public string Session { get; set; } = "";

    public long At { get; set; }

    public string By { get; set; } = "";

    public string Why { get; set; } = "";
}
