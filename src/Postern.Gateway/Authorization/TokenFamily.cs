using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Nodes;
using Postern.Core.Operations;
using Postern.Gateway.Identities;

namespace Postern.Gateway.Authorization;

/// <summary>One sign-in of one person at one client, for one resource. Immutable.</summary>
/// <param name="Id">Random; <c>sid</c> in its tokens.</param>
/// <param name="Client">The client's id.</param>
/// <param name="Resource">The only audience of its tokens.</param>
/// <param name="Person">Who it is, as the issuer said last; the agent is the client.</param>
/// <param name="IssuerToken">What renews the sign-in at the issuer, or null; secret.</param>
/// <param name="StartedAt">When the person signed in.</param>
/// <param name="EndsAt">When the person must sign in again.</param>
internal sealed record TokenFamily(string Id, string Client, string Resource, Identity Person, string? IssuerToken, DateTimeOffset StartedAt, DateTimeOffset EndsAt)
{
    // of the token itself, not of the person: OpenID Connect Core section 2, RFC 7519 section 4.1
    private static readonly string[] _ofTokens = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "azp", "nonce", "at_hash", "c_hash", "s_hash", "auth_time", "sid", "client_id", "appid"];

    /// <summary>Begins one for a person who has just signed in.</summary>
    public static TokenFamily Begin(string id, OAuthClient client, string resource, Identity person, string? issuerToken, DateTimeOffset now, TimeSpan life) =>
        new(id, client.Id, resource, As(person, id, client.Id, ClaimsOf(person.Claims)), issuerToken, now, now + life);

    /// <summary>The same after the issuer said anew who it is.</summary>
    public TokenFamily Renewed(Identity person, string? issuerToken) =>
        this with { Person = ReferenceEquals(person, Person) ? Person : As(person, Id, Client, ClaimsOf(person.Claims)), IssuerToken = issuerToken };

    /// <summary>As it is kept.</summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(new Stored(
        Person.Issuer, Person.Subject, Person.Kind == IdentityKind.Workload, [.. Person.Groups], Person.DisplayName, Person.Claims.ToArray(), IssuerToken, Person.SessionId));

    /// <summary>From what was kept.</summary>
    public static TokenFamily? FromJson(string id, string client, string resource, byte[] json, DateTimeOffset startedAt, DateTimeOffset endsAt)
    {
        if (JsonSerializer.Deserialize<Stored>(json) is not { } stored) return null;
        var person = new Identity
        {
            Issuer = stored.Issuer,
            Subject = stored.Subject,
            Kind = stored.IsWorkload ? IdentityKind.Workload : IdentityKind.Person,
            Groups = stored.Groups.ToImmutableArray(),
            DisplayName = stored.Name,
            SessionId = stored.Session,
            IssuedAt = startedAt,
        };
        return new(id, client, resource, As(person, id, client, stored.Claims), stored.IssuerToken, startedAt, endsAt);
    }

    private sealed record Stored(string Issuer, string Subject, bool IsWorkload, string[] Groups, string? Name, byte[] Claims, string? IssuerToken, string? Session);

    // the browser's freshness stays with the browser: a token never approves
    private static Identity As(Identity person, string family, string client, ReadOnlyMemory<byte> claims) => new()
    {
        Issuer = person.Issuer,
        Subject = person.Subject,
        Kind = person.Kind,
        Agent = client,
        Groups = person.Groups,
        Family = family,
        SessionId = person.SessionId,
        DisplayName = person.DisplayName,
        Claims = claims,
        IssuedAt = person.IssuedAt,
        ExpiresAt = person.ExpiresAt,
    };

    /// <summary>What of a token's claims speaks of its holder, and not of the token.</summary>
    public static byte[] ClaimsOf(ReadOnlyMemory<byte> claims)
    {
        if (TokenText.Parse(claims.Span) is not { } all) return "{}"u8.ToArray();
        var kept = new JsonObject();
        foreach (var claim in all.EnumerateObject())
        {
            if (!_ofTokens.Contains(claim.Name, StringComparer.Ordinal)) kept[claim.Name] = JsonNode.Parse(claim.Value.GetRawText());
        }
        return JsonSerializer.SerializeToUtf8Bytes(kept);
    }
}
