using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Core.Operations;
using Postern.Gateway.Identities;

namespace Postern.Tests.Identities.Vectors;

/// <summary>The product and its twin on every vector of <c>tests/specs/jws/vectors.json</c>, which has a right answer for each.</summary>
[Guarantee("G13")]
[Guarantee("G6")]
public sealed class JwsVectorTests
{
    private static readonly string _file = Path.Combine(Specs.Folder("jws"), "vectors.json");

    static JwsVectorTests()
    {
        if (Environment.GetEnvironmentVariable("POSTERN_MAKE_VECTORS") == "1") File.WriteAllText(_file, new JwsVectorMaker().Make());
        Vectors = JsonNode.Parse(File.ReadAllText(_file))!.AsObject();
    }

    private static JsonObject Vectors { get; }

    public static TheoryData<string> Algorithms => [.. JwsVectorMaker.Algorithms];

    private static TokenAuthenticator Product() => new(
        [new TrustedIssuer { Name = "vectors", Authority = JwsVectorMaker.Issuer, Audiences = [JwsVectorMaker.Audience], Algorithms = [.. JwsVectorMaker.Algorithms] }],
        new ManualClock(),
        NullLoggerFactory.Instance,
        _ => new Keys());

    private static IEnumerable<(string Comment, bool IsGood, string Token)> Of(string algorithm) =>
        Vectors["groups"]!.AsArray().Single(group => group!["algorithm"]!.GetValue<string>() == algorithm)!["vectors"]!.AsArray()
            .Select(vector => ($"{vector!["id"]}: {vector["comment"]}", vector["result"]!.GetValue<string>() == "valid", vector["jws"]!.GetValue<string>()));

    [Theory]
    [Row("J01")]
    [Row("J02")]
    [Row("J03")]
    [Row("J06")]
    [Row("J07")]
    [MemberData(nameof(Algorithms))]
    public async Task Product_and_twin_give_the_right_answer_to_every_vector(string algorithm)
    {
        using var product = Product();
        var twin = new PlatformJws(Vectors["keys"]!.AsArray());
        var (wrong, good, bad) = (new List<string>(), 0, 0);
        foreach (var (comment, isGood, token) in Of(algorithm))
        {
            var answer = await product.AuthenticateAsync(token, TokenForge.Resource, TestContext.Current.CancellationToken);
            if (answer is Authentication.Accepted != isGood) wrong.Add($"the product on {comment}: {(answer as Authentication.Refused)?.Reason ?? "accepted"}");
            if (twin.Holds(token) != isGood) wrong.Add($"the twin on {comment}");
            _ = isGood ? good++ : bad++;
        }

        Assert.Empty(wrong);
        Assert.InRange(good, 4, 8);
        Assert.InRange(bad, 80, 200);
    }

    [Theory]
    [Row("J01")]
    [MemberData(nameof(Algorithms))]
    public async Task Product_and_twin_agree_on_random_damage(string algorithm)
    {
        const string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ ";
        using var product = Product();
        var twin = new PlatformJws(Vectors["keys"]!.AsArray());
        var good = Of(algorithm).First(vector => vector.IsGood).Token;
        var random = new Random(algorithm[0] + int.Parse(algorithm[2..]));
        for (var round = 0; round < 300; round++)
        {
            var text = good.ToCharArray().ToList();
            for (var hits = random.Next(1, 4); hits > 0; hits--)
            {
                // mostly in the signature, whose arithmetic is what differs between libraries
                var at = random.Next(3) == 0 ? random.Next(text.Count) : random.Next(good.LastIndexOf('.') + 1, text.Count);
                switch (random.Next(4))
                {
                    case 0: text.RemoveAt(Math.Min(at, text.Count - 1)); break;
                    case 1: text.Insert(Math.Min(at, text.Count), alphabet[random.Next(alphabet.Length)]); break;
                    default: text[Math.Min(at, text.Count - 1)] = alphabet[random.Next(alphabet.Length)]; break;
                }
            }
            var damaged = new string([.. text]);
            var answer = await product.AuthenticateAsync(damaged, TokenForge.Resource, TestContext.Current.CancellationToken) is Authentication.Accepted;
            Assert.True(answer == twin.Holds(damaged) && answer == (damaged == good), $"round {round}: product {answer}, twin {twin.Holds(damaged)}: {damaged}");
        }
    }

    [Fact]
    [Row("J18")]
    public async Task A_revoked_token_has_no_second_spelling_not_even_where_ecdsa_has_one()
    {
        using var product = Product();
        foreach (var algorithm in (string[])["ES256", "ES384", "ES512"])
        {
            var other = Of(algorithm).Single(vector => vector.IsGood && vector.Comment.Contains("cannot tell apart", StringComparison.Ordinal)).Token;
            var issued = Of(algorithm).Single(vector => vector.Comment.EndsWith(": as the issuer signed it", StringComparison.Ordinal)).Token;
            Assert.Equal(issued[..issued.LastIndexOf('.')], other[..other.LastIndexOf('.')]);
            await product.AcceptsAsync(other);

            product.RevokeToken(issued);

            await product.RefusesAsync(issued);
            await product.RefusesAsync(other);
        }
    }

    /// <summary>The keys of the file, as an issuer publishes them.</summary>
    private sealed class Keys : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) => Task.FromResult(TokenForge.Answer(
            request.RequestUri!.AbsolutePath == "/keys"
                ? new JsonObject { ["keys"] = Vectors["keys"]!.DeepClone() }.ToJsonString()
                : new JsonObject { ["issuer"] = JwsVectorMaker.Issuer, ["jwks_uri"] = $"{JwsVectorMaker.Issuer}/keys" }.ToJsonString()));
    }
}
