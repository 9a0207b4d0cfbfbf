using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Postern.Core.Operations;

namespace Postern.Tests.Identities;

[Guarantee("G13")]
public sealed class HostileTokenTests : IDisposable
{
    private readonly TokenForge _forge = new();

    public void Dispose() => _forge.Dispose();

    [Theory]
    [InlineData("RS256")]
    [InlineData("PS256")]
    [InlineData("ES256")]
    public async Task A_good_token_is_accepted_with_each_algorithm(string algorithm)
    {
        using var authenticator = _forge.Authenticator();

        var identity = await authenticator.AcceptsAsync(_forge.Token(algorithm: algorithm));

        Assert.Equal("corp:u-1", identity.Key);
        Assert.Equal("agent-1", identity.Agent);
        Assert.Equal(IdentityKind.Person, identity.Kind);
        Assert.Equal(["corp:support"], identity.QualifiedGroups);
        Assert.Null(identity.InteractiveSince);
    }

    [Theory]
    [Row("J01")]
    [InlineData("none")]
    [InlineData("None")]
    [InlineData("nOnE")]
    [InlineData("NONE")]
    [InlineData("rs256")]
    [InlineData("RS256 ")]
    [InlineData("RS384")]
    [InlineData("HS256")]
    [InlineData("EdDSA")]
    [InlineData("")]
    public async Task An_algorithm_that_is_not_on_the_list_is_refused(string algorithm)
    {
        using var authenticator = _forge.Authenticator();
        var signed = _forge.Token(header: header => header["alg"] = algorithm);

        await authenticator.RefusesAsync(signed);
        await authenticator.RefusesAsync(signed[..(signed.LastIndexOf('.') + 1)]);
    }

    [Fact]
    [Row("J01")]
    public async Task A_signature_that_is_missing_empty_cut_or_changed_is_refused()
    {
        using var authenticator = _forge.Authenticator();
        var good = _forge.Token();
        var dot = good.LastIndexOf('.');
        var changed = good[(dot + 1)..].ToCharArray();
        changed[10] = changed[10] == 'A' ? 'B' : 'A';

        await authenticator.RefusesAsync(good[..(dot + 1)]);
        await authenticator.RefusesAsync(good[..dot]);
        await authenticator.RefusesAsync(good[..^4]);
        await authenticator.RefusesAsync($"{good[..(dot + 1)]}{new string(changed)}");
        await authenticator.AcceptsAsync(good);
    }

    [Fact]
    [Row("J02")]
    public async Task The_public_key_is_no_shared_secret_in_any_encoding()
    {
        using var authenticator = _forge.Authenticator(_forge.Trusted());
        var jwk = _forge.KeySet()["keys"]![0]!.ToJsonString();
        byte[][] secrets =
        [
            _forge.Rsa.ExportSubjectPublicKeyInfo(),
            _forge.Rsa.ExportRSAPublicKey(),
            Encoding.ASCII.GetBytes(_forge.Rsa.ExportSubjectPublicKeyInfoPem()),
            Encoding.ASCII.GetBytes(_forge.Rsa.ExportSubjectPublicKeyInfoPem() + "\n"),
            Encoding.UTF8.GetBytes(jwk),
            _forge.Rsa.ExportParameters(false).Modulus!,
        ];
        foreach (var secret in secrets)
        {
            foreach (var claimed in (string[])["HS256", "RS256"])
            {
                var header = _forge.Header();
                header["alg"] = claimed;
                var input = $"{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(header.ToJsonString()))}.{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(_forge.Claims().ToJsonString()))}";
                await authenticator.RefusesAsync($"{input}.{Base64Url.EncodeToString(HMACSHA256.HashData(secret, Encoding.ASCII.GetBytes(input)))}");
            }
        }
    }

    [Fact]
    [Row("J03")]
    public async Task Keys_that_a_token_brings_or_names_are_never_used_or_fetched()
    {
        using var authenticator = _forge.Authenticator();
        await authenticator.AcceptsAsync(_forge.Token());
        var before = _forge.Fetched.Count;
        using var stranger = new TokenForge(_forge.Authority, _forge.RsaId) { Clock = _forge.Clock, Rsa = TokenForge.AnotherRsa };
        foreach (var key in (string[])["jwk", "jku", "x5u", "x5c", "x5t"])
        {
            JsonNode value = key == "jwk" ? stranger.KeySet()["keys"]![0]!.DeepClone() : key == "x5c" ? new JsonArray("MIIB") : "https://evil.example/keys";
            var token = stranger.Token(header: header => header[key] = value);
            await authenticator.RefusesAsync(token);
        }

        Assert.Equal(before, _forge.Fetched.Count);
        Assert.Empty(stranger.Fetched);
        Assert.DoesNotContain(_forge.Fetched, address => address.Contains("evil", StringComparison.Ordinal));
    }

