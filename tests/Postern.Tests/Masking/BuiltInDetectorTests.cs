using System.Text;
using System.Text.Json;
using Postern.Core.Masking;
using Postern.Core.Masking.Detection;
using static Postern.Tests.Masking.MaskTest;

namespace Postern.Tests.Masking;

/// <summary>What each built-in detector finds, and what looks like it and is not.</summary>
[Guarantee("G11")]
public sealed class BuiltInDetectorTests
{
    [Theory]
    [InlineData("pay to DE89370400440532013000 now", "pay to [masked:m] now")]
    [InlineData("GB82 WEST 1234 5698 7654 32", "[masked:m]")]
    [InlineData("iban:fr1420041010050500013m02606,", "iban:[masked:m],")]
    [InlineData("(NL91ABNA0417164300)", "([masked:m])")]
    [InlineData("MT84MALT011000012345MTLCAST001S.", "[masked:m].")]
    public void Iban(string text, string expected) => Assert.Equal(expected, Texts(Detectors.Iban, text));

    [Theory]
    [InlineData("DE89370400440532013001")] // check digits
    [InlineData("DE8937040044053201300")] // too short
    [InlineData("XX89370400440532013000")] // no such country
    [InlineData("ADE89370400440532013000")] // part of something longer
    [InlineData("DE893704004405320130001")]
    [InlineData("commit de89a70c and GB12 of memory")]
    public void No_iban(string text) => Assert.Equal(text, Texts(Detectors.Iban, text));

    [Theory]
    [InlineData("call +41 44 668 18 00!", "call [masked:m]!")]
    [InlineData("tel:+14155552671", "tel:[masked:m]")]
    [InlineData("+44 (0) 20-7946-0958", "[masked:m]")]
    [InlineData("(415) 555-2671", "[masked:m]")]
    [InlineData("415-555-2671, 415.555.2671 or 415 555 2671", "[masked:m], [masked:m] or [masked:m]")]
    public void Phone(string text, string expected) => Assert.Equal(expected, Texts(Detectors.Phone, text));

    [Theory]
    [InlineData("2026-11-21T11:57:00+01:00")]
    [InlineData("1+12345678 = 12345679")]
    [InlineData("+1234567")]
    [InlineData("+1234567890123456")]
    [InlineData("115-555-2671")] // no such area
    [InlineData("1415-555-2671")]
    [InlineData("415-555-26711")]
    [InlineData("415-555.2671")]
    [InlineData("f(415) and (12) 345-6789")]
    [InlineData("order 4155552671, 2026-11-21")]
    public void No_phone(string text) => Assert.Equal(text, Texts(Detectors.Phone, text));

    [Theory]
    [InlineData("ssn 078-05-1120.", "ssn [masked:m].")]
    [InlineData("123 45 6789", "[masked:m]")]
    [InlineData("{123-45-6789}", "{[masked:m]}")]
    public void Us_ssn(string text, string expected) => Assert.Equal(expected, Texts(Detectors.UsSsn, text));

    [Theory]
    [InlineData("000-12-3456")]
    [InlineData("666-12-3456")]
    [InlineData("912-12-3456")]
    [InlineData("123-00-4567")]
    [InlineData("123-45-0000")]
    [InlineData("123-45 6789")]
    [InlineData("1123-45-6789")]
    [InlineData("123-45-67890")]
    [InlineData("123-45-6789-1")]
    [InlineData("2026-11-21 123456789")]
    public void No_us_ssn(string text) => Assert.Equal(text, Texts(Detectors.UsSsn, text));

    [Theory]
    [InlineData("from 10.0.0.7:443", "from [masked:m]:443")]
    [InlineData("http://192.168.1.254/", "http://[masked:m]/")]
    [InlineData("fe80::1 and [2001:db8::8a2e:370:7334]:80", "[masked:m] and [[masked:m]]:80")]
    [InlineData("2001:db8:0:0:0:0:0:1.", "[masked:m].")]
    [InlineData("::ffff:192.0.2.128", "[masked:m]")]
    [InlineData("::1", "[masked:m]")]
    public void Ip_address(string text, string expected) => Assert.Equal(expected, Texts(Detectors.IpAddress, text));

