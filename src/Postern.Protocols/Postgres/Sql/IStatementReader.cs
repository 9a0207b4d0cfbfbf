namespace Postern.Protocols.Postgres.Sql;

/// <summary>SQL text in, facts out. Cached by text and catalogue; safe from any number of threads.</summary>
internal interface IStatementReader
{
    /// <summary>Reads a whole text, which may hold several statements.</summary>
    /// <param name="sql">UTF-8 as it will be sent, without the terminating NUL. Not kept unless it is worth caching (then copied).</param>
    /// <param name="catalogue">The names that it is resolved against.</param>
    /// <param name="caller">Whose text it is. What is not remembered is read one text of a caller at a time, so that nobody's stand before everybody else's.</param>
    /// <param name="cancellationToken">Ends the waiting; what is being parsed for others goes on.</param>
    ValueTask<StatementReading> ReadAsync(ReadOnlyMemory<byte> sql, Catalogue catalogue, string caller, CancellationToken cancellationToken);

    /// <summary>The same for a text of the gateway's own, which waits for nobody's turn.</summary>
    ValueTask<StatementReading> ReadAsync(ReadOnlyMemory<byte> sql, Catalogue catalogue, CancellationToken cancellationToken);
}