    [Fact]
    [Row("J05")]
    public async Task A_key_of_one_issuer_signs_nothing_for_another_even_under_the_same_key_id()
    {
        using var other = new TokenForge("https://other.example", _forge.RsaId, _forge.EcId) { Clock = _forge.Clock };
        using var authenticator = _forge.Authenticator(others: other);

        await authenticator.RefusesAsync(other.Token(claims => claims["iss"] = _forge.Authority));
        await authenticator.RefusesAsync(_forge.Token(claims => claims["iss"] = other.Authority));
        var mine = await authenticator.AcceptsAsync(_forge.Token());
        var theirs = await authenticator.AcceptsAsync(other.Token());

        Assert.NotEqual(mine.Key, theirs.Key);
    }

    [Theory]
    [Row("J06")]
    [InlineData("sub", "\"admin\"")]
    [InlineData("iss", "\"https://issuer.example\"")]
    [InlineData("aud", "\"https://gate.example\"")]
    [InlineData("groups", "[\"admins\"]")]
    [InlineData("exp", "4102444800")]
    [InlineData("\\u0073ub", "\"admin\"")]
    [InlineData("gr\\u006fups", "[\"admins\"]")]
    public async Task A_claim_that_stands_twice_is_refused(string name, string value)
    {
        using var authenticator = _forge.Authenticator();
        var claims = _forge.Claims().ToJsonString();

        await authenticator.RefusesAsync(_forge.Sign(_forge.Header().ToJsonString(), $"{claims[..^1]},\"{name}\":{value}}}"));
        await authenticator.RefusesAsync(_forge.Sign(_forge.Header().ToJsonString(), $"{{\"{name}\":{value},{claims[1..]}"));
    }

    [Fact]
    [Row("J06")]
    public async Task A_header_member_that_stands_twice_is_refused()
    {
        using var authenticator = _forge.Authenticator();
        foreach (var extra in (string[])["\"alg\":\"none\"", "\"kid\":\"x\"", "\"typ\":\"JWT\"", "\"\\u0061lg\":\"none\""])
        {
            await authenticator.RefusesAsync(_forge.Sign($"{{{extra},{_forge.Header().ToJsonString()[1..]}", _forge.Claims().ToJsonString()));
        }
    }

    [Theory]
    [Row("J07")]
    [InlineData("""{"crit":["exp"]}""")]
    [InlineData("""{"crit":[]}""")]
    [InlineData("""{"crit":["b64"],"b64":false}""")]
    [InlineData("""{"b64":false}""")]
    [InlineData("""{"b64":true}""")]
    public async Task A_header_that_asks_for_an_extension_is_refused(string extension)
    {
        using var authenticator = _forge.Authenticator();

        await authenticator.RefusesAsync(_forge.Token(header: header =>
        {
            foreach (var (name, value) in JsonNode.Parse(extension)!.AsObject())
            {
                header[name] = value!.DeepClone();
            }
        }));
    }

    [Theory]
    [Row("J08")]
    [InlineData("JWT")]
    [InlineData("jwt")]
    [InlineData("AT+JWT")]
    [InlineData("logout+jwt")]
    [InlineData("rt+jwt")]
    [InlineData("secevent+jwt")]
    [InlineData("id_token")]
    [InlineData("dpop+jwt")]
    [InlineData("")]
    [InlineData(null)]
    public async Task A_token_of_another_type_is_refused(string? type)
    {
        using var authenticator = _forge.Authenticator();

        await authenticator.RefusesAsync(_forge.Token(header: header =>
        {
            header.Remove("typ");
            if (type is not null)
            {
                header["typ"] = type;
            }
        }));
    }

    [Theory]
    [Row("J08")]
    [InlineData("nonce", "\"n\"")]
    [InlineData("at_hash", "\"h\"")]
    [InlineData("c_hash", "\"h\"")]
    [InlineData("events", "{}")]
    [InlineData("token_use", "\"id\"")]
    [InlineData("typ", "\"Refresh\"")]
    [InlineData("typ", "\"ID\"")]
    [InlineData("typ", "7")]
    public async Task A_token_made_for_another_use_is_refused_even_where_its_type_passes(string claim, string value)
    {
        using var authenticator = _forge.Authenticator(_forge.Trusted(issuer => new() { Name = issuer.Name, Authority = issuer.Authority, Audiences = issuer.Audiences, Types = ["JWT"] }));
        await authenticator.AcceptsAsync(_forge.Token(header: header => header["typ"] = "JWT"));

        await authenticator.RefusesAsync(_forge.Token(claims => claims[claim] = JsonNode.Parse(value), header => header["typ"] = "JWT"));
    }

