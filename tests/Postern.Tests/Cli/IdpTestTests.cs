using System.Text.Json.Nodes;
using Postern.Gateway.Identities;
using Postern.Tests.Identities;

namespace Postern.Tests.Cli;

/// <summary><c>postern idp test</c> against an issuer on loopback.</summary>
public sealed class IdpTestTests : IAsyncDisposable
{
    private readonly HostileProvider _provider = new();
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("postern-idp-");

    public IdpTestTests() => _provider.Forge.Clock.Advance(DateTimeOffset.UtcNow - _provider.Forge.Clock.GetUtcNow());

    public async ValueTask DisposeAsync()
    {
        await _provider.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    private string Configuration(string more = "")
    {
        var file = Path.Combine(_folder.FullName, "postern.yaml");
        File.WriteAllText(file, $$"""
            issuers:
              corp:
                authority: {{_provider.Authority}}
                audience: {{TokenForge.Audience}}
                names: { helpers: support }
                {{more}}
            publicUrl: https://gate.example
            policy: [policy.yaml]
            """);
        return file;
    }

    private async Task<CommandLineResult> TestAsync(string token, string more = "", params string[] options)
    {
        var result = await CommandLine.RunAsync(["idp", "test", "-", "--config", Configuration(more), .. options], null, token + "\n");
        foreach (var part in token.Split('.').Where(part => part.Length > 8)) Assert.DoesNotContain(part, result.Out + result.Error, StringComparison.Ordinal);
        return result;
    }

    [Fact]
    public async Task What_a_token_becomes_is_shown_in_the_words_of_policies()
    {
        var result = await TestAsync(_provider.Forge.Token());

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        foreach (var line in (string[])["Identity   corp:u-1", "Kind       person", "Person     corp:u-1", "Name       Una", "Agent      corp:agent-1", "Groups     corp:helpers, corp:support", "Issuer     corp", "Audiences  https://gate.example"])
        {
            Assert.Contains(line, result.Out.Split('\n'));
        }
    }

    [Fact]
    public async Task A_token_in_the_arguments_with_json_out_and_a_program_is_no_person()
    {
        var token = _provider.Forge.Token(claims => claims["idtyp"] = "app");

        var result = await CommandLine.RunAsync("idp", "test", token, "--config", Configuration(), "-o", "json");

        var json = JsonNode.Parse(result.Out)!;
        Assert.Equal(("workload", null, true), ((string?)json["kind"], (string?)json["person"], (bool)json["accepted"]!));
        Assert.DoesNotContain(token.Split('.')[2], result.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_token_for_one_connection_says_so()
    {
        var result = await TestAsync(_provider.Forge.Token(claims => claims["aud"] = TokenForge.Resource));

        Assert.Equal(0, result.ExitCode);
        Assert.Contains("Only at    https://gate.example/mcp/shop", result.Out, StringComparison.Ordinal);
    }

    public static TheoryData<string, string, string> Refusals => new()
    {
        { "aud", "token is for another audience", "Expected  https://gate.example" },
        { "iss", "token issuer is not configured", "Expected  http://127.0.0.1:" },
        { "typ", "token type is not one of an access token", "Expected  at+jwt, application/at+jwt" },
        { "exp", "token has expired", "get a new one" },
        { "alg", "token algorithm is not accepted", "Expected  RS256, ES256" },
        { "groups", "token groups are not a list of text", "groupsClaim" },
        { "overage", "token says that its groups are elsewhere (overage)", "directory" },
        { "kid", "token key is unknown to its issuer", "key set" },
        { "signature", "token signature does not hold", "another party signed it" },
        { "opaque", "token does not have three parts", "opaque" },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public async Task A_refusal_says_why_and_what_to_change(string what, string reason, string change)
    {
        var forge = _provider.Forge;
        var token = what switch
        {
            "aud" => forge.Token(claims => claims["aud"] = "https://other.example"),
            "iss" => forge.Token(claims => claims["iss"] = "https://other.example/"),
            "typ" => forge.Token(header: header => header["typ"] = "JWT"),
            "exp" => forge.Token(claims => (claims["iat"], claims["exp"]) = (forge.Now - 900, forge.Now - 300)),
            "alg" => forge.Token(algorithm: "PS256"),
            "groups" => forge.Token(claims => claims["groups"] = "support"),
            "overage" => forge.Token(claims => claims["hasgroups"] = true),
            "kid" => forge.Token(header: header => header["kid"] = "r9"),
            "signature" => forge.Token()[..^8] + "AAAAAAAA",
            _ => "opaqueaccesstoken",
        };

        var result = await TestAsync(token);

        Assert.Equal(4, result.ExitCode);
        Assert.Contains(reason, result.Out, StringComparison.Ordinal);
        Assert.Contains(change, result.Out, StringComparison.Ordinal);
        if (what != "opaque") Assert.Contains("nobody vouched for it", result.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_issuer_that_cannot_be_asked_is_another_end_than_a_refusal()
    {
        _provider.Keys = HostileProvider.Answers("<html>");

        var result = await TestAsync(_provider.Forge.Token());

        Assert.Equal(8, result.ExitCode);
        Assert.Contains("the key set holds no usable key", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_token_from_nowhere_or_from_two_places_is_a_mistake()
    {
        Assert.Equal(2, (await CommandLine.RunAsync("idp", "test", "--config", Configuration())).ExitCode);
        Assert.Equal(2, (await CommandLine.RunAsync("idp", "test", "a.b.c", "--login", "--config", Configuration())).ExitCode);
        Assert.Equal(2, (await CommandLine.RunAsync(["idp", "test", "-", "--config", Configuration()], null, " \n")).ExitCode);
        Assert.Equal(3, (await CommandLine.RunAsync("idp", "test", "--login", "--config", Configuration())).ExitCode);
        Assert.Equal(2, (await CommandLine.RunAsync("idp", "test", "a.b.c", "--config", Path.Combine(_folder.FullName, "none.yaml"))).ExitCode);
    }

    [Fact]
    public async Task The_token_of_the_environment_serves_as_login()
    {
        var result = await CommandLine.RunAsync(["idp", "test", "--login", "--config", Configuration()], new() { ["POSTERN_TOKEN"] = _provider.Forge.Token() });

        Assert.Equal(0, result.ExitCode);
    }

    [Fact]
    public void Every_reason_has_advice()
    {
        var faults = typeof(TokenFault).GetFields(System.Reflection.BindingFlags.Public | System.Reflection.BindingFlags.Static).Select(field => field.GetValue(null)).OfType<TokenFault>().ToList();

        Assert.InRange(faults.Count, 30, 100);
        Assert.All(faults, fault => Assert.Equal(fault.Advice, TokenFault.AdviceOn(fault.Reason)));
    }
}
