using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Postern.Demo.Issuer;
using static System.Buffers.Text.Base64Url;

namespace Postern.Tests.Authorization;

/// <summary>Programs without a person: client credentials with a key of their own, and tokens of other issuers exchanged.</summary>
[Guarantee("G13")]
[Collection(AuthorizationCollection.Name)]
public sealed class MachineClientTests(SharedStage shared)
{
    private const string Exchange = "urn:ietf:params:oauth:grant-type:token-exchange";

    [Fact]
    public async Task A_workload_proves_itself_with_its_key_and_is_one_in_policy()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await using var stage = await AuthorizationStage.StartAsync(workloadKey: key);

        var (status, tokens, _) = await stage.TokenAsync(Form(stage, Assertion(stage, key)));

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.False(tokens.TryGetProperty("refresh_token", out _));
        var token = tokens.GetProperty("access_token").GetString()!;
        Assert.Equal("workload", AuthorizationStage.ClaimsOf(token).GetProperty("kind").GetString());
        var (used, text) = await stage.UseAsync(token);
        Assert.Equal(HttpStatusCode.OK, used);
        Assert.Contains("\"name\":\"get_", text, StringComparison.Ordinal);

        // a key that stands alone needs no id
        Assert.Equal(HttpStatusCode.OK, (await stage.TokenAsync(Form(stage, Assertion(stage, key, header: header => header.Remove("kid"))))).Status);
    }

    [Fact]
    public async Task An_assertion_counts_once_for_minutes_and_for_this_server()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var foreign = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await using var stage = await AuthorizationStage.StartAsync(workloadKey: key);
        var now = stage.Clock.GetUtcNow().ToUnixTimeSeconds();

        var good = Assertion(stage, key);
        Assert.Equal(HttpStatusCode.OK, (await stage.TokenAsync(Form(stage, good))).Status);
        foreach (var bad in new[]
        {
            good,
            Assertion(stage, foreign),
            Assertion(stage, key, claims: claims => claims["aud"] = "https://other.example"),
            Assertion(stage, key, claims: claims => claims["aud"] = new JsonArray(stage.Url, "https://other.example")),
            Assertion(stage, key, claims: claims => claims.Remove("aud")),
            Assertion(stage, key, claims: claims => claims["iss"] = "desktop"),
            Assertion(stage, key, claims: claims => claims["sub"] = "desktop"),
            Assertion(stage, key, claims: claims => claims["exp"] = now + 3600),
            Assertion(stage, key, claims: claims => claims["exp"] = now - 60),
            Assertion(stage, key, claims: claims => claims.Remove("exp")),
            Assertion(stage, key, claims: claims => claims.Remove("jti")),
            Assertion(stage, key, claims: claims => claims["nbf"] = now + 600),
            Assertion(stage, key, header: header => header["alg"] = "none"),
            Assertion(stage, key, header: header => header["alg"] = "HS256"),
            Assertion(stage, key, header: header => header["kid"] = "another"),
            Assertion(stage, key)[..^6],
            "",
        })
        {
            var (status, body, _) = await stage.TokenAsync(Form(stage, bad));
            Assert.Equal(HttpStatusCode.Unauthorized, status);
            Assert.Equal("invalid_client", body.GetProperty("error").GetString());
        }
    }

    [Fact]
    public async Task A_workload_cannot_have_people_sign_in_and_needs_a_resource()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await using var stage = await AuthorizationStage.StartAsync(workloadKey: key);

        Assert.Equal(HttpStatusCode.BadRequest, (await stage.SendAsync(HttpMethod.Get, new Uri(stage.AuthorizeUrl("nightly")).PathAndQuery)).Status);
        var form = Form(stage, Assertion(stage, key));
        form.Remove("resource");
        Assert.Equal("invalid_target", (await stage.TokenAsync(form)).Body.GetProperty("error").GetString());
    }

    [Fact]
    public async Task A_token_of_a_configured_issuer_becomes_one_for_a_single_connection_of_the_same_holder()
    {
        await using var stage = await AuthorizationStage.StartAsync(options => options with { Exchanges = ["demo"] });
        var subject = stage.Issuer.IssueToken(DemoClient.TriageBotId, "https://postern.test", claims: claims => claims["groups"] = new JsonArray("support"));

        var (status, tokens, _) = await stage.TokenAsync(ExchangeForm(stage, subject));

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal("urn:ietf:params:oauth:token-type:access_token", tokens.GetProperty("issued_token_type").GetString());
        var claims = AuthorizationStage.ClaimsOf(tokens.GetProperty("access_token").GetString()!);
        Assert.Equal(DemoClient.TriageBotId, claims.GetProperty("sub").GetString());
        Assert.Equal(DemoClient.TriageBotId, claims.GetProperty("client_id").GetString());
        Assert.Equal("demo", claims.GetProperty("idp").GetString());
        Assert.Equal("workload", claims.GetProperty("kind").GetString());
        Assert.Equal(stage.Shop, claims.GetProperty("aud").GetString());
        Assert.Contains("\"name\":\"get_", (await stage.UseAsync(tokens.GetProperty("access_token").GetString()!)).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_exchange_never_widens()
    {
        await using var stage = await AuthorizationStage.StartAsync(options => options with { Exchanges = ["demo"] });
        var now = stage.Clock.GetUtcNow();
        var brief = stage.Issuer.IssueToken(DemoClient.TriageBotId, "https://postern.test", claims: claims => claims["exp"] = now.AddMinutes(2).ToUnixTimeSeconds());
        Assert.InRange((await stage.TokenAsync(ExchangeForm(stage, brief))).Body.GetProperty("expires_in").GetInt32(), 1, 150);

        var narrow = (await stage.TokenAsync(ExchangeForm(stage, brief))).Body.GetProperty("access_token").GetString()!;
        foreach (var (form, error) in new (Dictionary<string, string>, string)[]
        {
            (ExchangeForm(stage, narrow, resource: $"{stage.Url}/mcp/other"), "invalid_grant"),
            (ExchangeForm(stage, stage.Issuer.IssueToken("alice", "https://other.example")), "invalid_grant"),
            (ExchangeForm(stage, "garbage"), "invalid_grant"),
            (ExchangeForm(stage, brief, resource: stage.Url), "invalid_target"),
            (With(ExchangeForm(stage, brief), "actor_token", brief), "invalid_request"),
            (With(ExchangeForm(stage, brief), "audience", "https://other.example"), "invalid_target"),
            (With(ExchangeForm(stage, brief), "subject_token_type", "urn:ietf:params:oauth:token-type:saml2"), "invalid_request"),
            (With(ExchangeForm(stage, brief), "requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token"), "invalid_request"),
            (With(ExchangeForm(stage, brief), "client_id", "desktop"), "invalid_grant"),
        })
        {
            var (status, body, _) = await stage.TokenAsync(form);
            Assert.Equal(HttpStatusCode.BadRequest, status);
            Assert.Equal(error, body.GetProperty("error").GetString());
        }
    }

    [Fact]
    public async Task Tokens_of_an_issuer_that_is_not_named_are_not_exchanged()
    {
        var stage = shared.Stage;

        Assert.Equal("unsupported_grant_type", (await stage.TokenAsync(ExchangeForm(stage, stage.Issuer.IssueToken("alice", "https://postern.test")))).Body.GetProperty("error").GetString());
    }

    private static Dictionary<string, string> With(Dictionary<string, string> form, string name, string value)
    {
        form[name] = value;
        return form;
    }

    private static Dictionary<string, string> Form(AuthorizationStage stage, string assertion) => new()
    {
        ["grant_type"] = "client_credentials", ["resource"] = stage.Shop, ["client_id"] = "nightly",
        ["client_assertion_type"] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", ["client_assertion"] = assertion,
    };

    private static Dictionary<string, string> ExchangeForm(AuthorizationStage stage, string subject, string? resource = null) => new()
    {
        ["grant_type"] = Exchange, ["subject_token"] = subject, ["subject_token_type"] = "urn:ietf:params:oauth:token-type:jwt", ["resource"] = resource ?? stage.Shop,
    };

    private static string Assertion(AuthorizationStage stage, ECDsa key, Action<JsonObject>? claims = null, Action<JsonObject>? header = null)
    {
        var now = stage.Clock.GetUtcNow().ToUnixTimeSeconds();
        var head = new JsonObject { ["typ"] = "JWT", ["alg"] = "ES256", ["kid"] = "nightly-1" };
        var body = new JsonObject { ["iss"] = "nightly", ["sub"] = "nightly", ["aud"] = stage.Url, ["iat"] = now, ["exp"] = now + 60, ["jti"] = Guid.NewGuid().ToString() };
        claims?.Invoke(body);
        header?.Invoke(head);
        var input = $"{EncodeToString(Encoding.UTF8.GetBytes(head.ToJsonString()))}.{EncodeToString(Encoding.UTF8.GetBytes(body.ToJsonString()))}";
        return $"{input}.{EncodeToString(key.SignData(Encoding.ASCII.GetBytes(input), HashAlgorithmName.SHA256))}";
    }
}
