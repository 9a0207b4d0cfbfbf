using System.Collections.Concurrent;
using Postern.Core.Operations;

namespace Postern.Gateway.Identities;

/// <summary>A token that was verified, and what must still hold when it is used again.</summary>
internal sealed record VerifiedToken(
    Authentication.Accepted Accepted,
    TrustedIssuer Issuer,
    SigningKeys Keys,
    IssuerState VerifiedWith,
    string[] Audiences,
    DateTimeOffset EndsAt,
    DateTimeOffset FreshUntil)
{
    /// <summary>The digest of what was signed.</summary>
    public Digest Input { get; init; }

    /// <summary>What the issuer said of it last, where it is asked; null where it is not.</summary>
    public IntrospectedToken? Introspected { get; init; }
}

/// <summary>Verified tokens by the SHA-256 of their text, until they end. Bounded; the oldest leave first.</summary>
internal sealed class VerifiedTokens(int capacity = VerifiedTokens.DefaultCapacity)
{
    /// <summary>How many are kept.</summary>
    public const int DefaultCapacity = 10_000;

    private readonly ConcurrentDictionary<Digest, VerifiedToken> _tokens = new();
    private readonly ConcurrentQueue<Digest> _byAge = new();

    public int Count => _tokens.Count;

    public VerifiedToken? Find(in Digest digest, DateTimeOffset now)
    {
        if (!_tokens.TryGetValue(digest, out var token))
        {
            return null;
        }

        if (token.EndsAt > now)
        {
            return token;
        }

        _tokens.TryRemove(digest, out _);
        return null;
    }

    public void Keep(in Digest digest, VerifiedToken token)
    {
        if (!_tokens.TryAdd(digest, token))
        {
            _tokens[digest] = token;
            return;
        }

        _byAge.Enqueue(digest);
        while (_byAge.Count > capacity && _byAge.TryDequeue(out var oldest))
        {
            _tokens.TryRemove(oldest, out _);
        }
    }
}
