using System.Text.Json.Nodes;
using Postern.Gateway.Configuration;
using Postern.Gateway.Identities;
using Microsoft.Extensions.Logging.Abstractions;

namespace Postern.Tests.Identities.Providers;

/// <summary>An authenticator with a configuration of the identity page, in front of forges that stand for the providers' issuers.</summary>
internal sealed class ProviderStage : IDisposable
{
    private readonly Dictionary<string, TokenForge> _forges = new(StringComparer.Ordinal);

    public ProviderStage(string text, Func<TrustedIssuer, HttpMessageHandler>? handler = null, TimeProvider? clock = null)
    {
        var result = Load(text);
        Assert.Empty(result.Problems);
        Issuers = [.. result.Options!.Issuers.SelectMany(issuer => TrustedIssuer.AllFrom(issuer, "https://gate.example"))];
        Clock = new ManualClock();
        foreach (var issuer in Issuers) _forges[issuer.Authority] = new TokenForge(issuer.Authority) { Clock = Clock };
        Authenticator = new TokenAuthenticator(Issuers, clock ?? Clock, NullLoggerFactory.Instance, handler ?? (issuer => _forges[issuer.Authority]));
    }

    public ManualClock Clock { get; }

    public IReadOnlyList<TrustedIssuer> Issuers { get; }

    public TokenAuthenticator Authenticator { get; }

    /// <summary>The first issuer's.</summary>
    public TokenForge Forge => _forges[Issuers[0].Authority];

    public TokenForge ForgeOf(string authority) => _forges[authority];

    /// <summary>A configuration of the page, by the name in its mark.</summary>
    public static string Page(string name)
    {
        var lines = File.ReadAllLines(Path.Combine(Specs.Folder("policy"), "..", "..", "..", "docs", "learn", "identity.md"));
        var start = Array.IndexOf(lines, $"<!-- identity: {name} -->");
        Assert.True(start >= 0 && lines[start + 1] == "```yaml", $"the page has no configuration `{name}`");
        return string.Join('\n', lines.Skip(start + 2).TakeWhile(line => line != "```"));
    }

    public static ConfigurationResult Load(string issuers)
    {
        var folder = Directory.CreateTempSubdirectory("postern-identity-");
        try
        {
            File.WriteAllText(Path.Combine(folder.FullName, "graph-secret"), "graph-secret-of-the-test\n");
            return ConfigurationLoader.Parse(Path.Combine(folder.FullName, "postern.yaml"), issuers + "\npolicy: [policy.yaml]\n", [], ["mcp"]);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>Signed by the issuer that the claims name, as it would.</summary>
    public string Sign(JsonObject claims, string? type = "JWT", Action<JsonObject>? change = null)
    {
        change?.Invoke(claims);
        var forge = _forges.GetValueOrDefault(claims["iss"]!.ToString()) ?? Forge;
        return forge.Sign(ProviderTokens.Header(forge, type).ToJsonString(), claims.ToJsonString());
    }

    public void Dispose()
    {
        Authenticator.Dispose();
        foreach (var forge in _forges.Values) forge.Dispose();
    }
}