    [Theory]
    [Row("J08")]
    [InlineData("""{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}""")]
    [InlineData("""{"x5t#S256":"bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}""")]
    [InlineData("{}")]
    [InlineData("null")]
    public async Task A_token_that_is_bound_to_a_key_is_not_taken_as_a_bearer_token(string confirmation)
    {
        using var authenticator = _forge.Authenticator();

        await authenticator.RefusesAsync(_forge.Token(claims => claims["cnf"] = JsonNode.Parse(confirmation)));
    }

    [Theory]
    [Row("J09")]
    [InlineData("\"https://gate.example\"", true)]
    [InlineData("\"https://gate.example/mcp/shop\"", true)]
    [InlineData("[\"https://other.example\",\"https://gate.example\"]", true)]
    [InlineData("\"https://gate.example/\"", false)]
    [InlineData("\"https://gate.example/mcp/shop/\"", false)]
    [InlineData("\"https://gate.example/mcp\"", false)]
    [InlineData("\"https://gate.example/mcp/shop2\"", false)]
    [InlineData("\"https://GATE.example\"", false)]
    [InlineData("\"https://gate.example:443\"", false)]
    [InlineData("\"https://other.example\"", false)]
    [InlineData("[\"https://other.example\"]", false)]
    [InlineData("[[\"https://gate.example\"]]", false)]
    [InlineData("[\"https://gate.example\",7]", false)]
    [InlineData("[]", false)]
    [InlineData("\"\"", false)]
    [InlineData("null", false)]
    [InlineData("{\"https://gate.example\":1}", false)]
    public async Task An_audience_is_matched_exactly(string audience, bool isGood)
    {
        using var authenticator = _forge.Authenticator();
        var token = _forge.Token(claims => claims["aud"] = JsonNode.Parse(audience));

        _ = isGood ? (object)await authenticator.AcceptsAsync(token) : await authenticator.RefusesAsync(token);
    }

    [Fact]
    [Row("J09")]
    public async Task A_token_for_one_connection_is_refused_at_the_next_although_it_is_remembered()
    {
        using var authenticator = _forge.Authenticator();
        var token = _forge.Token(claims => claims["aud"] = TokenForge.Resource);

        await authenticator.AcceptsAsync(token);
        await authenticator.RefusesAsync(token, "https://gate.example/mcp/bank");
        await authenticator.AcceptsAsync(token);
    }

    [Fact]
    [Row("J09")]
    public async Task A_token_without_an_audience_or_subject_or_issuer_is_refused()
    {
        using var authenticator = _forge.Authenticator();
        foreach (var claim in (string[])["aud", "sub", "iss", "exp", "iat"])
        {
            await authenticator.RefusesAsync(_forge.Token(claims => claims.Remove(claim)));
        }
    }

    [Theory]
    [Row("J12")]
    [InlineData("""{"_claim_names":{"groups":"src1"},"_claim_sources":{"src1":{"endpoint":"https://evil.example"}}}""")]
    [InlineData("""{"hasgroups":true}""")]
    public async Task Groups_that_are_elsewhere_are_refused_and_never_fetched(string overage)
    {
        using var authenticator = _forge.Authenticator();

        await authenticator.RefusesAsync(_forge.Token(claims =>
        {
            claims.Remove("groups");
            foreach (var (name, value) in JsonNode.Parse(overage)!.AsObject())
            {
                claims[name] = value!.DeepClone();
            }
        }));

        Assert.DoesNotContain(_forge.Fetched, address => address.Contains("evil", StringComparison.Ordinal));
    }

    [Fact]
    [Row("J13")]
    public async Task Names_and_addresses_of_a_person_decide_nothing()
    {
        using var authenticator = _forge.Authenticator(_forge.Trusted(issuer => new()
        {
            Name = issuer.Name,
            Authority = issuer.Authority,
            Audiences = issuer.Audiences,
            NamesById = System.Collections.Frozen.FrozenDictionary.ToFrozenDictionary(new Dictionary<string, string> { ["id-77"] = "admins" }),
        }));

        // the display name of a group of one's own making equals the configured name of another group
        var pretender = await authenticator.AcceptsAsync(_forge.Token(claims =>
        {
            claims["sub"] = "u-2";
            claims["email"] = "una@corp.example";
            claims["preferred_username"] = "u-1";
            claims["name"] = "Una";
            claims["groups"] = new JsonArray("admins");
        }));
        var member = await authenticator.AcceptsAsync(_forge.Token(claims => claims["groups"] = new JsonArray("id-77")));

        Assert.Equal("corp:u-2", pretender.Key);
        Assert.Empty(pretender.Groups);
        Assert.Contains("admins", member.Groups);
    }

