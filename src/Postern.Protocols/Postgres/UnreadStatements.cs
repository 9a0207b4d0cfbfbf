using Postern.Protocols.Postgres.Sql;

namespace Postern.Protocols.Postgres;

/// <summary>Where nobody can read statements, none is understood, and so none is permitted.</summary>
internal sealed class UnreadStatements : IStatementReader
{
    private static readonly StatementReading _undecidable = new StatementReading.Undecidable("there is no reader of statements here");

    public ValueTask<StatementReading> ReadAsync(ReadOnlyMemory<byte> sql, Catalogue catalogue, CancellationToken cancellationToken) => new(_undecidable);
}
