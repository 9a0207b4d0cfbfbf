using System.Buffers.Binary;
using Dapper;
using Microsoft.Data.Sqlite;
using Postern.Core.Recording;
using Postern.Gateway.Storage;

namespace Postern.Gateway.Recordings.Keys;

/// <summary>Reads data keys, beside a gateway that runs or without one. Any thread: one question at a time, each by primary key.</summary>
internal sealed class DataKeyReading : IDataKeys, IDisposable
{
    private readonly SqliteConnection _connection;
    private readonly MasterKey _master;
    private readonly Lock _gate = new();
    private volatile int _generation;

    private DataKeyReading(SqliteConnection connection, MasterKey master) => (_connection, _master) = (connection, master);

    /// <inheritdoc/>
    public int Generation => _generation;

    /// <summary>Opens a file that is there.</summary>
    /// <param name="path">The file.</param>
    /// <param name="master">Unwraps; the caller keeps it.</param>
    /// <exception cref="RecordingException">It is no such file, or cannot be read.</exception>
    public static DataKeyReading Open(string path, MasterKey master)
    {
        SqliteSetup.Use();
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Mode = SqliteOpenMode.ReadWrite, Pooling = false }.ToString());
        try
        {
            connection.Open();
            connection.Execute("pragma busy_timeout = 5000; pragma query_only = on; pragma trusted_schema = off");
            _ = connection.ExecuteScalar<long>("select count(*) from legal_holds");
            return new DataKeyReading(connection, master);
        }
        catch (SqliteException fault)
        {
            connection.Dispose();
            throw new RecordingException($"the data keys `{path}` cannot be read (SQLite error {fault.SqliteErrorCode})", fault);
        }
    }

    /// <inheritdoc/>
    public DataKeyFinding Find(UInt128 id)
    {
        var name = NameOf(id);
        lock (_gate)
        {
            if (_connection.QueryFirstOrDefault<DataKeyRow>(DataKeyRows.Find, new { id = name }) is { } row)
            {
                return new DataKeyFinding(string.Equals(row.Master, _master.Id, StringComparison.Ordinal) ? _master.Unwrap(id, row.Session, row.Wrapped) : null, Erasure: null);
            }
            return new DataKeyFinding(Key: null, _connection.QueryFirstOrDefault<ErasureRow>(DataKeyRows.FindErasure, new { id = name })?.ToErasure());
        }
    }

    /// <summary>How a session was erased; null when it was not.</summary>
    public Erasure? FindErasure(string session)
    {
        lock (_gate)
        {
            return _connection.QueryFirstOrDefault<ErasureRow>(
                "select session as Session, at as At, by as By, why as Why, expiry as Expiry, operations as Operations from erasures where session = @session", new { session })?.ToErasure();
        }
    }

    /// <summary>Keys were destroyed: whoever kept some forgets them.</summary>
    public void Forget() => Interlocked.Increment(ref _generation);

    /// <summary>A key's id as its row has it.</summary>
    public static byte[] NameOf(UInt128 id)
    {
        var name = new byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(name, id);
        return name;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate) _connection.Dispose();
    }
}