    [Theory]
    [Row("J14")]
    [InlineData("exp", "-31", false)]
    [InlineData("exp", "-30", false)]
    [InlineData("exp", "-29", true)]
    [InlineData("exp", "86400", true)]
    [InlineData("exp", "86401", false)]
    [InlineData("iat", "30", true)]
    [InlineData("iat", "31", false)]
    [InlineData("nbf", "30", true)]
    [InlineData("nbf", "31", false)]
    public async Task Instants_are_judged_to_the_second(string claim, string seconds, bool isGood)
    {
        using var authenticator = _forge.Authenticator();
        var offset = long.Parse(seconds);
        var token = _forge.Token(claims =>
        {
            claims["iat"] = claim == "exp" && offset < 0 ? _forge.Now - 600 : _forge.Now;
            claims[claim] = _forge.Now + offset;
        });

        _ = isGood ? (object)await authenticator.AcceptsAsync(token) : await authenticator.RefusesAsync(token);
    }

    [Theory]
    [Row("J14")]
    [InlineData("1893456600.5")]
    [InlineData("1893456600.0")]
    [InlineData("1.8934566e9")]
    [InlineData("\"1893456600\"")]
    [InlineData("-1")]
    [InlineData("0")]
    [InlineData("1e400")]
    [InlineData("99999999999999999999999999")]
    [InlineData("9223372036854775807")]
    [InlineData("253402300799")]
    [InlineData("null")]
    [InlineData("true")]
    [InlineData("[1893456600]")]
    public async Task An_instant_that_is_no_plain_integer_in_range_is_refused(string value)
    {
        using var authenticator = _forge.Authenticator();
        foreach (var name in (string[])["exp", "iat", "nbf"])
        {
            var claims = _forge.Claims();
            claims[name] = "HERE";
            await authenticator.RefusesAsync(_forge.Sign(_forge.Header().ToJsonString(), claims.ToJsonString().Replace("\"HERE\"", value, StringComparison.Ordinal)));
        }
    }

    [Fact]
    [Row("J15")]
    public async Task A_token_without_a_person_is_a_workload_and_never_a_person()
    {
        using var authenticator = _forge.Authenticator();

        var same = await authenticator.AcceptsAsync(_forge.Token(claims => (claims["sub"], claims["client_id"]) = ("bot", "bot")));
        var marked = await authenticator.AcceptsAsync(_forge.Token(claims => claims["idtyp"] = "app"));

        Assert.Equal(IdentityKind.Workload, same.Kind);
        Assert.Equal(IdentityKind.Workload, marked.Kind);
    }

    [Fact]
    [Row("J21")]
    public async Task A_token_that_names_two_clients_is_refused()
    {
        using var authenticator = _forge.Authenticator();

        await authenticator.RefusesAsync(_forge.Token(claims => claims["azp"] = "another-agent"));
    }

    [Fact]
    [Row("J23")]
    public async Task Size_and_depth_are_bounded_and_refused_without_a_fetch()
    {
        using var authenticator = _forge.Authenticator();
        for (var size = 16 * 1024; size <= 4 * 1024 * 1024; size *= 4)
        {
            await authenticator.RefusesAsync(_forge.Token(claims => claims["pad"] = new string('x', size)));
            await authenticator.RefusesAsync(new string('a', size + 1));
            await authenticator.RefusesAsync(new string('.', size));
        }

        await authenticator.RefusesAsync(_forge.Token(claims => claims["groups"] = new JsonArray([.. Enumerable.Range(0, 10_000).Select(JsonNode (i) => JsonValue.Create($"g{i}"))])));
        await authenticator.RefusesAsync(_forge.Sign(_forge.Header().ToJsonString(), $"{{\"a\":{new string('[', 5000)}{new string(']', 5000)}}}"));
        await authenticator.RefusesAsync($"{_forge.Token()}.AAAA.AAAA");

        Assert.Empty(_forge.Fetched);
    }

