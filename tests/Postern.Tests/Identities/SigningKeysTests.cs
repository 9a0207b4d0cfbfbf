using System.Net;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Postern.Core.Operations;
using Postern.Gateway.Identities;

namespace Postern.Tests.Identities;

[Guarantee("G13")]
public sealed class SigningKeysTests : IDisposable
{
    private readonly TokenForge _forge = new();

    public void Dispose() => _forge.Dispose();

    [Theory]
    [Row("J04")]
    [InlineData("../../etc/passwd")]
    [InlineData("' or 1=1 --")]
    [InlineData("R1")]
    [InlineData("r1 ")]
    [InlineData("\u0000r1")]
    public async Task A_strange_key_id_is_refused(string keyId)
    {
        using var authenticator = _forge.Authenticator();

        await authenticator.RefusesAsync(_forge.Token(header: header => header["kid"] = keyId));
    }

    [Theory]
    [Row("J04")]
    [InlineData("7")]
    [InlineData("null")]
    [InlineData("[\"r1\"]")]
    [InlineData("{}")]
    [InlineData("\"\"")]
    public async Task A_key_id_that_is_no_text_is_refused_without_a_fetch(string keyId)
    {
        using var authenticator = _forge.Authenticator();

        await authenticator.RefusesAsync(_forge.Token(header: header => header["kid"] = JsonNode.Parse(keyId)));
        await authenticator.RefusesAsync(_forge.Token(header: header => header.Remove("kid")));
        await authenticator.RefusesAsync(_forge.Token(header: header => header["kid"] = new string('k', 257)));
        await authenticator.RefusesAsync(_forge.Token(header: header => header["kid"] = new string('k', 1024 * 1024)));

        Assert.Empty(_forge.Fetched);
    }

    [Fact]
    [Row("J04")]
    public async Task A_flood_of_unknown_key_ids_asks_the_issuer_once_per_interval()
    {
        using var authenticator = _forge.Authenticator();
        await authenticator.AcceptsAsync(_forge.Token());
        Assert.Equal(1, _forge.KeySetFetches);

        for (var round = 1; round <= 3; round++)
        {
            _forge.Clock.Advance(TimeSpan.FromSeconds(30));
            await Task.WhenAll(Enumerable.Range(0, 50).Select(i => Task.Run(() => authenticator.RefusesAsync(_forge.Token(header: header => header["kid"] = $"k{i}")))));
            Assert.Equal(1 + round, _forge.KeySetFetches);
        }
    }

    [Fact]
    [Row("J16")]
    public async Task A_new_key_works_as_soon_as_the_interval_permits()
    {
        using var authenticator = _forge.Authenticator();
        await authenticator.AcceptsAsync(_forge.Token());
        (_forge.Rsa, _forge.RsaId) = (TokenForge.AnotherRsa, "r2");

        await authenticator.RefusesAsync(_forge.Token());
        _forge.Clock.Advance(SigningKeys.LeastInterval);

        await authenticator.AcceptsAsync(_forge.Token());
    }

    [Fact]
    [Row("J16")]
    public async Task A_withdrawn_key_dies_with_the_next_refresh_also_for_remembered_tokens()
    {
        using var authenticator = _forge.Authenticator();
        var old = _forge.Token(claims => claims["exp"] = _forge.Now + 7200);
        await authenticator.AcceptsAsync(old);
        (_forge.Rsa, _forge.RsaId) = (TokenForge.AnotherRsa, "r2");

        await authenticator.AcceptsAsync(old);
        _forge.Clock.Advance(SigningKeys.RefreshBefore);

        await authenticator.RefusesAsync(old);
        await authenticator.AcceptsAsync(_forge.Token());
    }

    [Fact]
    [Row("J16")]
    public async Task A_key_that_was_replaced_under_its_old_id_verifies_nothing_more()
    {
        using var authenticator = _forge.Authenticator();
        var old = _forge.Token(claims => claims["exp"] = _forge.Now + 7200);
        await authenticator.AcceptsAsync(old);
        _forge.Rsa = TokenForge.AnotherRsa;
        _forge.Clock.Advance(SigningKeys.RefreshBefore);

        await authenticator.AcceptsAsync(_forge.Token());
        await authenticator.RefusesAsync(old);
    }

    public static TheoryData<string> BadAnswers => ["500", "302", "empty set", "no keys", "huge", "html", "empty", "duplicate members", "private", "symmetric", "small"];

