using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Text.Json;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Core.Sessions;
using Postern.Gateway.Configuration;

namespace Postern.Gateway.Identities;

/// <summary>What the issuer said last of one token.</summary>
internal sealed class IntrospectedToken(string token, Identity identity, DateTimeOffset endsAt, DateTimeOffset confirmedAt, TimeSpan maxStale)
{
    private long _confirmedAt = confirmedAt.UtcTicks;
    private volatile bool _isOver;

    public string Token => token;

    public Identity Identity => identity;

    public DateTimeOffset EndsAt => endsAt;

    public DateTimeOffset ConfirmedAt => new(Volatile.Read(ref _confirmedAt), TimeSpan.Zero);

    public bool IsOver => _isOver;

    /// <summary>Null while it counts; otherwise why not. On every call: two reads.</summary>
    public Authentication.Refused? Complaint(DateTimeOffset now) =>
        _isOver ? new Authentication.Refused("the issuer says that the token is over")
        : now - ConfirmedAt > maxStale ? new Authentication.Refused("the issuer did not confirm the token for too long") { IsTransient = true }
        : null;

    public void Confirm(DateTimeOffset at) => Volatile.Write(ref _confirmedAt, at.UtcTicks);

    public void End() => _isOver = true;

    /// <summary>True for what came in with this token; its groups may be others by now.</summary>
    public bool IsOf(Identity other) =>
        string.Equals(other.Key, identity.Key, StringComparison.Ordinal) && string.Equals(other.Agent, identity.Agent, StringComparison.Ordinal)
        && string.Equals(other.TokenId, identity.TokenId, StringComparison.Ordinal) && other.IssuedAt == identity.IssuedAt && other.ExpiresAt == identity.ExpiresAt;
}

/// <summary>
/// Asks one issuer whether tokens still count (RFC 7662): at the first use of each, and then again and again while it lives, never on a call's way. What the issuer says is
/// over ends, with what runs on it; what it does not confirm for too long ends too, and counts again once it does.
/// </summary>
internal sealed class Introspection : IDisposable
{
    private const int MaxTokens = 10_000;
    private const int AtOnce = 4;

    private readonly IntrospectionOptions _options;
    private readonly IssuerClient _client;
    private readonly Leash _leash;
    private readonly TimeProvider _clock;
    private readonly ITimer _timer;
    private readonly ConcurrentDictionary<string, IntrospectedToken> _tokens = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stopping = new();
    private int _isAsking;

    /// <param name="options">Where, as whom, how often.</param>
    /// <param name="client">The issuer's own client: configured addresses alone, no redirects, small answers, short patience.</param>
    /// <param name="leash">Cuts what runs on what is not confirmed.</param>
    /// <param name="clock">All time.</param>
    public Introspection(IntrospectionOptions options, IssuerClient client, Leash leash, TimeProvider clock)
    {
        (_options, _client, _leash, _clock) = (options, client, leash, clock);
        // Looks more often than it asks: what becomes stale in between must not run on.
        var look = TimeSpan.FromSeconds(Math.Clamp(options.Every.TotalSeconds / 4, 0.25, 1));
        _timer = clock.CreateTimer(static state => ((Introspection)state!).Begin(), this, look, look);
    }

    /// <summary>Ends, on the record, what the issuer says is over; set once, before anybody is let in.</summary>
    public Func<Identity, ValueTask>? Ended { get; set; }

    /// <summary>Asks about a token that was not seen before. What is known of it from now on, or why it does not count.</summary>
    public async ValueTask<(IntrospectedToken? Known, Authentication.Refused? Refusal)> FirstAsync(string token, Identity identity, DateTimeOffset endsAt, CancellationToken cancellationToken)
    {
        if (_tokens.TryGetValue(token, out var known)) return known.Complaint(_clock.GetUtcNow()) is { } complaint ? (null, complaint) : (known, null);
        var now = _clock.GetUtcNow();
        switch (await AskAsync(token, cancellationToken).ConfigureAwait(false))
        {
            case true:
                if (_tokens.Count >= MaxTokens) return (null, new Authentication.Refused("too many live tokens are asked about") { IsTransient = true });
                return (_tokens.GetOrAdd(token, new IntrospectedToken(token, identity, endsAt, now, _options.MaxStale)), null);
            case false:
                return (null, new Authentication.Refused("the issuer says that the token is over"));
            default:
                return (null, new Authentication.Refused("the issuer cannot be asked whether the token still counts") { IsTransient = true });
        }
    }

    /// <summary>Asks about what is due, and ends what is over; one round at a time.</summary>
    internal async Task RoundAsync()
    {
        if (Interlocked.Exchange(ref _isAsking, 1) != 0) return;
        try
        {
            var now = _clock.GetUtcNow();
            foreach (var (token, known) in _tokens)
            {
                if (known.EndsAt <= now) _tokens.TryRemove(token, out _);
                else if (!known.IsOver && known.Complaint(now) is not null) _leash.Cut((identity, _) => known.IsOf(identity), ClearanceEnd.CredentialEnded);
            }
            var due = _tokens.Values.Where(known => !known.IsOver && now - known.ConfirmedAt >= _options.Every).OrderBy(known => known.ConfirmedAt).ToImmutableArray();
            await Parallel.ForEachAsync(due, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = _stopping.Token }, async (known, stopping) =>
            {
                // The instant before the question: the answer is no younger.
                var asked = _clock.GetUtcNow();
                switch (await AskAsync(known.Token, stopping).ConfigureAwait(false))
                {
                    case true:
                        known.Confirm(asked);
                        break;
                    case false:
                        known.End();
                        _leash.Cut((identity, _) => known.IsOf(identity), ClearanceEnd.CredentialEnded);
                        if (Ended is { } ended) await ended(known.Identity).ConfigureAwait(false);
                        break;
                }
            }).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // The gateway stops; whatever ran is cut by that.
        }
        finally
        {
            Volatile.Write(ref _isAsking, 0);
        }
    }

    public void Dispose()
    {
        _timer.Dispose();
        _stopping.Cancel();
    }

    private void Begin() => _ = RoundAsync();

    /// <summary>Null when there is no answer, or one that cannot be understood.</summary>
    private async ValueTask<bool?> AskAsync(string token, CancellationToken cancellationToken)
    {
        var (body, _) = await _client.PostAsync(
            new Uri(_options.Url), [new("token", token), new("token_type_hint", "access_token"), new("client_id", _options.ClientId), new("client_secret", _options.ClientSecret)], cancellationToken).ConfigureAwait(false);
        if (body is null || TokenText.Parse(body) is not { } answer || !answer.TryGetProperty("active", out var active)) return null;
        return active.ValueKind switch { JsonValueKind.True => true, JsonValueKind.False => false, _ => null };
    }
}
