using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Core.Operations;
using Postern.Gateway.Identities;

namespace Postern.Tests.Identities;

/// <summary>An issuer made of keys in memory and scripted answers; makes any token, however hostile, and counts what is fetched.</summary>
internal sealed class TokenForge : HttpMessageHandler
{
    public const string Audience = "https://gate.example";
    public const string Resource = "https://gate.example/mcp/shop";

    public TokenForge(string authority = "https://issuer.example", string rsaId = "r1", string ecId = "e1", string? keysOf = null)
    {
        (Authority, RsaId, EcId) = (authority, rsaId, ecId);
        var keys = KeysByAuthority.GetOrAdd(keysOf ?? authority, _ => (RSA.Create(2048), ECDsa.Create(ECCurve.NamedCurves.nistP256)));
        (Rsa, Ec) = keys;
    }

    // making RSA keys is slow, and one set per issuer serves every test
    private static readonly ConcurrentDictionary<string, (RSA Rsa, ECDsa Ec)> KeysByAuthority = new(StringComparer.Ordinal);

    /// <summary>Another RSA key than the issuer's first.</summary>
    public static RSA AnotherRsa { get; } = RSA.Create(2048);

    public string Authority { get; }

    public string RsaId { get; set; }

    public string EcId { get; set; }

    public RSA Rsa { get; set; }

    public ECDsa Ec { get; set; }

    public ManualClock Clock { get; init; } = new();

    /// <summary>Every address that was asked for.</summary>
    public List<string> Fetched { get; } = [];

    /// <summary>Replaces the key set's answer.</summary>
    public Func<HttpResponseMessage>? KeySetAnswer { get; set; }

    /// <summary>Replaces the discovery document's answer.</summary>
    public Func<HttpResponseMessage>? DiscoveryAnswer { get; set; }

    public long Now => Clock.GetUtcNow().ToUnixTimeSeconds();

    public TrustedIssuer Trusted(Func<TrustedIssuer, TrustedIssuer>? change = null)
    {
        var issuer = new TrustedIssuer { Name = "corp", Authority = Authority, Audiences = [Audience], ClientId = "gateway-pages" };
        return change?.Invoke(issuer) ?? issuer;
    }

    public TokenAuthenticator Authenticator(TrustedIssuer? trusted = null, ITokenVerifier? verifier = null, params TokenForge[] others) =>
        new(
            [trusted ?? Trusted(), .. others.Select(other => new TrustedIssuer { Name = other.Authority[8..].Replace('.', '-'), Authority = other.Authority, Audiences = [Audience] })],
            Clock,
            NullLoggerFactory.Instance,
            issuer => others.FirstOrDefault(other => other.Authority == issuer.Authority) ?? this,
            verifier);

    public JsonObject Claims() => new()
    {
        ["iss"] = Authority,
        ["sub"] = "u-1",
        ["aud"] = Audience,
        ["client_id"] = "agent-1",
        ["iat"] = Now,
        ["exp"] = Now + 600,
        ["jti"] = "j-1",
        ["groups"] = new JsonArray("support"),
        ["name"] = "Una",
    };

    public JsonObject Header(string algorithm = "RS256") => new() { ["typ"] = "at+jwt", ["alg"] = algorithm, ["kid"] = algorithm.StartsWith("ES", StringComparison.Ordinal) ? EcId : RsaId };

    /// <summary>A good token, but for the changes.</summary>
    public string Token(Action<JsonObject>? claims = null, Action<JsonObject>? header = null, string algorithm = "RS256")
    {
        var (head, body) = (Header(algorithm), Claims());
        header?.Invoke(head);
        claims?.Invoke(body);
        return Sign(head.ToJsonString(), body.ToJsonString(), algorithm);
    }

    /// <summary>Signs whatever text it is given.</summary>
    public string Sign(string header, string claims, string algorithm = "RS256") => Sign(Encoding.UTF8.GetBytes(header), Encoding.UTF8.GetBytes(claims), algorithm);