    private HttpResponseMessage Bad(string kind) => kind switch
    {
        "500" => TokenForge.Answer("{}", HttpStatusCode.InternalServerError),
        "302" => new(HttpStatusCode.Redirect) { Headers = { Location = new Uri("https://evil.example/keys") } },
        "empty set" => TokenForge.Answer("""{"keys":[]}"""),
        "no keys" => TokenForge.Answer("{}"),
        "huge" => TokenForge.Answer(_forge.KeySet().ToJsonString() + new string(' ', 256 * 1024)),
        "html" => TokenForge.Answer("<!doctype html><title>Sign in</title>"),
        "empty" => TokenForge.Answer(string.Empty),
        "duplicate members" => TokenForge.Answer(_forge.KeySet().ToJsonString()[..^1] + ",\"keys\":[]}"),
        "private" => TokenForge.Answer(WithEach(key => key["d"] = "AQAB")),
        "symmetric" => TokenForge.Answer(WithEach(key => (key["kty"], key["k"]) = ("oct", "AQAB"))),
        "small" => TokenForge.Answer(WithEach(key => (key["kty"], key["n"], key["e"]) = ("RSA", System.Buffers.Text.Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(128)), "AQAB"))),
        _ => throw new ArgumentException(kind),
    };

    private string WithEach(Action<JsonObject> change)
    {
        var set = _forge.KeySet();
        foreach (var key in set["keys"]!.AsArray())
        {
            change(key!.AsObject());
        }

        return set.ToJsonString();
    }

    [Theory]
    [Row("J16")]
    [Guarantee("G5")]
    [MemberData(nameof(BadAnswers))]
    public async Task A_bad_answer_never_replaces_good_keys_which_are_used_for_an_hour_and_not_longer(string kind)
    {
        using var authenticator = _forge.Authenticator();
        await authenticator.AcceptsAsync(_forge.Token());
        _forge.KeySetAnswer = () => Bad(kind);

        _forge.Clock.Advance(SigningKeys.MaxAge - TimeSpan.FromSeconds(1));
        await authenticator.AcceptsAsync(_forge.Token());

        _forge.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.True((await authenticator.RefusesAsync(_forge.Token())).IsTransient);
        Assert.DoesNotContain(_forge.Fetched, address => address.Contains("evil", StringComparison.Ordinal));

        _forge.KeySetAnswer = null;
        _forge.Clock.Advance(SigningKeys.LeastInterval);
        await authenticator.AcceptsAsync(_forge.Token());
    }

    [Theory]
    [InlineData("""{"issuer":"https://issuer.example/","jwks_uri":"https://issuer.example/keys"}""")]
    [InlineData("""{"issuer":"https://evil.example","jwks_uri":"https://issuer.example/keys"}""")]
    [InlineData("""{"issuer":"https://issuer.example"}""")]
    [InlineData("""{"issuer":"https://issuer.example","jwks_uri":"http://issuer.example/keys"}""")]
    [InlineData("""{"issuer":"https://issuer.example","jwks_uri":"file:///etc/passwd"}""")]
    [InlineData("""{"issuer":"https://issuer.example","jwks_uri":7}""")]
    [InlineData("[]")]
    public async Task A_discovery_document_that_does_not_speak_for_the_issuer_is_not_followed(string document)
    {
        using var authenticator = _forge.Authenticator();
        _forge.DiscoveryAnswer = () => TokenForge.Answer(document);

        Assert.True((await authenticator.RefusesAsync(_forge.Token())).IsTransient);
        Assert.Equal(0, _forge.KeySetFetches);
    }

    [Fact]
    public async Task A_key_is_bound_to_its_own_algorithm_and_curve()
    {
        using var authenticator = _forge.Authenticator();
        _forge.KeySetAnswer = () => TokenForge.Answer(WithEach(key => key["alg"] = key["kty"]!.ToString() == "RSA" ? "RS256" : "ES256"));

        await authenticator.AcceptsAsync(_forge.Token());
        await authenticator.AcceptsAsync(_forge.Token(algorithm: "ES256"));
        await authenticator.RefusesAsync(_forge.Token(algorithm: "PS256"));
        await authenticator.RefusesAsync(_forge.Token(header: header => header["kid"] = _forge.EcId));
    }

    [Fact]
    [Row("J18")]
    public async Task A_revoked_token_or_identity_is_refused_from_the_next_request_on()
    {
        using var authenticator = _forge.Authenticator();
        var (one, two) = (_forge.Token(), _forge.Token(claims => claims["jti"] = "j-2"));
        await authenticator.AcceptsAsync(one);
        await authenticator.AcceptsAsync(two);

        authenticator.RevokeToken(one);
        await authenticator.RefusesAsync(one);
        await authenticator.AcceptsAsync(two);

        authenticator.Revocations.Add("corp:u-1", _forge.Clock.GetUtcNow());
        await authenticator.RefusesAsync(two);
        _forge.Clock.Advance(TimeSpan.FromSeconds(1));
        await authenticator.AcceptsAsync(_forge.Token());
    }

    [Fact]
    public async Task A_remembered_token_costs_no_fetch_and_ends_when_it_says()
    {
        using var authenticator = _forge.Authenticator();
        var token = _forge.Token();
        var first = await authenticator.AcceptsAsync(token);
        var before = _forge.Fetched.Count;

        Assert.Same(first, await authenticator.AcceptsAsync(token));
        Assert.Equal(before, _forge.Fetched.Count);

        _forge.Clock.Advance(TimeSpan.FromSeconds(629));
        Assert.Same(first.Key, (await authenticator.AcceptsAsync(token)).Key);
        _forge.Clock.Advance(TimeSpan.FromSeconds(1));
        await authenticator.RefusesAsync(token);
    }

    [Fact]
    public async Task A_remembered_token_is_recognised_with_almost_no_allocation()
    {
        using var authenticator = _forge.Authenticator();
        var token = _forge.Token();
        await authenticator.AcceptsAsync(token);

        const int rounds = 1000;
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < rounds; i++)
        {
            _ = authenticator.AuthenticateAsync(token, TokenForge.Resource, CancellationToken.None).Result;
        }

        Assert.InRange((GC.GetAllocatedBytesForCurrentThread() - before) / rounds, 0, 64);
    }

    [Fact]
    [Guarantee("G16")]
    public void Remembered_tokens_are_bounded()
    {
        var kept = new VerifiedTokens(capacity: 100);
        for (var i = 0; i < 1000; i++)
        {
            kept.Keep(Digest.Of(BitConverter.GetBytes(i)), null!);
        }

        Assert.Equal(100, kept.Count);
    }
}
