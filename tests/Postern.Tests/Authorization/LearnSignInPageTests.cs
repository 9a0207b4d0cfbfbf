using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Postern.Gateway.Configuration;
using Postern.Tests.Gateway;

namespace Postern.Tests.Authorization;

public sealed partial class LearnSignInPageTests
{
    [Fact]
    public void Every_configuration_on_the_page_can_be_loaded()
    {
        var page = File.ReadAllText(Path.Combine(Repository.Root, "docs", "learn", "sign-in.md"));
        using var folder = new TemporaryFolder();
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        folder.Write("secret.txt", "the secret of the gateway at its issuer");
        folder.Write("nightly.jwks", AuthorizationStage.KeySet(key));
        var configurations = Configuration().Matches(page).Select(match => match.Groups["yaml"].Value).ToArray();
        Assert.Equal(3, configurations.Length);

        var loaded = configurations.Select((yaml, number) => ConfigurationLoader.Load(folder.Write($"{number}.yaml", yaml), [], ["mcp"])).ToArray();

        Assert.All(loaded, one => Assert.Empty(one.Problems));
        Assert.Null(loaded[0].Options!.Authorization);
        Assert.Equal("desktop", loaded[1].Options!.Authorization!.Clients.Single().Id);
        Assert.Equal(["claude.ai", "*.agents.example.com"], loaded[1].Options!.Authorization!.DocumentHosts);
        Assert.True(loaded[2].Options!.Authorization!.Clients.Single().IsWorkload);
        Assert.Equal(["builds"], loaded[2].Options!.Authorization!.Exchanges);
    }

    [Theory]
    [InlineData("authorization: { signInLife: 8h }", "these keys are for `server: gateway`")]
    [InlineData("authorization: { server: gateway, tokenLife: 1h }", "expected at most 10m")]
    [InlineData("authorization: { server: gateway, signInLife: 48h }", "expected at most 24h")]
    [InlineData("authorization: { server: gateway, issuer: nobody }", "expected an issuer with a `clientId`, found `nobody`")]
    [InlineData("authorization: { server: gateway, providerScopes: [profile] }", "expected `openid` among them")]
    [InlineData("authorization: { server: gateway, exchange: [nobody] }", "expected the name of a configured issuer, found `nobody`")]
    [InlineData("authorization: { server: gateway, clientDocuments: { hosts: [\"https://claude.ai\"] } }", "expected a host name")]
    [InlineData("authorization: { server: gateway, clients: { a: { name: A } } }", "expected at least one")]
    [InlineData("authorization: { server: gateway, clients: { a: { name: A, redirects: [\"http://app.example.com/callback\"] } } }", "expected `https://host/path`")]
    [InlineData("authorization: { server: gateway, clients: { a: { name: A, redirects: [\"https://app.example.com/x#y\"] } } }", "no fragment")]
    [InlineData("authorization: { server: gateway, clients: { a: { name: A, redirects: [\"https://user@app.example.com/x\"] } } }", "no user name")]
    [InlineData("authorization: { server: gateway, clients: { a: { name: A, redirects: [\"https://APP.example.com/x\"] } } }", "canonical spelling")]
    [InlineData("authorization: { server: gateway, clients: { a: { name: A, redirects: [\"javascript:alert(1)\"] } } }", "expected `https://host/path`")]
    [InlineData("authorization: { server: gateway, clients: { a: { name: A, workload: true } } }", "a workload needs `keys`")]
    [InlineData("authorization: { server: gateway, clients: { a: { name: A, workload: true, secret: short } } }", "fewer than 32 characters")]
    [InlineData("authorization: { server: gateway, clients: { a: { name: A, workload: true, keys: nowhere.jwks } } }", "no JSON Web Key Set")]
    public void What_would_trust_too_much_is_named_when_the_configuration_is_read(string authorization, string expected)
    {
        using var folder = new TemporaryFolder();
        var file = folder.Write("postern.yaml", $$"""
            issuers:
              corp: { authority: "https://login.example.com", clientId: pages }
            {{authorization}}
            policy: [policy.yaml]
            """);

        var problems = ConfigurationLoader.Load(file, [], ["mcp"]).Problems;

        Assert.Contains(problems, problem => problem.Message.Contains(expected, StringComparison.Ordinal));
    }

    [GeneratedRegex("```yaml\n(?<yaml>.*?)```", RegexOptions.Singleline | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Configuration();
}
