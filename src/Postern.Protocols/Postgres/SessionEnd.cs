using Postern.Protocols.Postgres.Wire;

namespace Postern.Protocols.Postgres;

/// <summary>Why the gateway ends a session that did nothing wrong.</summary>
internal enum SessionEnd
{
    /// <summary>It does not.</summary>
    None,

    /// <summary>Nobody used it.</summary>
    Idle,

    /// <summary>The gateway stops.</summary>
    Stopping,

    /// <summary>Its identity was revoked, or the right to it ended.</summary>
    Cut,
}

/// <summary>What the client is told then.</summary>
internal static class SessionEnds
{
    public static Report? ReportOf(SessionEnd end) => end switch
    {
        SessionEnd.Idle => new Report(OwnMessages.Fatal, SqlState.IdleSession, "the session was idle for too long, so the gateway ended it") { Hint = "Connect again." },
        SessionEnd.Stopping => new Report(OwnMessages.Fatal, SqlState.Shutdown, "the gateway stops, so it ended the session") { Hint = "Connect again later." },
        _ => null,
    };
}
