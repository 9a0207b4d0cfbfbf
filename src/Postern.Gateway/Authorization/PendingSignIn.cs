using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Postern.Core.Sealing;
using Postern.Gateway.Identities;

namespace Postern.Gateway.Authorization;

/// <summary>A person on the way to the issuer and back, for a client's request. Immutable.</summary>
/// <param name="Attempt">State, nonce and verifier at the issuer.</param>
/// <param name="Request">The client's request, agreed to.</param>
/// <param name="AgreedBy">When nobody was asked now: whose remembered consent it was. Null when somebody said yes just before.</param>
/// <param name="Remembers">True when that yes is to be remembered.</param>
internal sealed record PendingSignIn(SignInAttempt Attempt, AuthorizeRequest Request, string? AgreedBy, bool Remembers);

/// <summary>
/// What a browser carries for us, sealed with a key that lives and dies with the process. The server keeps nothing before a person has
/// agreed, so that a flood of requests costs nothing; what is used once is remembered until it is over.
/// </summary>
internal sealed class BrowserSeal(TimeProvider clock)
{
    /// <summary>The longest text that is opened, in characters: what a cookie may hold.</summary>
    private const int MaxText = 4096;

    private readonly byte[] _key = RandomNumberGenerator.GetBytes(SealedBox.KeyBytes);
    private readonly ConcurrentDictionary<string, DateTimeOffset> _spent = new(StringComparer.Ordinal);

    /// <param name="value">What is carried.</param>
    /// <param name="bound">What it belongs to; it opens with exactly the same.</param>
    public string Seal<T>(T value, string bound) =>
        Base64Url.EncodeToString(SealedBox.Seal(_key, JsonSerializer.SerializeToUtf8Bytes(new Stamped<T>(value, clock.GetUtcNow())), Encoding.UTF8.GetBytes(bound)));

    /// <summary>Null unless this process sealed it, for the same, within the time that people get.</summary>
    public T? Open<T>(string? text, string bound)
        where T : class
    {
        if (text is not { Length: > 0 and <= MaxText } || !Base64Url.IsValid(text)) return null;
        return SealedBox.Open(_key, Base64Url.DecodeFromChars(text), Encoding.UTF8.GetBytes(bound)) is { } json
            && JsonSerializer.Deserialize<Stamped<T>>(json) is { } stamped && stamped.At + SignInAttempt.Patience > clock.GetUtcNow() ? stamped.Value : null;
    }

    /// <summary>True the first time; false for what was used before. Only what was opened gets here, so nobody can fill the memory with inventions.</summary>
    public bool TrySpend(string id)
    {
        var now = clock.GetUtcNow();
        foreach (var (old, until) in _spent)
        {
            if (until <= now) _spent.TryRemove(old, out _);
        }
        return _spent.TryAdd(id, now + SignInAttempt.Patience + SignInAttempt.Patience);
    }

    private sealed record Stamped<T>(T Value, DateTimeOffset At);
}
