using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Core.Operations;
using Postern.Gateway.Identities;

namespace Postern.Tests.Identities;

/// <summary>An issuer that is down, slow, wrong about the time, or lies; over loopback, through the client that the gateway has.</summary>
[Guarantee("G13")]
[Row("F13")]
public sealed class HostileProviderTests
{
    private static CancellationToken Test => TestContext.Current.CancellationToken;

    private static TokenAuthenticator Authenticator(HostileProvider provider, ManualClock? clock = null) => new(
        [new TrustedIssuer { Name = "corp", Authority = provider.Authority, Audiences = [TokenForge.Audience], Algorithms = ["RS256", "PS256", "ES256"] }], clock ?? provider.Forge.Clock, NullLoggerFactory.Instance);

    public static TheoryData<string, string> BrokenAnswers => new()
    {
        { "nothing", "" },
        { "no HTTP", "SSH-2.0-OpenSSH_9.6\r\n" },
        { "no status", "HTTP/1.1\r\n\r\n" },
        { "a body cut short", "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{\"keys\":[" },
        { "a length that is none", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}" },
        { "two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 4000\r\n\r\n{}" },
        { "a chunk cut short", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFF\r\n{\"keys\"" },
        { "a chunk of no size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n" },
        { "compressed, unasked", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\nConnection: close\r\n\r\n\x1f\x8b\x08\x00" },
        { "a redirect to the metadata service", "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/keys\r\nContent-Length: 0\r\n\r\n" },
        { "a redirect to itself", "HTTP/1.1 307 Temporary Redirect\r\nLocation: /keys\r\nContent-Length: 0\r\n\r\n" },
        { "a page", "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 15\r\nConnection: close\r\n\r\n<!doctype html>" },
        { "not now", "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n" },
        { "a created one", "HTTP/1.1 201 Created\r\nContent-Length: 11\r\nConnection: close\r\n\r\n{\"keys\":[]}" },
    };

    [Theory]
    [Row("J16")]
    [Row("F12")]
    [MemberData(nameof(BrokenAnswers))]
    public async Task A_broken_answer_lets_nobody_in_at_first_and_takes_nothing_away_later(string kind, string raw)
    {
        _ = kind;
        await using var provider = new HostileProvider { Keys = HostileProvider.Says(raw) };
        using var authenticator = Authenticator(provider);

        Assert.True((await authenticator.RefusesAsync(provider.Forge.Token())).IsTransient);

        provider.Keys = null;
        provider.Forge.Clock.Advance(SigningKeys.LeastInterval);
        var good = provider.Forge.Token(claims => claims["exp"] = provider.Forge.Now + 7200);
        await authenticator.AcceptsAsync(good);

        // down again: who was let in stays, a newcomer too, until the keys are an hour old
        provider.Keys = HostileProvider.Says(raw);
        provider.Forge.Clock.Advance(SigningKeys.MaxAge - TimeSpan.FromSeconds(1));
        await authenticator.AcceptsAsync(good);
        await authenticator.AcceptsAsync(provider.Forge.Token());
        provider.Forge.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.True((await authenticator.RefusesAsync(provider.Forge.Token())).IsTransient);
    }

    [Fact]
    [Row("J16")]
    public async Task Endless_heads_and_bodies_are_cut_off()
    {
        await using var provider = new HostileProvider();
        using var authenticator = Authenticator(provider);
        var fill = Encoding.ASCII.GetBytes(new string('x', 8 * 1024));
        foreach (var start in (string[])["HTTP/1.1 200 OK\r\nX-Fill: ", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"keys\":\""])
        {
            var sent = 0L;
            provider.Keys = async (stream, cancellation) =>
            {
                await stream.WriteAsync(Encoding.ASCII.GetBytes(start), cancellation);
                while (!cancellation.IsCancellationRequested)
                {
                    await stream.WriteAsync(fill, cancellation);
                    Interlocked.Add(ref sent, fill.Length);
                }
            };
            Assert.True((await authenticator.RefusesAsync(provider.Forge.Token())).IsTransient);
            Assert.InRange(Interlocked.Read(ref sent), 0, 32 * 1024 * 1024);
            provider.Forge.Clock.Advance(SigningKeys.LeastInterval);
        }
    }

    [Fact]
    [Row("F12")]
    public async Task A_provider_that_trickles_costs_seconds_once_and_not_for_each_caller()
    {
        await using var provider = new HostileProvider();
        provider.Keys = async (stream, cancellation) =>
        {
            await stream.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"u8.ToArray(), cancellation);
            await Task.Delay(Timeout.Infinite, cancellation);
        };
        using var authenticator = Authenticator(provider);

        var refusals = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => Task.Run(() => authenticator.RefusesAsync(provider.Forge.Token(claims => claims["jti"] = $"j-{i}")), Test)));

        Assert.All(refusals, refused => Assert.True(refused.IsTransient));
        Assert.Equal(2, provider.Requests);
    }

