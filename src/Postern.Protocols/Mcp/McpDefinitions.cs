using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Postern.Core.Json;
using Postern.Core.Operations;

namespace Postern.Protocols.Mcp;

/// <summary>
/// What each target defines, pinned by hash (guarantee G19). The first fetch of a connection is accepted; what changes or
/// appears later is hidden and refused until an administrator accepts it.
/// </summary>
public sealed partial class McpDefinitions : IDefinitionCatalogue
{
    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(2);

    private readonly ConcurrentDictionary<string, Pinned> _connections = new(StringComparer.Ordinal);
    private readonly ProtocolServices _services;
    private readonly ILogger _logger;

    internal McpDefinitions(ProtocolServices services)
    {
        _services = services;
        _logger = services.Logs.CreateLogger("Postern.Mcp.Definitions");
    }

    /// <inheritdoc/>
    public bool Knows(string connection) => _connections.TryGetValue(connection, out var pinned) && pinned.IsKnown;

    /// <inheritdoc/>
    public Definition? Find(string connection, string fact, string name) =>
        _connections.TryGetValue(connection, out var pinned) && pinned.Entries.TryGetValue((fact, name), out var entry) ? entry.Accepted : null;

    /// <inheritdoc/>
    public bool IsQuarantined(string connection, string fact, string name) => PinOf(connection, fact, name).IsQuarantined;

    /// <inheritdoc/>
    public IEnumerable<string> Names(string connection, string fact) => _connections.TryGetValue(connection, out var pinned)
        ? pinned.Entries.Where(pair => pair.Key.Fact == fact && pair.Value.Accepted is not null).Select(pair => pair.Key.Name)
        : [];

    /// <summary>Everything known of a connection, accepted or waiting.</summary>
    public IReadOnlyList<StoredDefinition> Of(string connection) =>
        _connections.TryGetValue(connection, out var pinned) ? [.. pinned.Entries.Values.Select(entry => entry.Stored)] : [];

