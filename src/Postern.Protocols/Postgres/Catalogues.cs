using System.Collections.Concurrent;
using Postern.Core.Approvals;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Protocols.Postgres.Sql;
using Postern.Upstreams.Postgres;

namespace Postern.Protocols.Postgres;

/// <summary>
/// What the names of each connection's database mean: a snapshot that all its sessions share, read by the gateway itself through the
/// same six steps. Read again after DDL, when a name is not known, and when it has become old.
/// </summary>
internal sealed class Catalogues(ProtocolServices services, IStatementReader statements)
{
    /// <summary>A snapshot older than this is read again beside the work.</summary>
    public static readonly TimeSpan Stale = TimeSpan.FromMinutes(5);

    /// <summary>An unknown name does not make the gateway ask again sooner than this: whoever invents names must not keep the server busy.</summary>
    public static readonly TimeSpan Soonest = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<string, Entry> _byConnection = new(StringComparer.Ordinal);

    /// <summary>The snapshot; read when there is none yet.</summary>
    /// <exception cref="UpstreamException">It cannot be read.</exception>
    public ValueTask<Catalogue> GetAsync(Connection connection) => TryGet(connection) is { } current ? new(current) : new(EntryOf(connection).JoinAsync());

    /// <summary>The newest snapshot, if there is one; an old one is read again beside the work.</summary>
    public Catalogue? TryGet(Connection connection)
    {
        var entry = EntryOf(connection);
        if (entry.Current is { } current && services.Clock.GetElapsedTime(entry.ReadAt) > Stale) _ = RenewAsync(entry);
        return entry.Current;
    }

    /// <summary>
    /// The path by which names are found in this connection's sessions: the role's own when it was first read, with temporary relations last.
    /// Part of how each session begins, so that the names of all of them mean what the snapshot says. Empty before the first snapshot.
    /// </summary>
    public string PathOf(Connection connection) => EntryOf(connection).Path;

    /// <summary>A snapshot that begins after this call; the one that is there where it could not be had, or was read a moment ago and <paramref name="isForced"/> is false.</summary>
    public async ValueTask<Catalogue> RefreshAsync(Connection connection, bool isForced)
    {
        var entry = EntryOf(connection);
        if (!isForced && entry.Current is { } recent && services.Clock.GetElapsedTime(entry.ReadAt) < Soonest) return recent;
        return await entry.RefreshAsync().ConfigureAwait(false);
    }

    private static async Task RenewAsync(Entry entry) => await ((Task)entry.JoinAsync()).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    private Entry EntryOf(Connection connection) => _byConnection.TryGetValue(connection.Name, out var known) ? known : _byConnection.GetOrAdd(connection.Name, _ => new Entry(services, statements, connection));

    private sealed class Entry(ProtocolServices services, IStatementReader statements, Connection connection)
    {
        private readonly Lock _gate = new();
        private Task<Catalogue>? _running;
        private Task<Catalogue>? _next;

        public Catalogue? Current { get; private set; }

        public string Path { get; private set; } = "";

        public long ReadAt { get; private set; }

        /// <summary>One reading at a time; whoever comes while one runs gets the one after it, as that one may have begun too early.</summary>
        public Task<Catalogue> RefreshAsync()
        {
            lock (_gate)
            {
                if (_running is null) return _running = ReadAsync();
                return _next ??= AfterAsync(_running);
            }
        }

        /// <summary>The reading that runs, or a new one: enough where nothing is known to have changed.</summary>
        public Task<Catalogue> JoinAsync()
        {
            lock (_gate) return _running ??= ReadAsync();
        }

        private async Task<Catalogue> AfterAsync(Task running)
        {
            await running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            lock (_gate)
            {
                _running = _next;
                _next = null;
            }
            return await ReadAsync().ConfigureAwait(false);
        }

        private async Task<Catalogue> ReadAsync()
        {
            await Task.Yield(); // the caller may hold the lock
            try
            {
                var operation = PostgresOperations.ReadCatalogue(connection, services.Clock.GetUtcNow());
                var errand = new CatalogueErrand(services.Postgres!, operation) { Path = Path };
                await services.Pipeline.RunAsync(errand, Itself.Identity, services.Stopping).ConfigureAwait(false);
                var read = errand.Read ?? throw new UpstreamException(RefusalCode.UpstreamUnavailable, $"the catalogue of `{connection.Name}` could not be read") { NothingWasSent = true };
                read = await ViewLineage.ResolveAsync(read, statements, services.Stopping).ConfigureAwait(false);
                Path = errand.Path;
                ReadAt = services.Clock.GetTimestamp();
                return Current = read;
            }
            finally
            {
                lock (_gate)
                {
                    if (_next is null) _running = null;
                }
            }
        }
    }

    /// <summary>The reading, as an operation.</summary>
    private sealed class CatalogueErrand(IPostgresDialer dialer, Operation operation) : IExchange, IReplySink
    {
        public Catalogue? Read { get; private set; }

        /// <summary>The path to read under; empty for the role's own, which stands here afterwards.</summary>
        public required string Path { get; set; }

        public Operation Operation => operation;

        public TimeSpan Patience => TimeSpan.Zero;

        public IReplySink Replies => this;

        public async ValueTask ForwardAsync(Clearance clearance, CancellationToken cancellationToken)
        {
            var link = await dialer.OpenAsync(clearance, Path.Length == 0 ? [] : [new(PostgresLink.Path, Path)], cancellationToken).ConfigureAwait(false);
            await using (link.ConfigureAwait(false))
            {
                using var abort = cancellationToken.UnsafeRegister(static state => ((PostgresLink)state!).Abort(), link);
                var builder = new CatalogueBuilder();
                try
                {
                    await link.AskAsync("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", static _ => { }).ConfigureAwait(false);
                    for (var i = 0; i < CatalogueQueries.All.Length; i++)
                    {
                        var query = i;
                        await link.AskAsync(CatalogueQueries.All[i], row => builder.Add(query, row)).ConfigureAwait(false);
                    }
                    await link.AskAsync("COMMIT", static _ => { }).ConfigureAwait(false);
                    Read = builder.Build();
                    Path = link.SearchPath;
                }
                catch (FormatException malformed)
                {
                    throw new UpstreamException(RefusalCode.UpstreamInvalid, malformed.Message, malformed);
                }
            }
        }

        public ValueTask WriteAsync(Masked<ReadOnlyMemory<byte>> content, object? tag, CancellationToken cancellationToken) => default;

        public ValueTask RefuseAsync(Refusal refusal, CancellationToken cancellationToken) => default;

        public ValueTask PendAsync(Refusal refusal, Hold hold, CancellationToken cancellationToken) => default;
    }
}
