using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Dapper;
using Postern.Core.Grants;
using Postern.Gateway.Storage;

namespace Postern.Gateway.Grants;

/// <summary>
/// Grants in <c>grants.db</c>. Every change is one transaction that compares and sets, flushed before it is answered
/// (<c>synchronous = full</c>): what was given, and what was taken back, is so after a crash.
/// </summary>
public sealed class SqliteGrantStore : IGrantStore, IDisposable
{
    /// <summary>The database's name in the data folder.</summary>
    public const string FileName = "grants.db";

    // Times are 100 ns ticks since year 1 in UTC: exactly what the clock said, and comparable as numbers.
    private const string Schema = """
        create table grants (
            id text primary key,
            holder text not null,
            state text not null,
            asked_at integer not null,
            document text not null
        );
        create index grants_by_holder on grants (holder, asked_at);
        create index grants_by_state on grants (state);
        create table seen (latest integer not null);
        insert into seen (latest) values (0);
        """;

    private static readonly JsonSerializerOptions Json = new()
    {
        Converters = { new JsonStringEnumConverter() },
        RespectNullableAnnotations = true,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    private readonly SqliteFile _file;

    private SqliteGrantStore(SqliteFile file) => _file = file;

    /// <summary>Opens the grants of a data folder, or makes them.</summary>
    /// <exception cref="InvalidDataException">The file cannot be used; says what to do.</exception>
    public static SqliteGrantStore Open(string folder) => new(SqliteFile.Open(
        Path.Combine(folder, FileName), ["journal_mode = wal", "synchronous = full", "busy_timeout = 5000", "trusted_schema = off"], Schema));

    /// <inheritdoc/>
    public async ValueTask AddAsync(Grant grant, CancellationToken cancellationToken) =>
        await _file.InTransactionAsync(
            (sql, transaction) => sql.Execute(
                "insert into grants (id, holder, state, asked_at, document) values (@Id, @Holder, @State, @At, @Document)",
                new { grant.Id, grant.Holder, State = grant.State.ToString(), At = grant.AskedAt.UtcTicks, Document = TextOf(grant) }, transaction),
            cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public ValueTask<Grant?> FindAsync(string id, CancellationToken cancellationToken) => _file.InTransactionAsync(
        (sql, transaction) => sql.QueryFirstOrDefault<string>("select document from grants where id = @id", new { id }, transaction) is { } document ? Read(document) : null, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<ImmutableArray<Grant>> ListAsync(string? holder, int limit, CancellationToken cancellationToken) => _file.InTransactionAsync(
        (sql, transaction) => sql.Query<string>(
            "select document from grants where @holder is null or holder = @holder order by asked_at desc, rowid desc limit @limit",
            new { holder, limit = Math.Max(limit, 0) }, transaction).Select(Read).ToImmutableArray(), cancellationToken);

    /// <inheritdoc/>
    public ValueTask<ImmutableArray<Grant>> InAsync(GrantState state, CancellationToken cancellationToken) => _file.InTransactionAsync(
        (sql, transaction) => sql.Query<string>(
            "select document from grants where state = @state order by asked_at, rowid", new { state = state.ToString() }, transaction).Select(Read).ToImmutableArray(), cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<bool> TryChangeAsync(Grant seen, Grant changed, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(seen);
        ArgumentNullException.ThrowIfNull(changed);
        return await _file.InTransactionAsync(
            (sql, transaction) => sql.Execute(
                "update grants set state = @To, document = @Document where id = @Id and state = @From",
                new { seen.Id, From = seen.State.ToString(), To = changed.State.ToString(), Document = TextOf(changed) }, transaction),
            cancellationToken).ConfigureAwait(false) == 1;
    }

    /// <inheritdoc/>
    public async ValueTask ForgetAsync(string id, CancellationToken cancellationToken) =>
        await _file.InTransactionAsync(
            (sql, transaction) => sql.Execute("delete from grants where id = @id and state = 'Asked'", new { id }, transaction), cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public ValueTask<DateTimeOffset> SeenAsync(DateTimeOffset now, CancellationToken cancellationToken) => _file.InTransactionAsync(
        (sql, transaction) => new DateTimeOffset(sql.ExecuteScalar<long>("update seen set latest = max(latest, @now) returning latest", new { now = now.UtcTicks }, transaction), TimeSpan.Zero), cancellationToken);

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private static string TextOf(Grant grant) => JsonSerializer.Serialize(grant, Json);

    private static Grant Read(string document)
    {
        try
        {
            return JsonSerializer.Deserialize<Grant>(document, Json) ?? throw new JsonException();
        }
        catch (JsonException fault)
        {
            throw new InvalidDataException("a stored grant cannot be read; it was changed from outside, or written by another version", fault);
        }
    }
}
