using Microsoft.Data.Sqlite;

namespace Postern.Gateway.Storage;

/// <summary>
/// A second connection to a file in WAL mode that somebody else writes: reads as of when each reading begins, and neither waits for the
/// writer nor makes it wait. One reader at a time, on the thread pool.
/// </summary>
internal sealed class SqliteReading : IDisposable
{
    private readonly SqliteConnection _connection;
    private readonly SemaphoreSlim _turn = new(1, 1);

    /// <exception cref="InvalidDataException">It cannot be opened.</exception>
    public SqliteReading(string path, params ReadOnlySpan<string> pragmas)
    {
        SqliteSetup.Use();
        _connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false, Mode = SqliteOpenMode.ReadWrite }.ToString());
        try
        {
            _connection.Open();
            Run("pragma query_only = on");
            foreach (var pragma in pragmas) Run($"pragma {pragma}");
        }
        catch (SqliteException fault)
        {
            _connection.Dispose();
            throw new InvalidDataException($"`{path}` cannot be read as a database (SQLite error {fault.SqliteErrorCode})", fault);
        }
    }

    /// <summary>Reads, all of it from one state of the file.</summary>
    public async ValueTask<T> ReadAsync<T>(Func<SqliteConnection, SqliteTransaction, T> read, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return await Task.Run(
                () =>
                {
                    using var transaction = _connection.BeginTransaction(deferred: true);
                    return read(_connection, transaction);
                },
                CancellationToken.None).ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _turn.Wait(TimeSpan.FromSeconds(10));
        _connection.Dispose();
        _turn.Dispose();
    }

    private void Run(string sql)
    {
        using var command = _connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
