using Microsoft.Data.Sqlite;
using Postern.Core.Recording;

namespace Postern.Gateway.Recordings;

/// <summary>What one transaction does to sessions: each is read once, when it is touched, and written once.</summary>
internal sealed class TouchedSessions(SqliteConnection sql) : IDisposable
{
    private readonly IndexStatement _find = new(sql, "select number from sessions where id = ?1");
    private readonly IndexStatement _greatest = new(sql, "select max(number) from sessions");

    private readonly IndexStatement _insert = new(sql,
        """
        insert into sessions (number, id, identity, name, agent, client, connection, protocol, started, last, first, newest, operations, done, denied, pending, failed, open, masked)
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)
        """);

    private readonly IndexStatement _update = new(sql,
        """
        update sessions set client = coalesce(client, ?2), last = max(last, ?3), newest = max(newest, ?4), operations = operations + ?5, done = done + ?6, denied = denied + ?7,
            pending = pending + ?8, failed = failed + ?9, open = open + ?10, masked = masked + ?11 where number = ?1
        """);

    private readonly Dictionary<string, Touched> _byId = new(StringComparer.Ordinal);
    private readonly Dictionary<long, Touched> _byNumber = [];
    private long _last = -1;

    /// <summary>The session of an operation that begins.</summary>
    /// <param name="intent">The operation.</param>
    /// <param name="number">Its number.</param>
    public Touched Begins(RecordedIntent intent, long number)
    {
        if (!_byId.TryGetValue(intent.Session, out var session)) _byId.Add(intent.Session, session = Open(intent, number));
        session.Client ??= intent.Client;
        session.Last = Math.Max(session.Last, intent.At.UtcTicks);
        session.Newest = number;
        session.Operations++;
        session.Open++;
        return session;
    }

    /// <summary>The session of an operation that was taken before.</summary>
    public Touched Of(long number)
    {
        if (!_byNumber.TryGetValue(number, out var session)) _byNumber.Add(number, session = new Touched(number, First: null, FirstNumber: 0));
        return session;
    }

    /// <summary>Writes them.</summary>
    public void Finish()
    {
        foreach (var session in _byNumber.Values)
        {
            if (session.First is { } first)
            {
                _insert.Run(
                    session.Number, first.Session, first.Identity.Key, first.Identity.Name, first.Identity.Agent, session.Client, first.Connection.Name, first.Connection.Protocol, first.At.UtcTicks,
                    session.Last, session.FirstNumber, session.Newest, session.Operations, session.Done, session.Denied, session.Pending, session.Failed, session.Open, session.Masked);
            }
            else
            {
                _update.Run(
                    session.Number, session.Client, session.Last, session.Newest, session.Operations, session.Done, session.Denied, session.Pending, session.Failed, session.Open, session.Masked);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _find.Dispose();
        _greatest.Dispose();
        _insert.Dispose();
        _update.Dispose();
    }

    private Touched Open(RecordedIntent intent, long number)
    {
        var isKnown = _find.Begin(intent.Session);
        var known = isKnown ? _find.Number(0) : 0;
        _find.End();
        if (isKnown) return Of(known);
        if (_last < 0)
        {
            _last = _greatest.Begin() ? _greatest.OptionalNumber(0) ?? 0 : 0;
            _greatest.End();
        }
        var session = new Touched(++_last, intent, number);
        _byNumber.Add(session.Number, session);
        return session;
    }
}

/// <summary>What a transaction does to one session.</summary>
/// <param name="Number">Its number.</param>
/// <param name="First">Its first operation, when it is new.</param>
/// <param name="FirstNumber">That one's number.</param>
internal sealed record Touched(long Number, RecordedIntent? First, long FirstNumber)
{
    public string? Client { get; set; }

    public long Last { get; set; }

    public long Newest { get; set; }

    public long Operations { get; set; }

    public long Done { get; private set; }

    public long Denied { get; private set; }

    public long Pending { get; private set; }

    public long Failed { get; private set; }

    public long Open { get; set; }

    public long Masked { get; private set; }

    /// <summary>One of its operations ended.</summary>
    public void Ended(RecordedEnding ending)
    {
        Open--;
        Last = Math.Max(Last, ending.At.UtcTicks);
        Masked += ending.Reply?.Masked ?? 0;
        if (ending.Outcome == "done") Done++;
        else if (ending.Outcome == "denied") Denied++;
        else if (ending.Outcome == "pending") Pending++;
        else Failed++;
    }
}
