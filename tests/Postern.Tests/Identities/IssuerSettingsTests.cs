using Postern.Core.Operations;
using Postern.Gateway.Configuration;
using Postern.Gateway.Identities;

namespace Postern.Tests.Identities;

/// <summary>What an operator writes about an issuer, from the text of the file to the token that is let in or not.</summary>
public sealed class IssuerSettingsTests
{
    private readonly TokenForge _forge = new();

    [Fact]
    [Row("J14")]
    public async Task The_clock_skew_is_the_configured_one_on_both_ends()
    {
        using var authenticator = Configured("clockSkew: 10s");

        await authenticator.AcceptsAsync(_forge.Token(claims => (claims["iat"], claims["exp"]) = (_forge.Now - 100, _forge.Now - 9)));
        await authenticator.RefusesAsync(_forge.Token(claims => (claims["iat"], claims["exp"]) = (_forge.Now - 100, _forge.Now - 10)));
        await authenticator.AcceptsAsync(_forge.Token(claims => claims["nbf"] = _forge.Now + 10));
        await authenticator.RefusesAsync(_forge.Token(claims => claims["nbf"] = _forge.Now + 11));
    }

    [Fact]
    [Row("J14")]
    public async Task A_token_that_claims_a_longer_life_than_configured_is_refused()
    {
        using var authenticator = Configured("tokenLife: 1h");

        await authenticator.AcceptsAsync(_forge.Token(claims => claims["exp"] = _forge.Now + 3600));
        await authenticator.RefusesAsync(_forge.Token(claims => claims["exp"] = _forge.Now + 3601));
    }

    [Fact]
    [Row("J11")]
    [Guarantee("G13")]
    public async Task A_required_claim_must_be_there_once_and_with_exactly_this_text()
    {
        using var authenticator = Configured("requiredClaims: { tid: tenant-1, https://example.com/env: prod }");

        await authenticator.AcceptsAsync(_forge.Token(claims => (claims["tid"], claims["https://example.com/env"]) = ("tenant-1", "prod")));
        await authenticator.RefusesAsync(_forge.Token(claims => (claims["tid"], claims["https://example.com/env"]) = ("tenant-2", "prod")));
        await authenticator.RefusesAsync(_forge.Token(claims => (claims["tid"], claims["https://example.com/env"]) = ("Tenant-1", "prod")));
        await authenticator.RefusesAsync(_forge.Token(claims => claims["tid"] = "tenant-1"));
        await authenticator.RefusesAsync(_forge.Token());
    }

    [Fact]
    [Row("J15")]
    public async Task The_configured_marks_say_which_tokens_stand_for_programs()
    {
        using var authenticator = Configured("workloadClaims: { gty: client-credentials }");

        Assert.Equal(IdentityKind.Workload, (await authenticator.AcceptsAsync(_forge.Token(claims => claims["gty"] = "client-credentials"))).Kind);
        Assert.Equal(IdentityKind.Person, (await authenticator.AcceptsAsync(_forge.Token(claims => claims["gty"] = "password"))).Kind);
        Assert.Equal(IdentityKind.Person, (await authenticator.AcceptsAsync(_forge.Token(claims => claims["idtyp"] = "app"))).Kind); // what is written replaces the default

        using var usual = Configured("tokenLife: 24h");
        Assert.Equal(IdentityKind.Workload, (await usual.AcceptsAsync(_forge.Token(claims => claims["idtyp"] = "app"))).Kind);
    }

    private TokenAuthenticator Configured(string setting)
    {
        var text = $$"""
            issuers:
              corp:
                authority: {{_forge.Authority}}
                audience: {{TokenForge.Audience}}
                {{setting}}
            policy: [policy.yaml]
            """;
        var result = ConfigurationLoader.Parse("postern.yaml", text, [], ["mcp"]);
        Assert.Empty(result.Problems);
        return _forge.Authenticator(TrustedIssuer.From(result.Options!.Issuers[0], "https://unused.example"));
    }
}