    public string Sign(byte[] header, byte[] claims, string algorithm = "RS256")
    {
        var input = $"{Base64Url.EncodeToString(header)}.{Base64Url.EncodeToString(claims)}";
        var bytes = Encoding.ASCII.GetBytes(input);
        var signature = algorithm switch
        {
            "RS256" => Rsa.SignData(bytes, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1),
            "RS512" => Rsa.SignData(bytes, HashAlgorithmName.SHA512, RSASignaturePadding.Pkcs1),
            "PS256" => Rsa.SignData(bytes, HashAlgorithmName.SHA256, RSASignaturePadding.Pss),
            "ES256" => Ec.SignData(bytes, HashAlgorithmName.SHA256),
            _ => throw new ArgumentException(algorithm),
        };
        return $"{input}.{Base64Url.EncodeToString(signature)}";
    }

    public JsonObject KeySet()
    {
        var rsa = Rsa.ExportParameters(false);
        var point = Ec.ExportParameters(false).Q;
        return new()
        {
            ["keys"] = new JsonArray(
                new JsonObject { ["kty"] = "RSA", ["use"] = "sig", ["kid"] = RsaId, ["n"] = Base64Url.EncodeToString(rsa.Modulus), ["e"] = Base64Url.EncodeToString(rsa.Exponent) },
                new JsonObject { ["kty"] = "EC", ["use"] = "sig", ["kid"] = EcId, ["crv"] = "P-256", ["x"] = Base64Url.EncodeToString(point.X), ["y"] = Base64Url.EncodeToString(point.Y) }),
        };
    }

    public static HttpResponseMessage Answer(string body, HttpStatusCode status = HttpStatusCode.OK) => new(status) { Content = new StringContent(body) };

    public int KeySetFetches => Fetched.Count(address => address.EndsWith("/keys", StringComparison.Ordinal));

    /// <summary>The issuer's answer, for a handler that stands in front of it.</summary>
    public Task<HttpResponseMessage> AnswerAsync(HttpRequestMessage request, CancellationToken cancellationToken) => SendAsync(request, cancellationToken);

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        lock (Fetched)
        {
            Fetched.Add(request.RequestUri!.AbsoluteUri);
        }

        var answer = request.RequestUri.AbsoluteUri[..^(request.RequestUri.Query.Length)] is { } asked && asked.StartsWith(Authority.TrimEnd('/'), StringComparison.Ordinal) ? asked[Authority.TrimEnd('/').Length..] switch
        {
            "/.well-known/openid-configuration" => DiscoveryAnswer?.Invoke() ?? Answer(new JsonObject { ["issuer"] = Authority, ["jwks_uri"] = $"{Authority.TrimEnd('/')}/keys" }.ToJsonString()),
            "/keys" => KeySetAnswer?.Invoke() ?? Answer(KeySet().ToJsonString()),
            _ => Answer("no", HttpStatusCode.NotFound),
        }
        : Answer("no", HttpStatusCode.NotFound);
        return Task.FromResult(answer);
    }
}

/// <summary>Time that stands until it is moved.</summary>
internal sealed class ManualClock : TimeProvider
{
    private DateTimeOffset _now = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public override DateTimeOffset GetUtcNow() => _now;

    public void Advance(TimeSpan by) => _now += by;
}

internal static class AuthenticatorSteps
{
    public static async Task<Identity> AcceptsAsync(this TokenAuthenticator authenticator, string token, string resource = TokenForge.Resource)
    {
        var answer = await authenticator.AuthenticateAsync(token, resource, CancellationToken.None);
        Assert.True(answer is Authentication.Accepted, (answer as Authentication.Refused)?.Reason);
        return ((Authentication.Accepted)answer).Identity;
    }

    public static async Task<Authentication.Refused> RefusesAsync(this TokenAuthenticator authenticator, string token, string resource = TokenForge.Resource)
    {
        var answer = await authenticator.AuthenticateAsync(token, resource, CancellationToken.None);
        var refused = Assert.IsType<Authentication.Refused>(answer);
        Assert.False(refused.Reason.Contains(token.Length > 20 ? token[..20] : "\0", StringComparison.Ordinal));
        return refused;
    }
}
