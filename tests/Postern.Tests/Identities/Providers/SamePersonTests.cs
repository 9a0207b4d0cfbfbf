using System.Text.Json.Nodes;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Core.Policy;
using Postern.Gateway.Configuration;
using Postern.Gateway.Identities;
using Postern.Gateway.Identities.Logout;
using Postern.Gateway.Identities.Scim;
using Postern.Tests.Policy;
using static Postern.Tests.Identities.Providers.ProviderTokens;

namespace Postern.Tests.Identities.Providers;

/// <summary>One person is one identity: in tokens, on pages and in policies.</summary>
[Guarantee("G13")]
public sealed class SamePersonTests
{
    private const string Nonce = "nonce-of-this-sign-in";

    private static async Task<Identity> SignInAsync(ProviderStage stage, JsonObject idToken)
    {
        var answer = await stage.Authenticator.AuthenticateSignInAsync(stage.Sign(idToken), stage.Issuers[0], Nonce, TestContext.Current.CancellationToken);
        return Assert.IsType<Authentication.Accepted>(answer).Identity;
    }

    [Fact]
    [Row("J13")]
    public async Task Entra()
    {
        using var stage = new ProviderStage(ProviderStage.Page("entra.yaml"));
        var caller = await stage.Authenticator.AcceptsAsync(stage.Sign(EntraSecond(stage.Forge)));
        var idToken = EntraIdToken(stage.Forge);
        (idToken["aud"], idToken["nonce"], idToken["auth_time"], idToken["sub"]) = ("aaaaaaaa-0000-4000-8000-000000000002", Nonce, stage.Forge.Now - 10, "another-pairwise-subject");

        var signedIn = await SignInAsync(stage, idToken);

        Assert.Equal(caller.Key, signedIn.Key);
        Assert.Equal(IdentityKind.Person, signedIn.Kind);
        Assert.Equal(caller.QualifiedGroups.Order(StringComparer.Ordinal), signedIn.QualifiedGroups.Order(StringComparer.Ordinal));

        // nor on pages may a tenant be another than the issuer's
        idToken["tid"] = OtherTenant;
        var stranger = await stage.Authenticator.AuthenticateSignInAsync(stage.Sign(idToken), stage.Issuers[0], Nonce, TestContext.Current.CancellationToken);
        Assert.Equal(TokenFault.OtherTenant.Reason, Assert.IsType<Authentication.Refused>(stranger).Reason);
    }

    [Fact]
    [Row("J13")]
    public async Task Okta()
    {
        using var stage = new ProviderStage(ProviderStage.Page("okta.yaml"));
        var caller = await stage.Authenticator.AcceptsAsync(stage.Sign(ProviderTokens.Okta(stage.Forge), type: null));

        // in Okta's id tokens `sub` is the id that access tokens call `uid`
        var signedIn = await SignInAsync(stage, new JsonObject
        {
            ["iss"] = stage.Forge.Authority, ["sub"] = "00u00000000000000una", ["aud"] = "0oa0000000000000pages", ["iat"] = stage.Forge.Now, ["exp"] = stage.Forge.Now + 3_600, ["jti"] = "ID.1", ["amr"] = new JsonArray("pwd"),
            ["nonce"] = Nonce, ["auth_time"] = stage.Forge.Now - 10, ["at_hash"] = "x", ["name"] = "Una Unger", ["ver"] = 1,
        });

        Assert.Equal(caller.Key, signedIn.Key);
    }

    [Theory]
    [Row("J18")]
    [Guarantee("G10")]
    [InlineData("entra.yaml")]
    [InlineData("okta.yaml")]
    [InlineData("keycloak.yaml")]
    public async Task What_a_logout_and_a_directory_end_is_what_a_token_is(string page)
    {
        using var stage = new ProviderStage(ProviderStage.Page(page));
        var issuer = stage.Issuers[0];
        var claims = page switch { "entra.yaml" => EntraSecond(stage.Forge), "okta.yaml" => ProviderTokens.Okta(stage.Forge), _ => Keycloak(stage.Forge) };
        // what the provider calls the person outside of access tokens
        var id = claims[issuer.Shape.SubjectClaim]!.ToString();
        var caller = await stage.Authenticator.AcceptsAsync(stage.Sign(claims, page == "okta.yaml" ? null : "JWT"));
        var logout = new JsonObject
        {
            ["iss"] = stage.Forge.Authority, ["aud"] = issuer.ClientId, ["iat"] = stage.Forge.Now, ["exp"] = stage.Forge.Now + 120, ["jti"] = "out-1",
            [issuer.Shape.SignInSubjectClaim ?? issuer.Shape.SubjectClaim] = id, ["events"] = new JsonObject { [LogoutTokens.Event] = new JsonObject() },
        };
        // OpenID Connect Back-Channel Logout has `sub`; a provider whose stable id is another claim writes both
        logout["sub"] ??= "pairwise";

        var reading = await new LogoutTokens(stage.Authenticator, stage.Clock).ReadAsync(stage.Sign(logout, "logout+jwt"), [.. stage.Authenticator.ForBrowsers.Where(source => source.Issuer.Name == issuer.Name)], TestContext.Current.CancellationToken);
        var pushed = ScimDirectory.SubjectOf(new ScimUser("1", issuer.Name, id, "una@acme.example", null, IsActive: false), new ScimOptions("secret", "externalId"), issuer);

        Assert.Equal(caller.Subject, reading.Notice?.Subject);
        Assert.Equal(caller.Subject, pushed);
    }