    [Fact]
    public async Task Text_that_two_parsers_could_read_differently_is_refused()
    {
        using var authenticator = _forge.Authenticator();
        var (header, claims) = (_forge.Header().ToJsonString(), _forge.Claims().ToJsonString());
        var good = _forge.Sign(header, claims);
        await authenticator.AcceptsAsync(good);

        var parts = good.Split('.');
        string[] spellings =
        [
            good + "=", good + " ", " " + good, good + "\n", $"{parts[0]}=.{parts[1]}.{parts[2]}", good.Replace('-', '+').Replace('_', '/') + "+",
            $"{parts[0]}.{parts[1]}.{parts[2][..^1]}{(char)(parts[2][^1] + 1)}",
            "Bearer " + good, good + "\u00e9", "", ".", "..", "a.b.c",
        ];
        foreach (var spelling in spellings)
        {
            await authenticator.RefusesAsync(spelling);
        }

        byte[][] bodies =
        [
            [0xEF, 0xBB, 0xBF, .. Encoding.UTF8.GetBytes(claims)],
            [.. Encoding.UTF8.GetBytes(claims[..^1]), .. ",\"x\":\""u8, 0xFF, .. "\"}"u8],
            Encoding.UTF8.GetBytes($"{claims[..^1]},\"x\":\"\\ud800\"}}"),
            Encoding.UTF8.GetBytes($"{claims[..^1]},\"\\udfff\":1}}"),
            Encoding.UTF8.GetBytes(claims + " x"),
            Encoding.UTF8.GetBytes(claims + "{}"),
            Encoding.UTF8.GetBytes($"/**/{claims}"),
            Encoding.UTF8.GetBytes($"{claims[..^1]},}}"),
            Encoding.UTF8.GetBytes($"[{claims}]"),
            Encoding.Unicode.GetBytes(claims),
            "null"u8.ToArray(), "\"x\""u8.ToArray(), "{"u8.ToArray(),
        ];
        foreach (var body in bodies)
        {
            await authenticator.RefusesAsync(_forge.Sign(Encoding.UTF8.GetBytes(header), body));
        }
    }

    [Fact]
    [Row("J11")]
    public async Task A_token_of_another_tenant_is_refused_where_the_configuration_names_the_tenant()
    {
        using var authenticator = _forge.Authenticator(_forge.Trusted(issuer => new()
        {
            Name = issuer.Name,
            Authority = issuer.Authority,
            Audiences = issuer.Audiences,
            RequiredClaims = System.Collections.Frozen.FrozenDictionary.ToFrozenDictionary(new Dictionary<string, string> { ["tid"] = "t-1" }),
        }));

        await authenticator.AcceptsAsync(_forge.Token(claims => claims["tid"] = "t-1"));
        await authenticator.RefusesAsync(_forge.Token(claims => claims["tid"] = "t-2"));
        await authenticator.RefusesAsync(_forge.Token(claims => claims["tid"] = new JsonArray("t-1")));
        await authenticator.RefusesAsync(_forge.Token());
    }

    [Theory]
    [Row("J10")]
    [InlineData("https://issuer.example/")]
    [InlineData("https://issuer.example/v2.0")]
    [InlineData("https://ISSUER.example")]
    [InlineData("http://issuer.example")]
    [InlineData("https://issuer.example:443")]
    [InlineData("https://sts.issuer.example")]
    [InlineData("https://issuer.example\u0000")]
    [InlineData("")]
    public async Task An_issuer_is_matched_exactly(string issuer)
    {
        using var authenticator = _forge.Authenticator();

        await authenticator.RefusesAsync(_forge.Token(claims => claims["iss"] = issuer));
        Assert.Empty(_forge.Fetched);
    }

    [Fact]
    public async Task No_damage_to_header_or_claims_is_more_than_a_refusal()
    {
        using var authenticator = _forge.Authenticator();
        var (header, claims) = (Encoding.UTF8.GetBytes(_forge.Header().ToJsonString()), Encoding.UTF8.GetBytes(_forge.Claims().ToJsonString()));
        await authenticator.AcceptsAsync(_forge.Sign(header, claims));
        var random = new Random(20300101);
        var (accepted, refused) = (0, 0);
        for (var round = 0; round < 3000; round++)
        {
            var (head, body) = ((byte[])header.Clone(), (byte[])claims.Clone());
            var target = random.Next(2) == 0 ? head : body;
            for (var hits = random.Next(1, 4); hits > 0; hits--)
            {
                target[random.Next(target.Length)] = (byte)random.Next(256);
            }

            // signed by nobody: whatever the damage says, it must never be accepted, and never throw
            var token = $"{Base64Url.EncodeToString(head)}.{Base64Url.EncodeToString(body)}.{Base64Url.EncodeToString(new byte[256])}";
            _ = await authenticator.AuthenticateAsync(token, TokenForge.Resource, CancellationToken.None) is Authentication.Accepted ? accepted++ : refused++;
        }

        Assert.Equal(0, accepted);
        Assert.Equal(3000, refused);
    }
}