    [Fact]
    [Row("F12")]
    public async Task A_provider_that_is_gone_refuses_connections_and_nobody_comes_in()
    {
        var provider = new HostileProvider();
        using var authenticator = Authenticator(provider);
        await provider.DisposeAsync();

        Assert.True((await authenticator.RefusesAsync(provider.Forge.Token())).IsTransient);
    }

    [Theory]
    [Row("F12")]
    [InlineData(-90, false)]
    [InlineData(-30, true)]
    [InlineData(30, true)]
    [InlineData(31, false)]
    [InlineData(3600, false)]
    public async Task A_provider_with_a_wrong_clock_is_believed_within_the_skew(int seconds, bool isGood)
    {
        await using var provider = new HostileProvider();
        using var authenticator = Authenticator(provider);
        var itsNow = provider.Forge.Now + seconds;
        var token = provider.Forge.Token(claims => (claims["iat"], claims["nbf"], claims["exp"]) = (itsNow, itsNow, itsNow + 60));

        _ = isGood ? (object)await authenticator.AcceptsAsync(token) : await authenticator.RefusesAsync(token);
    }

    [Fact]
    [Row("J16")]
    public async Task Rotation_normal_and_in_an_emergency_and_with_both_keys_for_a_while()
    {
        await using var provider = new HostileProvider();
        using var authenticator = Authenticator(provider);
        var forge = provider.Forge;
        var before = forge.Token(claims => claims["exp"] = forge.Now + 7200);
        await authenticator.AcceptsAsync(before);

        // normal: the new key appears beside the old one, later the old one goes
        var old = forge.KeySet()["keys"]!.AsArray();
        (forge.Rsa, forge.RsaId) = (TokenForge.AnotherRsa, "r2");
        var both = new JsonArray([.. old.Concat(forge.KeySet()["keys"]!.AsArray()).Select(key => key!.DeepClone())]);
        provider.Keys = HostileProvider.Answers(new JsonObject { ["keys"] = both }.ToJsonString());
        forge.Clock.Advance(SigningKeys.LeastInterval);
        await authenticator.AcceptsAsync(forge.Token());
        await authenticator.AcceptsAsync(before);

        // an emergency: the old key is gone from one moment to the next
        provider.Keys = null;
        forge.Clock.Advance(SigningKeys.RefreshBefore);
        await authenticator.RefusesAsync(before);
        await authenticator.AcceptsAsync(forge.Token());
    }

