using Microsoft.Extensions.Logging;
using Postern.Protocols.Postgres.Sql;

namespace Postern.Protocols.Postgres;

/// <summary>What the sessions of one gateway share.</summary>
internal sealed class PostgresGateway : IDisposable
{
    public PostgresGateway(ProtocolServices services, IStatementReader statements)
    {
        Services = services;
        Statements = statements;
        Notes = new RefusalNotes(services.Recorder, services.Clock, services.Logs.CreateLogger("Postern.Postgres"));
        Catalogues = new Catalogues(services, statements);
        Cancels = new CancelKeys(services.Clock);
        Idle = new IdleWatch(services.Clock, services.Sessions);
    }

    public ProtocolServices Services { get; }

    /// <summary>Text in, facts out.</summary>
    public IStatementReader Statements { get; }

    public RefusalNotes Notes { get; }

    public Catalogues Catalogues { get; }

    public CancelKeys Cancels { get; }

    public IdleWatch Idle { get; }

    public void Dispose() => Idle.Dispose();
}
