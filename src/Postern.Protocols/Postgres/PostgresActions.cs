namespace Postern.Protocols.Postgres;

/// <summary>The actions of PostgreSQL operations, as records and approvals name them.</summary>
internal static class PostgresActions
{
    /// <summary>Opening a session to the target; lasts as long as the session.</summary>
    public const string Connect = "postgres.connect";

    /// <summary>Calling a function or procedure that is not built in and harmless.</summary>
    public const string Call = "postgres.call";

    /// <summary>The gateway's own: learning the names of a database.</summary>
    public const string ReadCatalogue = "postgres.catalogue.read";

    /// <summary>Before every statement word: <c>postgres.select</c>, <c>postgres.begin</c>, …</summary>
    public const string Prefix = "postgres.";
}
