using System.Collections.Immutable;
using Microsoft.Data.Sqlite;
using Postern.Core.Yaml;

namespace Postern.Gateway.Storage;

/// <summary>
/// The control plane's own database, <c>postern.db</c>. One connection, one caller at a time, on the thread pool: SQLite blocks,
/// and the threads that serve sockets must not.
/// </summary>
internal sealed class GatewayDatabase : IDisposable
{
    public const string FileName = "postern.db";

    private static readonly TimeSpan LongestTransaction = TimeSpan.FromSeconds(10);

    private readonly SqliteConnection _connection;
    private readonly SemaphoreSlim _turn = new(1, 1);

    private GatewayDatabase(SqliteConnection connection) => _connection = connection;

    /// <summary>Opens the database of a data folder, makes it when there is none, and brings it to the current shape.</summary>
    /// <exception cref="GatewayStartException">It cannot be opened, or a newer Postern wrote it.</exception>
    public static GatewayDatabase Open(string folder)
    {
        var path = Path.Combine(folder, FileName);
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false, DefaultTimeout = SqliteSetup.PatienceSeconds }.ToString());
        try
        {
            SqliteSetup.Use();
            connection.Open();
            // Full: a change that was answered for is on the disk, not in the system's cache.
            Run(connection, "pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on; pragma busy_timeout = 5000; pragma trusted_schema = off;");
            Migrations.Apply(connection);
            return new GatewayDatabase(connection);
        }
        catch (Exception broken) when (broken is SqliteException or InvalidDataException)
        {
            connection.Dispose();
            var why = broken is InvalidDataException ? broken.Message : $"SQLite says `{((SqliteException)broken).SqliteErrorCode}`";
            throw new GatewayStartException([new SourceProblem(path, 0, 0, $"cannot use the database: {why}")]);
        }
    }

    /// <summary>Runs <paramref name="work"/> in one transaction, durable when the task completes.</summary>
    public async ValueTask<T> InTransactionAsync<T>(Func<SqliteConnection, SqliteTransaction, T> work, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return await Task.Run(() => Transacting.Run(_connection, work), CancellationToken.None).ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Null while the database can be read and written.</summary>
    public async ValueTask<string?> ComplaintAsync(CancellationToken cancellationToken)
    {
        try
        {
            await InTransactionAsync(
                static (connection, transaction) =>
                {
                    using var command = connection.CreateCommand();
                    command.Transaction = transaction;
                    command.CommandText = "update heartbeat set beats = beats + 1";
                    return command.ExecuteNonQuery();
                },
                cancellationToken).ConfigureAwait(false);
            return null;
        }
        catch (SqliteException)
        {
            return "the database cannot be written";
        }
    }

    public void Dispose()
    {
        // A transaction that is under way ends first: a connection that is closed beneath it breaks in the middle.
        _turn.Wait(LongestTransaction);
        _connection.Dispose();
        _turn.Dispose();
    }

    private static void Run(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // fixed texts of ours
        command.CommandText = sql;
#pragma warning restore CA2100
        command.ExecuteNonQuery();
    }
}