    [Fact]
    [Row("J16")]
    public async Task A_set_that_lies_verifies_nothing()
    {
        await using var provider = new HostileProvider();
        var forge = provider.Forge;
        using var small = RSA.Create(1024);
        using var point = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        var (tiny, rsa, ec) = (small.ExportParameters(false), forge.KeySet()["keys"]![0]!.AsObject(), forge.KeySet()["keys"]![1]!.AsObject());
        JsonObject With(JsonObject key, params (string Name, JsonNode? Value)[] changes)
        {
            var changed = key.DeepClone().AsObject();
            foreach (var (name, value) in changes)
            {
                if (value is null) changed.Remove(name);
                else changed[name] = value;
            }
            return changed;
        }

        var even = forge.Rsa.ExportParameters(false).Modulus!;
        even[^1] &= 0xFE;
        JsonObject[] lies =
        [
            With(rsa, ("use", "enc")), With(rsa, ("use", 7)), With(rsa, ("key_ops", new JsonArray("encrypt"))), With(rsa, ("key_ops", "verify")), With(rsa, ("alg", "RS512")), With(rsa, ("alg", "RSA-OAEP")), With(rsa, ("alg", "HS256")),
            With(rsa, ("kty", "oct"), ("k", Base64Url.EncodeToString("secret"u8))), With(rsa, ("kty", "EC")), With(rsa, ("kty", "rsa")), With(rsa, ("kty", null)), With(rsa, ("kid", null)), With(rsa, ("kid", "")), With(rsa, ("kid", new string('k', 300))),
            With(rsa, ("n", Base64Url.EncodeToString(tiny.Modulus!))), With(rsa, ("n", Base64Url.EncodeToString(new byte[64]))), With(rsa, ("n", Base64Url.EncodeToString(even))), With(rsa, ("n", new string('A', 4096))), With(rsa, ("n", "A+/=")),
            With(rsa, ("e", "AQ")), With(rsa, ("e", "Ag")), With(rsa, ("e", "AA")), With(rsa, ("e", null)), With(rsa, ("e", Base64Url.EncodeToString(new byte[] { 1, 0, 0, 0, 0, 0, 0, 0, 1 }))), With(rsa, ("d", "AQAB")),
            With(ec, ("crv", "P-384")), With(ec, ("crv", "secp256k1")), With(ec, ("x", ec["y"]!.DeepClone())), With(ec, ("x", Base64Url.EncodeToString(new byte[32])), ("y", Base64Url.EncodeToString(new byte[32]))), With(ec, ("y", Base64Url.EncodeToString(new byte[31]))), With(ec, ("d", "AQAB")),
            With(ec, ("crv", "P-384"), ("x", Base64Url.EncodeToString(point.ExportParameters(false).Q.X!)), ("y", Base64Url.EncodeToString(point.ExportParameters(false).Q.Y!))),
        ];
        foreach (var lie in lies)
        {
            provider.Keys = HostileProvider.Answers(new JsonObject { ["keys"] = new JsonArray(lie) }.ToJsonString());
            using var authenticator = Authenticator(provider);
            foreach (var algorithm in (string[])["RS256", "PS256", "ES256"]) await authenticator.RefusesAsync(forge.Token(algorithm: algorithm));
        }
    }

    [Fact]
    [Row("J16")]
    public async Task Keys_that_cannot_be_used_do_not_spoil_those_that_can()
    {
        await using var provider = new HostileProvider();
        var keys = provider.Forge.KeySet()["keys"]!.AsArray();
        JsonNode[] noise = [JsonNode.Parse("7")!, new JsonArray(), JsonNode.Parse("""{"kty":"OKP","crv":"Ed25519","kid":"r1","x":"AAAA"}""")!, JsonNode.Parse("""{"kty":"oct","kid":"r1","k":"AAAA"}""")!, JsonNode.Parse("""{"kty":"RSA","kid":"r1","n":"AAAA","e":"AQAB"}""")!];
        provider.Keys = HostileProvider.Answers(new JsonObject { ["keys"] = new JsonArray([.. noise, .. keys.Select(key => key!.DeepClone())]) }.ToJsonString());
        using var authenticator = Authenticator(provider);

        // one key id twice is two keys of one issuer: either may have signed, and nobody else
        await authenticator.AcceptsAsync(provider.Forge.Token());
        using var stranger = new TokenForge(provider.Authority, keysOf: "loopback") { Clock = provider.Forge.Clock, Rsa = TokenForge.AnotherRsa };
        await authenticator.RefusesAsync(stranger.Token());
    }

