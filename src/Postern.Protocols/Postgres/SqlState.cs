namespace Postern.Protocols.Postgres;

/// <summary>The SQLSTATEs that the gateway itself answers with (PostgreSQL documentation, appendix A).</summary>
internal static class SqlState
{
    public const string NoInformation = "00000";
    public const string ProtocolViolation = "08P01";
    public const string ConnectionFailure = "08006";
    public const string NotSupported = "0A000";
    public const string InvalidAuthorization = "28000";
    public const string InvalidPassword = "28P01";
    public const string InvalidStatementName = "26000";
    public const string InvalidCursorName = "34000";
    public const string NotPermitted = "42501";
    public const string SyntaxError = "42601";
    public const string TooManyConnections = "53300";
    public const string LimitExceeded = "54000";
    public const string Cancelled = "57014";
    public const string Shutdown = "57P01";
    public const string Unavailable = "57P03";
    public const string IdleSession = "57P05";
    public const string SystemError = "58000";
}