    [Fact]
    [Row("J11")]
    public void A_directory_pushes_for_one_tenant()
    {
        IEnumerable<string> Complaints(params string[] tenants) => GatewayOptionsCheck.Problems(new GatewayOptions
        {
            Data = "data",
            Issuers = [new IssuerOptions { Name = "entra", Authority = "https://login.microsoftonline.com/{tenantid}/v2.0", Preset = "entra", Tenants = [.. tenants], Scim = new ScimOptions("a-secret-of-the-directory-0123456789", "externalId") }],
        }).Where(problem => problem.Path == "issuers.entra.scim").Select(problem => problem.Message);

        Assert.Contains("one tenant", Assert.Single(Complaints(Tenant, OtherTenant)), StringComparison.Ordinal);
        Assert.Empty(Complaints(Tenant));
    }

    [Fact]
    [Row("J13")]
    [Row("J15")]
    public async Task What_policies_say_of_provider_identities_is_true()
    {
        using var entra = new ProviderStage(ProviderStage.Page("entra.yaml"));
        using var github = new ProviderStage(ProviderStage.Page("github-actions.yaml"));
        using var cluster = new ProviderStage(ProviderStage.Page("kubernetes.yaml"));
        var set = PolicyText.Set(
            $$"""
            rules:
              - {id: role, who: {groups: ["entra:role:Orders.Approve"]}, on: {connection: manor, doors: [cellar]}, then: allow}
              - {id: name, who: {groups: ["entra:support"]}, on: {connection: manor, doors: [attic]}, then: allow}
              - {id: una, who: {users: ["entra:{{Una}}.{{Tenant}}"]}, on: {connection: manor, doors: [lobby]}, then: allow}
              - {id: by-address, who: {users: ["entra:una@acme.example"]}, on: {connection: manor, doors: [yard]}, then: allow}
              - {id: build, who: {workloads: ["ci:repo:acme/shop:ref:refs/heads/main"]}, on: {connection: manor, doors: [engine]}, when: who.claims.environment == 'production', then: allow}
              - {id: pod, who: {workloads: ["cluster:system:serviceaccount:payments:refunder"]}, on: {connection: manor, doors: [stable]}, then: allow}
            """,
            PolicyText.Environment("entra", "ci", "cluster"));
        bool May(Identity who, string door) => set.Decide(who, Toy.Door(door), Toy.Now) is Decision.Allow;

        var una = await entra.Authenticator.AcceptsAsync(entra.Sign(EntraSecond(entra.Forge)));
        Assert.Equal((true, true, true, false, false), (May(una, "cellar"), May(una, "attic"), May(una, "lobby"), May(una, "yard"), May(una, "engine")));

        var deploy = await github.Authenticator.AcceptsAsync(github.Sign(GitHubActions(github.Forge), change: claims => claims["environment"] = "production"));
        var branch = await github.Authenticator.AcceptsAsync(github.Sign(GitHubActions(github.Forge), change: claims => (claims["environment"], claims["sub"]) = ("production", "repo:acme/shop:ref:refs/heads/evil")));
        var test = await github.Authenticator.AcceptsAsync(github.Sign(GitHubActions(github.Forge), change: claims => claims["environment"] = "test"));
        Assert.Equal((true, false, false), (May(deploy, "engine"), May(branch, "engine"), May(test, "engine")));

        var pod = await cluster.Authenticator.AcceptsAsync(cluster.Sign(ProviderTokens.Kubernetes(cluster.Forge), type: null));
        Assert.Equal((true, false), (May(pod, "stable"), May(pod, "engine")));
    }
}
