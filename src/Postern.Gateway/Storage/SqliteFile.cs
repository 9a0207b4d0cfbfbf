using Dapper;
using Microsoft.Data.Sqlite;

namespace Postern.Gateway.Storage;

/// <summary>
/// A database file of one purpose: one connection, one caller at a time, on the thread pool, because SQLite blocks and the threads
/// that serve sockets must not.
/// </summary>
internal sealed class SqliteFile : IDisposable
{
    private readonly SqliteConnection _connection;
    private readonly SemaphoreSlim _turn = new(1, 1);

    private SqliteFile(SqliteConnection connection) => _connection = connection;

    /// <summary>Opens or makes the file, readable by its owner only.</summary>
    /// <param name="path">The file.</param>
    /// <param name="pragmas">Settings of the connection, each run by itself.</param>
    /// <param name="steps">Each makes the next shape out of the one before, the first out of an empty file; a file is brought to the last.</param>
    /// <exception cref="InvalidDataException">It cannot be opened, or is of another version.</exception>
    public static SqliteFile Open(string path, IEnumerable<string> pragmas, params ReadOnlySpan<string> steps) => Open(path, pragmas, steps.Length, steps);

    /// <summary>The same for a file whose older shapes are not brought further: the last step makes shape <paramref name="version"/>.</summary>
    public static SqliteFile Open(string path, IEnumerable<string> pragmas, int version, params ReadOnlySpan<string> steps)
    {
        SqliteSetup.Use();
        if (!OperatingSystem.IsWindows() && !File.Exists(path))
        {
            var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite };
            new FileStream(path, options).Dispose();
        }
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false, DefaultTimeout = SqliteSetup.PatienceSeconds }.ToString());
        try
        {
            connection.Open();
            foreach (var pragma in pragmas) connection.Execute($"pragma {pragma}");
            var found = connection.ExecuteScalar<int>("pragma user_version");
            var oldest = version - steps.Length;
            if (found > version || (found != 0 && found <= oldest)) throw new InvalidDataException($"`{path}` has shape {found}, expected {(oldest + 1 == version ? "" : "at most ")}{version}; use the Postern that wrote it, or restore a backup");
            for (var step = found == 0 ? 0 : found - oldest; step < steps.Length; step++)
            {
                using var transaction = connection.BeginTransaction();
                connection.Execute(steps[step], transaction: transaction);
                connection.Execute($"pragma user_version = {oldest + step + 1}", transaction: transaction);
                transaction.Commit();
            }
            return new SqliteFile(connection);
        }
        catch (SqliteException fault)
        {
            connection.Dispose();
            throw new InvalidDataException($"`{path}` cannot be used as a database (SQLite error {fault.SqliteErrorCode}); restore a backup, or move it away", fault);
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>Runs <paramref name="work"/> in one transaction; as durable as the file's settings when the task completes.</summary>
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

    /// <summary>Runs statements that may not stand in a transaction.</summary>
    public async ValueTask RunAsync(string sql)
    {
        await _turn.WaitAsync(CancellationToken.None).ConfigureAwait(false);
        try
        {
            await Task.Run(() => _connection.Execute(sql), CancellationToken.None).ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Brings the log into the file and empties it, so that nothing that was deleted stands there any more.</summary>
    /// <exception cref="InvalidOperationException">Somebody reads for longer than the file's patience; it is to be tried again.</exception>
    public async ValueTask TruncateLogAsync()
    {
        await _turn.WaitAsync(CancellationToken.None).ConfigureAwait(false);
        try
        {
            var isBusy = await Task.Run(() => _connection.ExecuteScalar<long>("pragma wal_checkpoint(truncate)"), CancellationToken.None).ConfigureAwait(false) != 0;
            if (isBusy) throw new InvalidOperationException("the database's log is in use and cannot be emptied now");
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // As the gateway's own database: not beneath a transaction that is under way.
        _turn.Wait(TimeSpan.FromSeconds(10));
        _connection.Dispose();
        _turn.Dispose();
    }
}
