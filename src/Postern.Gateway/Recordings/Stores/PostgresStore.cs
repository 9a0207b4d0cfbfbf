using System.Globalization;
using System.Runtime.CompilerServices;
using Npgsql;
using NpgsqlTypes;
using Postern.Gateway.Configuration;

// What the other side writes into an error may hold what it was sent: nothing of it goes further, not even as an inner exception.
#pragma warning disable MA0054

namespace Postern.Gateway.Recordings.Stores;

/// <summary>
/// Pieces as rows of a table, which are inserted and never updated: <c>SELECT</c> and <c>INSERT</c> are all the rights that the role
/// needs once the table is there.
/// </summary>
internal sealed class PostgresStore : IRecordingStore
{
    private const int ConnectSeconds = 10;
    private const int CommandSeconds = 120;
    private const int PageRows = 1_000;

    private readonly StoreTarget.Postgres _target;
    private readonly NpgsqlDataSource _source;
    private readonly SemaphoreSlim _preparing = new(1);
    private volatile bool _isPrepared;

    public PostgresStore(StoreTarget.Postgres target)
    {
        _target = target;
        var text = new NpgsqlConnectionStringBuilder
        {
            Host = target.Host,
            Port = target.Port,
            Database = target.Database,
            Username = target.User,
            Password = target.Password,
            SslMode = target.UsesTls ? SslMode.VerifyFull : SslMode.Disable,
            ChannelBinding = target.UsesTls ? ChannelBinding.Prefer : ChannelBinding.Disable,
            RootCertificate = target.Authorities,
            ApplicationName = "postern",
            Timeout = ConnectSeconds,
            CommandTimeout = CommandSeconds,
            MaxPoolSize = 4,
            IncludeErrorDetail = false,
            PersistSecurityInfo = false,
        };
        _source = NpgsqlDataSource.Create(text);
    }

    public string Place => string.Create(CultureInfo.InvariantCulture, $"table `{_target.Table}` of database `{_target.Database}` at `{_target.Host}:{_target.Port}`");

    public ValueTask<bool> PutAsync(string name, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) => AskAsync(async () =>
    {
        await PrepareAsync(cancellationToken).ConfigureAwait(false);
        await using var insert = _source.CreateCommand($"insert into {_target.Table} (name, bytes) values ($1, $2) on conflict (name) do nothing");
        insert.Parameters.Add(new NpgsqlParameter { Value = StoreNames.Checked(name), NpgsqlDbType = NpgsqlDbType.Text });
        insert.Parameters.Add(new NpgsqlParameter { Value = bytes, NpgsqlDbType = NpgsqlDbType.Bytea });
        return await insert.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false) == 1;
    }, cancellationToken);

    public async IAsyncEnumerable<StoredPiece> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var last = "";
        while (true)
        {
            var after = last;
            var page = await AskAsync(() => PageAsync(prefix, after, cancellationToken), cancellationToken).ConfigureAwait(false);
            foreach (var piece in page)
            {
                if (!piece.Name.StartsWith(prefix, StringComparison.Ordinal) || string.CompareOrdinal(piece.Name, last) <= 0) throw new StoreException($"the {Place} lists its rows out of order");
                last = piece.Name;
                yield return piece;
            }
            if (page.Count < PageRows) yield break;
        }
    }

    public ValueTask<byte[]?> ReadAsync(string name, CancellationToken cancellationToken) => AskAsync(async () =>
    {
        await PrepareAsync(cancellationToken).ConfigureAwait(false);
        await using var select = _source.CreateCommand($"select bytes from {_target.Table} where name = $1");
        select.Parameters.Add(new NpgsqlParameter { Value = StoreNames.Checked(name), NpgsqlDbType = NpgsqlDbType.Text });
        return await select.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false) as byte[];
    }, cancellationToken);

    public ValueTask DisposeAsync()
    {
        _preparing.Dispose();
        return _source.DisposeAsync();
    }

    private async Task<List<StoredPiece>> PageAsync(string prefix, string after, CancellationToken cancellationToken)
    {
        await PrepareAsync(cancellationToken).ConfigureAwait(false);
        await using var select = _source.CreateCommand($"select name, length(bytes)::bigint from {_target.Table} where starts_with(name, $1) and name > $2 order by name limit {PageRows}");
        select.Parameters.Add(new NpgsqlParameter { Value = prefix, NpgsqlDbType = NpgsqlDbType.Text });
        select.Parameters.Add(new NpgsqlParameter { Value = after, NpgsqlDbType = NpgsqlDbType.Text });
        await using var rows = await select.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        var page = new List<StoredPiece>();
        while (await rows.ReadAsync(cancellationToken).ConfigureAwait(false)) page.Add(new StoredPiece(rows.GetString(0), rows.GetInt64(1)));
        return page;
    }

    /// <summary>Makes the table where there is none; a role that may not make tables works with one that somebody made.</summary>
    private async ValueTask PrepareAsync(CancellationToken cancellationToken)
    {
        if (_isPrepared) return;
        await _preparing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (!_isPrepared) await MakeTableAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (PostgresException raced) when (raced.SqlState is PostgresErrorCodes.UniqueViolation or PostgresErrorCodes.DuplicateTable)
        {
            // Another gateway made it at the same moment, which `if not exists` does not see.
            _isPrepared = true;
        }
        finally
        {
            _preparing.Release();
        }
    }

    private async Task MakeTableAsync(CancellationToken cancellationToken)
    {
        await using (var look = _source.CreateCommand("select to_regclass($1) is not null"))
        {
            look.Parameters.Add(new NpgsqlParameter { Value = _target.Table, NpgsqlDbType = NpgsqlDbType.Text });
            _isPrepared = (bool)(await look.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!;
        }
        if (_isPrepared) return;
        // Names compare by their characters here as everywhere else, whatever the database's language. `external`: what is stored compresses little and is read whole.
        await using var make = _source.CreateCommand(
            $"create table if not exists {_target.Table} (name text collate \"C\" primary key, bytes bytea not null, stored_at timestamptz not null default now()); alter table {_target.Table} alter column bytes set storage external");
        await make.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        _isPrepared = true;
    }

    private async ValueTask<T> AskAsync<T>(Func<Task<T>> ask, CancellationToken cancellationToken)
    {
        try
        {
            return await ask().ConfigureAwait(false);
        }
        catch (PostgresException refused)
        {
            // The code and not the message, which may hold what was sent (PostgreSQL, "Error Message Style Guide").
            throw new StoreException($"the {Place} refuses (SQLSTATE {refused.SqlState})");
        }
        catch (Exception fault) when (fault is NpgsqlException or IOException or TimeoutException or InvalidOperationException or InvalidCastException)
        {
            throw new StoreException(fault is TimeoutException or { InnerException: TimeoutException } ? $"the {Place} did not answer in time" : $"the {Place} cannot be reached ({(fault.InnerException ?? fault).GetType().Name})");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new StoreException($"the {Place} did not answer in time");
        }
    }
}