    [Theory]
    [InlineData("256.1.1.1 1.2.3 1.2.3.4.5 a1.2.3.4")]
    [InlineData("at 11:57:00 and 11:57:00:123")]
    [InlineData("std::vector a::b Face::Add ::")]
    [InlineData("00:1a:2b:3c:4d:5e")]
    [InlineData("12.5 1,000.25 $1.2.")]
    [InlineData("1:2:3:4:5:6:7:8:9 1::2::3")]
    public void No_ip_address(string text) => Assert.Equal(text, Texts(Detectors.IpAddress, text));

    [Theory]
    [InlineData("password=hunter2", "password=[masked:m]")]
    [InlineData("PASSWORD = 'hunter two'; x", "PASSWORD = '[masked:m]'; x")]
    [InlineData("curl -d \"user=a&password=b&c=d\"", "curl -d \"user=a&password=[masked:m]&c=d\"")]
    [InlineData("pwd: s3cr3t!", "pwd: [masked:m]")]
    [InlineData("{'client_secret': 'abc'}", "{'client_secret': '[masked:m]'}")]
    [InlineData("note: {\"apiKey\":\"k-1\"}", "note: {\"apiKey\":\"[masked:m]\"}")]
    [InlineData("access_token=abc next_token=abc", "access_token=[masked:m] next_token=abc")]
    [InlineData("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "aws_secret_access_key = [masked:m]")]
    public void Password_in_text(string text, string expected) => Assert.Equal(expected, Texts(Detectors.Password, text));

    [Theory]
    [InlineData("the password must have 12 characters")]
    [InlineData("password: the word that lets you in")]
    [InlineData("if (password == null) return secret;")]
    [InlineData("a secret: nobody knows")]
    [InlineData("tokens: 1200, nextToken: abc")]
    [InlineData("passwordless sign-in and secretary")]
    public void No_password(string text) => Assert.Equal(text, Texts(Detectors.Password, text));

    [Fact]
    public void Members_that_are_called_passwords_are_masked_and_booleans_and_schemas_of_such_names_are_not()
    {
        Assert.Equal(
            """{"Password":"[masked:m]","pin":1,"db":{"user":"u","db_passwd":"[masked:m]"},"has_password":true,"api-key":0,"clientSecrets":["[masked:m]",null],"nextToken":"n","refresh_token":"[masked:m]"}""",
            Values(MaskKind.Redact, Detectors.Password).Apply(
                """{"Password":"x","pin":1,"db":{"user":"u","db_passwd":"y"},"has_password":true,"api-key":12,"clientSecrets":["a",null],"nextToken":"n","refresh_token":"z"}"""));
        var shape = new FrameShape { Form = FrameForm.Json, Roots = [["data"]], Descriptions = [["data", "schema"]] };
        const string Schema = """{"password":"outside","data":{"schema":{"properties":{"password":{"type":"string"}}}}}""";
        Assert.Equal(Schema, Values(MaskKind.Redact, Detectors.Password).Apply(Schema, shape));
    }

    [Theory]
    [InlineData("postgres://app:s3cr3t@db:5432/shop", "postgres://app:[masked:m]@db:5432/shop")]
    [InlineData("https://user:p@ss@host/x?y=a@b", "https://user:[masked:m]@host/x?y=a@b")]
    [InlineData("Server=db;User Id=app;Password=s3cr3t;Encrypt=true", "Server=db;User Id=app;Password=[masked:m];Encrypt=true")]
    [InlineData("Data Source=db;pwd=letmein", "Data Source=db;pwd=[masked:m]")]
    public void Connection_string(string text, string expected) => Assert.Equal(expected, Texts(Detectors.ConnectionString, text));

    [Theory]
    [InlineData("https://ghp_abcdefghij0123456789ABCDEFGHIJ012345:x-oauth-basic@github.com/a", "https://[masked:m]:[masked:m]@github.com/a")]
    [InlineData("postgres://app-7eyJhbGciOiJub25lIn0.eyJ188286970918:s3cr3tw0rd@db/x", "postgres://app-7[masked:m]:[masked:m]@db/x")]
    [InlineData("https://ghp_abcdefghij0123456789ABCDEFGHIJ012345:ghp_bcdefghij0123456789ABCDEFGHIJ0123456@h", "https://[masked:m]:[masked:m]@h")]
    public void A_token_may_be_the_user_of_a_URL_with_a_password(string text, string expected) =>
        Assert.Equal($"\"{expected}\"", Values(MaskKind.Redact, Detectors.ConnectionString, Detectors.ApiKey, Detectors.Jwt).Apply($"\"{text}\""));

    [Theory]
    [InlineData("https://host/a:b@c")]
    [InlineData("ssh://git@host/x and http://[::1]:80/")]
    [InlineData("mailto:a@b.example, see http://a.example/x?u=a:b@c")]
    [InlineData("the password: wrong; try again")]
    public void No_connection_string(string text) => Assert.Equal(text, Texts(Detectors.ConnectionString, text));

    [Fact]
    public void Every_prefix_of_a_key_is_found_in_prose_and_in_json_and_not_alone()
    {
        foreach (var prefix in SecretPrefixes.All)
        {
            var body = prefix.Alphabet switch
            {
                SecretAlphabet.Upper => "A1B2C3D4E5F6G7H8",
                SecretAlphabet.Hex => "0a1b2c3d4e5f6789",
                _ => "a1B2c3D4e5F6g7H8",
            };
            var length = prefix.Max > 0 ? prefix.Max : Math.Max(prefix.Min, 16);
            var key = prefix.Prefix + string.Concat(Enumerable.Repeat(body, (length / 16) + 1))[..length];
            Assert.Equal("a [masked:m], b", Texts(Detectors.ApiKey, $"a {key}, b"));
            Assert.Equal("""{"k":["[masked:m]"]}""", Values(MaskKind.Redact, Detectors.ApiKey).Apply($$"""{"k":["{{key}}"]}"""));
            var alone = $"a {prefix.Prefix}, b";
            Assert.Equal(alone, Texts(Detectors.ApiKey, alone));
        }
    }

    [Fact]
    public void Clean_text_of_everyday_work_stays_as_it_is()
    {
        string[] everyday =
        [
            "commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 on 2026-11-21T11:57:00.123+01:00",
            "Release 1.2.3-beta.4+build.567 of @scope/package at v10.0.12, 1,234,567 downloads, ratio 16:9",
            "id 550e8400-e29b-41d4-a716-446655440000, etag \"33a64df551425fcc55e4d42a148795d9f25f89d4\", run 1700000000000",
            "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
            "const token = await getToken(); if (secret === undefined) throw new Error('no key');",
            "The meeting is at 10:30:00 in room 415, call ext. 2671; minutes 12-34-56, page 3-4.",
            "SELECT * FROM orders WHERE total > 4111 AND created_at > '2026-01-01 00:00:00' LIMIT 1000",
            "std::map<std::string, int> m; a::b::c(); x = y ? 1 : 2; // 50% of 40",
            "GET /api/v1/items?page=2&sort=asc&key=name HTTP/1.1 200 1532 0.042s",
            "lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore",
        ];
        foreach (var text in everyday)
        {
            Assert.Equal(text, Texts([.. Detectors.Names], text));
            var json = JsonSerializer.Serialize(new { text, nested = new[] { text } });
            Assert.Equal(json, AllValues().Apply(json));
        }
    }

    private static string Texts(string detector, string text) => Texts([detector], text);

    private static string Texts(string[] detectors, string text)
    {
        var masked = Values(MaskKind.Redact, detectors).Apply(text, FrameShape.Text);
        // The same in a string of JSON, and in a document within one, where screens look first.
        var inJson = Values(MaskKind.Redact, detectors).Apply(JsonSerializer.Serialize(new[] { text }));
        Assert.Equal(masked, JsonDocument.Parse(inJson).RootElement[0].GetString());
        var within = Values(MaskKind.Redact, detectors).Apply(JsonSerializer.Serialize(JsonSerializer.Serialize(new[] { "\n" + text + "\n" })));
        Assert.Equal("\n" + masked + "\n", JsonDocument.Parse(JsonDocument.Parse(within).RootElement.GetString()!).RootElement[0].GetString());
        return masked;
    }
}
