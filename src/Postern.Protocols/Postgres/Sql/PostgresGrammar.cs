namespace Postern.Protocols.Postgres.Sql;

/// <summary>PostgreSQL's own grammar on this machine: without it no statement is understood, and a gateway that needs it does not start.</summary>
public static class PostgresGrammar
{
    /// <summary>What is missing and what to install, or null when a worker starts and parses. Starts a process: once, when the gateway starts.</summary>
    public static string? Fault() => SqlWorkerPool.FaultOf(new SqlWorkerOptions());
}
