using System.Collections.Immutable;
using Microsoft.Extensions.Logging;

namespace Postern.Gateway.Identities;

/// <summary>What is known of an issuer at one instant; immutable.</summary>
/// <param name="Metadata">Its description of itself.</param>
/// <param name="Keys">Its keys; never empty.</param>
/// <param name="FetchedAt">When both were read.</param>
internal sealed record IssuerState(IssuerMetadata Metadata, ImmutableArray<IssuerKey> Keys, DateTimeOffset FetchedAt);

/// <summary>
/// The signing keys of one issuer. A bad answer never replaces a good set; a good set is used for a stated time, then nothing is.
/// Tokens can cause at most one fetch per <see cref="LeastInterval"/>, whatever key ids they name.
/// </summary>
internal sealed partial class SigningKeys(TrustedIssuer issuer, IssuerClient client, TimeProvider clock, ILogger log)
{
    /// <summary>Two fetches are at least this far apart.</summary>
    public static readonly TimeSpan LeastInterval = TimeSpan.FromSeconds(30);

    /// <summary>A set older than this is read again, in the background.</summary>
    public static readonly TimeSpan RefreshAfter = TimeSpan.FromMinutes(10);

    /// <summary>A set older than this is read again before it is used. A withdrawn key dies after this, while the issuer answers.</summary>
    public static readonly TimeSpan RefreshBefore = TimeSpan.FromMinutes(20);

    /// <summary>A set older than this is not used, whether the issuer answers or not.</summary>
    public static readonly TimeSpan MaxAge = TimeSpan.FromHours(1);

    private readonly Lock _lock = new();
    private IssuerState? _state;
    private Task? _fetch;
    private DateTimeOffset _triedAt = DateTimeOffset.MinValue;

    /// <summary>The last good state, however old; null before the first.</summary>
    public IssuerState? Latest => Volatile.Read(ref _state);

    /// <summary>The state if it may be used as it is, without waiting; starts a refresh when one is due.</summary>
    public IssuerState? TryCurrent()
    {
        if (Latest is not { } state)
        {
            return null;
        }

        var age = clock.GetUtcNow() - state.FetchedAt;
        if (age >= RefreshBefore)
        {
            return null;
        }

        if (age >= RefreshAfter)
        {
            _ = RefreshAsync();
        }

        return state;
    }

    /// <summary>The state that may be used now, fetched first where needed; null when the issuer cannot be asked and the last set is too old.</summary>
    public async ValueTask<IssuerState?> CurrentAsync(CancellationToken cancellationToken)
    {
        if (TryCurrent() is { } state)
        {
            return state;
        }

        await RefreshAsync().WaitAsync(cancellationToken);

        return Latest is { } latest && clock.GetUtcNow() - latest.FetchedAt < MaxAge ? latest : null;
    }

    /// <summary>After an unknown key id: a newer state than the one that was looked at, or null.</summary>
    public async ValueTask<IssuerState?> NewerAsync(IssuerState seen, CancellationToken cancellationToken)
    {
        await RefreshAsync().WaitAsync(cancellationToken);

        return Latest is { } latest && !ReferenceEquals(latest, seen) ? latest : null;
    }

    // the fetch under way, or a new one, or a finished one when the last attempt was a moment ago
    private Task RefreshAsync()
    {
        lock (_lock)
        {
            if (_fetch is { IsCompleted: false })
            {
                return _fetch;
            }

            var now = clock.GetUtcNow();
            if (now - _triedAt < LeastInterval)
            {
                return Task.CompletedTask;
            }

            _triedAt = now;
            return _fetch = Task.Run(FetchAsync);
        }
    }

    // nobody's cancellation ends it: many callers wait for one fetch, and its own patience is seconds
    private async Task FetchAsync()
    {
        try
        {
            var (metadata, problem) = await client.DiscoverAsync(CancellationToken.None);
            if (metadata is null)
            {
                LogKept(issuer.Name, problem);
                return;
            }

            var (body, fault) = await client.GetAsync(metadata.KeySet, CancellationToken.None);
            var keys = body is null ? [] : IssuerKey.ReadSet(body);
            if (keys.IsEmpty)
            {
                LogKept(issuer.Name, fault ?? "the key set holds no usable key");
                return;
            }

            Volatile.Write(ref _state, new(metadata, keys, clock.GetUtcNow()));
        }
        catch (Exception fault)
        {
            // an unforeseen fault must neither end the process nor replace a good set
            LogKept(issuer.Name, fault.GetType().Name);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "keys of issuer {Issuer} were not refreshed: {Problem}")]
    private partial void LogKept(string issuer, string? problem);
}