    /// <summary>
    /// Accepts definitions exactly as a person was shown them, all or none, and records who did. What changed again since it
    /// was shown is refused: nobody has seen what it says now.
    /// </summary>
    /// <param name="connection">Whose definitions they are.</param>
    /// <param name="shown">What was shown.</param>
    /// <param name="by">Who accepts.</param>
    /// <param name="cancellationToken">Ends the wait for its turn; what was begun is finished.</param>
    /// <exception cref="Core.Recording.RecordingException">It cannot be written down; nothing is accepted.</exception>
    public async ValueTask<Acceptance> AcceptAsync(Connection connection, IReadOnlyList<ShownDefinition> shown, Identity by, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(connection);
        ArgumentNullException.ThrowIfNull(shown);
        ArgumentNullException.ThrowIfNull(by);
        var pinned = For(connection.Name);
        await pinned.Gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await LoadAsync(connection, pinned, cancellationToken).ConfigureAwait(false);
            var accepted = new List<Entry>();
            foreach (var one in shown)
            {
                var named = pinned.Entries.Values.Where(entry => entry.Stored.Name == one.Name && entry.IsQuarantined).ToArray();
                var meant = named.Where(entry => entry.Stored.SeenHash == one.Hash).ToArray();
                if (named.Length == 0) return new Acceptance(0, $"no definition `{one.Name}` waits to be accepted");
                if (meant.Length == 0) return new Acceptance(0, $"`{one.Name}` is not what was shown: expected the hash `{one.Hash}`, found `{named[0].Stored.SeenHash}`; read it again and accept what it says now");
                accepted.AddRange(meant.Select(entry => Entry.Of(entry.Stored with { AcceptedHash = entry.Stored.SeenHash, AcceptedDocument = entry.Stored.SeenDocument })));
            }
            foreach (var one in shown)
            {
                await _services.Recorder.NoteAsync(
                    new Core.Recording.Occurrence("definition.accepted", _services.Clock.GetUtcNow(), [new("connection", connection.Name), new("name", one.Name), new("hash", one.Hash), new("by", by.Key)]),
                    CancellationToken.None).ConfigureAwait(false);
            }
            // Durable first: what is lost in a crash must be the acceptance, never the quarantine.
            await _services.Definitions.SaveAsync(connection.Name, [.. accepted.Select(entry => entry.Stored)], CancellationToken.None).ConfigureAwait(false);
            var changedMeanwhile = new List<StoredDefinition>();
            foreach (var entry in accepted)
            {
                // A list may have shown yet another form of it meanwhile. What was accepted is in force; that form waits.
                var now = pinned.Entries.AddOrUpdate(entry.Key, entry, (_, known) => Entry.Of(known.Stored with { AcceptedHash = entry.Stored.AcceptedHash, AcceptedDocument = entry.Stored.AcceptedDocument }));
                if (now.IsQuarantined) changedMeanwhile.Add(now.Stored);
            }
            if (changedMeanwhile.Count > 0) await SaveAsync(connection.Name, changedMeanwhile, CancellationToken.None).ConfigureAwait(false);
            return new Acceptance(accepted.Count, null);
        }
        finally
        {
            pinned.Gate.Release();
        }
    }

    /// <summary>Fetches once; later calls return at once. A target that was down is tried again, at most every two seconds.</summary>
    internal ValueTask EnsureAsync(Connection connection, CancellationToken cancellationToken)
    {
        var pinned = For(connection.Name);
        return pinned.IsKnown ? default : RefreshAsync(connection, pinned, isForced: false, cancellationToken);
    }

    /// <summary>Fetches now if nothing is known yet: the target just answered, so it is there.</summary>
    internal ValueTask EnsureNowAsync(Connection connection, CancellationToken cancellationToken)
    {
        var pinned = For(connection.Name);
        return pinned.IsKnown ? default : RefreshAsync(connection, pinned, isForced: true, cancellationToken);
    }

    /// <summary>Fetches in the background, once however often it is asked for meanwhile.</summary>
    internal void RefreshSoon(Connection connection)
    {
        var pinned = For(connection.Name);
        if (Interlocked.Exchange(ref pinned.Refreshing, 1) == 1) return;
        _ = Task.Run(async () =>
        {
            Interlocked.Exchange(ref pinned.Refreshing, 0);
            await RefreshAsync(connection, pinned, isForced: true, _services.Stopping).ConfigureAwait(false);
        });
    }

    /// <summary>What is known of the definition behind a name.</summary>
    internal McpPin PinOf(string connection, string fact, string name) =>
        _connections.TryGetValue(connection, out var pinned) && pinned.Entries.TryGetValue((fact, name), out var entry)
            ? new McpPin(entry.Accepted?.Hash, entry.IsQuarantined)
            : default;

    /// <summary>Compares what a list just said with what was accepted; what differs is quarantined before anyone sees it.</summary>
    internal async ValueTask ObserveAsync(Connection connection, string fact, List<McpListItem> items, CancellationToken cancellationToken)
    {
        var pinned = For(connection.Name);
        if (!pinned.IsKnown) return; // nothing was accepted yet, so there is nothing to compare with, and nothing is shown
        List<StoredDefinition>? changed = null;
        foreach (var item in items)
        {
            if (pinned.Entries.TryGetValue((fact, item.Name), out var entry) && entry.Stored.SeenDocument.Span.SequenceEqual(item.Document.Span)) continue;
            if (Note(pinned, fact, item, accept: false) is { } stored) (changed ??= []).Add(stored);
        }
        if (changed is not null) await SaveAsync(connection.Name, changed, cancellationToken).ConfigureAwait(false);
    }

    private Pinned For(string connection) => _connections.GetOrAdd(connection, static _ => new Pinned());

    private async ValueTask RefreshAsync(Connection connection, Pinned pinned, bool isForced, CancellationToken cancellationToken)
    {
        await pinned.Gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            // Whoever waited for another's attempt takes its outcome.
            if (!isForced && (pinned.IsKnown || !pinned.IsDue(_services.Clock, RetryInterval))) return;
            pinned.LastAttempt = _services.Clock.GetTimestamp();
            await LoadAsync(connection, pinned, cancellationToken).ConfigureAwait(false);
            var catalogue = await new McpDefinitionReader(_services, connection).ReadAsync(cancellationToken).ConfigureAwait(false);
            if (catalogue is null)
            {
                NotRead(_logger, connection.Name);
                return;
            }
            var isFirst = !pinned.HasHistory;
            var changed = new List<StoredDefinition>();
            foreach (var (fact, items) in new[] { (McpVocabulary.Tool, catalogue.Tools), (McpVocabulary.Prompt, catalogue.Prompts) })
            {
                foreach (var item in items)
                {
                    if (Note(pinned, fact, item, accept: isFirst) is { } stored) changed.Add(stored);
                }
            }
            if (changed.Count > 0) await SaveAsync(connection.Name, changed, cancellationToken).ConfigureAwait(false);
            pinned.HasHistory = true;
            pinned.IsKnown = true;
        }
        catch (Exception fault) when (fault is not OperationCanceledException)
        {
            NotKept(_logger, connection.Name, fault.GetType().Name);
        }
        finally
        {
            pinned.Gate.Release();
        }
    }

    /// <summary>What was known before this start; under the gate.</summary>
    private async ValueTask LoadAsync(Connection connection, Pinned pinned, CancellationToken cancellationToken)
    {
        if (pinned.IsLoaded) return;
        var stored = await _services.Definitions.LoadAsync(connection.Name, cancellationToken).ConfigureAwait(false);
        foreach (var definition in stored) pinned.Entries[(definition.Fact, definition.Name)] = Entry.Of(definition);
        pinned.HasHistory = stored.Count > 0;
        pinned.IsLoaded = true;
    }

    /// <summary>Takes one definition in; returns what is to be stored, or null when nothing changed.</summary>
    private StoredDefinition? Note(Pinned pinned, string fact, McpListItem item, bool accept)
    {
        var hash = CanonicalJson.DigestOf(item.Document.Span).ToString();
        var document = item.Document.ToArray();
        var now = _services.Clock.GetUtcNow();
        StoredDefinition? changed = null;
        pinned.Entries.AddOrUpdate(
            (fact, item.Name),
            _ => Entry.Of(changed = accept
                ? new StoredDefinition(fact, item.Name, hash, document, hash, document, now)
                : new StoredDefinition(fact, item.Name, null, default, hash, document, now)),
            (_, known) =>
            {
                if (known.Stored.SeenHash == hash)
                {
                    // The same in other spelling: remembered, so that the next comparison is of bytes alone.
                    changed = null;
                    return known with { Stored = known.Stored with { SeenDocument = document } };
                }
                changed = known.Stored with { SeenHash = hash, SeenDocument = document, SeenAt = now };
                if (accept) changed = changed with { AcceptedHash = hash, AcceptedDocument = document };
                return Entry.Of(changed);
            });
        if (changed is not null && changed.AcceptedHash != changed.SeenHash) Quarantined(_logger, fact, changed.Name);
        return changed;
    }

    private async ValueTask SaveAsync(string connection, List<StoredDefinition> changed, CancellationToken cancellationToken)
    {
        try
        {
            await _services.Definitions.SaveAsync(connection, changed, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is not OperationCanceledException)
        {
            // The quarantine holds in memory; after a restart the next comparison finds the change again.
            NotKept(_logger, connection, fault.GetType().Name);
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "definitions of `{Connection}` could not be read from the target; the next request tries again")]
    private static partial void NotRead(ILogger logger, string connection);

    [LoggerMessage(2, LogLevel.Error, "definitions of `{Connection}` could not be kept: {Cause}")]
    private static partial void NotKept(ILogger logger, string connection, string cause);

    [LoggerMessage(3, LogLevel.Warning, "the {Fact} `{Name}` changed or appeared since it was accepted; it is hidden until an administrator accepts it")]
    private static partial void Quarantined(ILogger logger, string fact, string name);

    private sealed class Pinned
    {
        public ConcurrentDictionary<(string Fact, string Name), Entry> Entries { get; } = new();

        public SemaphoreSlim Gate { get; } = new(1, 1);

        public volatile bool IsKnown;
        public bool IsLoaded;
        public bool HasHistory;
        public long LastAttempt;
        public int Refreshing;

        public bool IsDue(TimeProvider clock, TimeSpan interval) => LastAttempt == 0 || clock.GetElapsedTime(LastAttempt) >= interval;
    }

    private sealed record Entry(StoredDefinition Stored, Definition? Accepted)
    {
        public (string Fact, string Name) Key => (Stored.Fact, Stored.Name);

        public bool IsQuarantined => Stored.AcceptedHash != Stored.SeenHash;

        public static Entry Of(StoredDefinition stored) => new(
            stored,
            stored.AcceptedHash is not null && Digest.TryParse(stored.AcceptedHash, out var hash) ? new Definition(stored.Name, hash, InputSchemaOf(stored.AcceptedDocument)) : null);

        private static ReadOnlyMemory<byte> InputSchemaOf(ReadOnlyMemory<byte> document)
        {
            using var parsed = JsonDocument.Parse(document);
            return parsed.RootElement.TryGetProperty("inputSchema", out var schema) ? System.Text.Encoding.UTF8.GetBytes(schema.GetRawText()) : default;
        }
    }
}

/// <summary>A definition as a person was shown it.</summary>
/// <param name="Name">Exact name.</param>
/// <param name="Hash">Of what was shown.</param>
public sealed record ShownDefinition(string Name, string Hash);

/// <summary>What became of accepting.</summary>
/// <param name="Accepted">How many definitions are in force now that waited before.</param>
/// <param name="Complaint">Why none is, or null.</param>
public sealed record Acceptance(int Accepted, string? Complaint);
