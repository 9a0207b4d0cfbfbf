using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Postern.Demo.Issuer;

/// <summary>Who a token speaks of, and through which client.</summary>
internal sealed record Subject(string Id, string? Name, IReadOnlyList<string> Groups, DemoClient Client, bool IsPerson);

/// <summary>Makes the issuer's tokens: access tokens as RFC 9068 says, id tokens as OpenID Connect Core section 2 says.</summary>
internal sealed class TokenMint(IssuerAddress address, IssuerKeys keys, DemoIssuerOptions options)
{
    public TimeSpan Lifetime => options.TokenLifetime;

    public string AccessToken(Subject subject, string audience, string scope, string algorithm = "RS256", Action<JsonObject>? header = null, Action<JsonObject>? claims = null)
    {
        var head = new JsonObject { ["typ"] = "at+jwt", ["alg"] = algorithm, ["kid"] = keys.KeyId(algorithm) };
        var body = Common(subject);
        body["aud"] = audience;
        body["client_id"] = subject.Client.Id;
        body["azp"] = subject.Client.Id;
        body["scope"] = scope;
        body["jti"] = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(16));
        header?.Invoke(head);
        claims?.Invoke(body);
        return Sign(head, body, algorithm);
    }

    public string IdToken(Subject subject, string? nonce, DateTimeOffset signedInAt)
    {
        var head = new JsonObject { ["typ"] = "JWT", ["alg"] = "RS256", ["kid"] = keys.KeyId("RS256") };
        var body = Common(subject);
        body["aud"] = subject.Client.Id;
        body["azp"] = subject.Client.Id;
        body["auth_time"] = signedInAt.ToUnixTimeSeconds();
        if (nonce is not null)
        {
            body["nonce"] = nonce;
        }

        return Sign(head, body, "RS256");
    }

    private JsonObject Common(Subject subject)
    {
        var now = options.Clock.GetUtcNow();
        var body = new JsonObject
        {
            ["iss"] = address.Url,
            ["sub"] = subject.Id,
            ["iat"] = now.ToUnixTimeSeconds(),
            ["exp"] = (now + options.TokenLifetime).ToUnixTimeSeconds(),
            ["groups"] = new JsonArray([.. subject.Groups.Select(JsonNode (group) => JsonValue.Create(group))]),
        };
        if (subject.Name is not null)
        {
            body["name"] = subject.Name;
        }

        return body;
    }

    private string Sign(JsonObject header, JsonObject claims, string algorithm)
    {
        var input = $"{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(header.ToJsonString()))}.{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(claims.ToJsonString()))}";
        return $"{input}.{Base64Url.EncodeToString(keys.Sign(algorithm, Encoding.ASCII.GetBytes(input)))}";
    }
}