    [Fact]
    [Row("J16")]
    public async Task More_keys_than_any_issuer_has_are_no_set()
    {
        await using var provider = new HostileProvider();
        var key = provider.Forge.KeySet()["keys"]![0]!;
        provider.Keys = HostileProvider.Answers(new JsonObject { ["keys"] = new JsonArray([.. Enumerable.Range(0, 101).Select(_ => key.DeepClone())]) }.ToJsonString());
        using var authenticator = Authenticator(provider);

        Assert.True((await authenticator.RefusesAsync(provider.Forge.Token())).IsTransient);
    }

    [Theory]
    [Row("J16")]
    [InlineData("https://issuer.example")]
    [InlineData("AUTHORITY/")]
    [InlineData("")]
    public async Task A_discovery_document_of_another_issuer_is_not_followed(string issuer)
    {
        await using var provider = new HostileProvider();
        provider.Discovery = HostileProvider.Answers(new JsonObject { ["issuer"] = issuer.Replace("AUTHORITY", provider.Authority, StringComparison.Ordinal), ["jwks_uri"] = $"{provider.Authority}/keys" }.ToJsonString());
        using var authenticator = Authenticator(provider);

        Assert.True((await authenticator.RefusesAsync(provider.Forge.Token())).IsTransient);
        Assert.Equal(1, provider.Requests);
    }

    [Fact]
    [Row("J23")]
    public async Task Large_tokens_and_bombs_cost_nothing_but_their_reading()
    {
        await using var provider = new HostileProvider();
        using var authenticator = Authenticator(provider);
        var forge = provider.Forge;
        await authenticator.AcceptsAsync(forge.Token());
        var requests = provider.Requests;

        // a JWE whose cleartext is a hundred megabytes once it is inflated
        using var squeezed = new MemoryStream();
        await using (var deflate = new System.IO.Compression.DeflateStream(squeezed, System.IO.Compression.CompressionLevel.SmallestSize, leaveOpen: true))
        {
            var zeros = new byte[1024 * 1024];
            for (var i = 0; i < 100; i++) await deflate.WriteAsync(zeros, Test);
        }
        var header = Base64Url.EncodeToString("""{"alg":"dir","enc":"A128GCM","zip":"DEF","kid":"r1"}"""u8);
        var bomb = $"{header}..{Base64Url.EncodeToString(new byte[12])}.{Base64Url.EncodeToString(squeezed.ToArray().AsSpan(0, 8 * 1024))}.{Base64Url.EncodeToString(new byte[16])}";
        var tokens = new List<string> { bomb, $"{header}..{Base64Url.EncodeToString(new byte[12])}.{Base64Url.EncodeToString(squeezed.ToArray())}.{Base64Url.EncodeToString(new byte[16])}" };
        for (var size = 12 * 1024; size <= 256 * 1024; size *= 2) tokens.Add(forge.Token(claims => claims["pad"] = new string('x', size)));
        for (var groups = 1_000; groups <= 10_000; groups *= 10) tokens.Add(forge.Token(claims => claims["groups"] = new JsonArray([.. Enumerable.Range(0, groups).Select(JsonNode (i) => JsonValue.Create($"99999999-0000-4000-8000-{i:x12}"))])));

        var before = GC.GetTotalAllocatedBytes(precise: true);
        foreach (var token in tokens) await authenticator.RefusesAsync(token);
        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, 0, 16 * 1024 * 1024);
        Assert.Equal(requests, provider.Requests);

        // and as many groups as fit are read
        var most = await authenticator.AcceptsAsync(forge.Token(claims => claims["groups"] = new JsonArray([.. Enumerable.Range(0, 200).Select(JsonNode (i) => JsonValue.Create($"99999999-0000-4000-8000-{i:x12}"))])));
        Assert.Equal(200, most.Groups.Length);
    }
}
