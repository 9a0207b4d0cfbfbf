using System.Text.Json.Nodes;
using Postern.Core.Operations;
using static Postern.Tests.Identities.Providers.ProviderTokens;

namespace Postern.Tests.Identities.Providers;

/// <summary>Each configuration of the identity page against tokens as its provider writes them.</summary>
[Guarantee("G13")]
public sealed class ProviderPageTests
{
    [Fact]
    [Row("J13")]
    [Row("J15")]
    public async Task Okta()
    {
        using var stage = new ProviderStage(ProviderStage.Page("okta.yaml"));

        var una = await stage.Authenticator.AcceptsAsync(stage.Sign(ProviderTokens.Okta(stage.Forge), type: null));
        var program = await stage.Authenticator.AcceptsAsync(stage.Sign(OktaService(stage.Forge), type: null));

        Assert.Equal(("okta:00u00000000000000una", IdentityKind.Person, "okta:0oa000000000000agent"), (una.Key, una.Kind, una.QualifiedAgent));
        Assert.Equal(["okta:Everyone", "okta:Support"], una.QualifiedGroups.Order(StringComparer.Ordinal));
        Assert.Equal(("okta:0oa000000000000agent", IdentityKind.Workload), (program.Key, program.Kind));

        // the login names nobody; an id token has no client and no scopes
        await stage.Authenticator.RefusesAsync(stage.Sign(ProviderTokens.Okta(stage.Forge), null, claims => claims.Remove("uid")));
        await stage.Authenticator.RefusesAsync(stage.Sign(ProviderTokens.Okta(stage.Forge), null, claims => claims.Remove("cid")));
        await stage.Authenticator.RefusesAsync(stage.Sign(ProviderTokens.Okta(stage.Forge), "application/okta-internal-at+jwt"));
    }

    [Fact]
    [Row("J15")]
    public async Task Auth0()
    {
        using var stage = new ProviderStage(ProviderStage.Page("auth0.yaml"));

        var una = await stage.Authenticator.AcceptsAsync(stage.Sign(ProviderTokens.Auth0(stage.Forge)));
        var modern = await stage.Authenticator.AcceptsAsync(stage.Sign(ProviderTokens.Auth0(stage.Forge), "at+jwt", claims => { claims.Remove("azp"); claims["client_id"] = "auth0AgentClient"; claims["jti"] = "j-1"; }));
        var program = await stage.Authenticator.AcceptsAsync(stage.Sign(Auth0Machine(stage.Forge)));
        var unmarked = await stage.Authenticator.AcceptsAsync(stage.Sign(Auth0Machine(stage.Forge), change: claims => claims.Remove("gty")));

        Assert.Equal(("auth0:auth0|600000000000000000000001", IdentityKind.Person, "auth0:auth0AgentClient"), (una.Key, una.Kind, una.QualifiedAgent));
        Assert.Equal(["auth0:role:read:orders", "auth0:support"], una.QualifiedGroups.Order(StringComparer.Ordinal));
        Assert.Equal(una.Key, modern.Key);
        Assert.Equal(IdentityKind.Workload, program.Kind);
        Assert.Equal(IdentityKind.Workload, unmarked.Kind);

        // an id token: its audience is a client, and it has no client beside
        await stage.Authenticator.RefusesAsync(stage.Sign(ProviderTokens.Auth0(stage.Forge), change: claims => { claims.Remove("azp"); claims.Remove("scope"); claims["aud"] = "auth0AgentClient"; }));
        await stage.Authenticator.RefusesAsync(stage.Sign(ProviderTokens.Auth0(stage.Forge), change: claims => claims.Remove("azp")));
    }

    [Fact]
    [Row("J11")]
    [Row("J13")]
    public async Task Google()
    {
        using var stage = new ProviderStage(ProviderStage.Page("google.yaml"));

        var una = await stage.Authenticator.AcceptsAsync(stage.Sign(ProviderTokens.Google(stage.Forge)));
        Assert.Equal(("google:110248495921238986420", IdentityKind.Person), (una.Key, una.Kind));
        Assert.Empty(una.Groups);

        // a private account, another organisation's, an address that only looks like ours, anybody's service account
        await stage.Authenticator.RefusesAsync(stage.Sign(ProviderTokens.Google(stage.Forge), change: claims => claims.Remove("hd")));
        await stage.Authenticator.RefusesAsync(stage.Sign(ProviderTokens.Google(stage.Forge), change: claims => claims["hd"] = "elsewhere.example"));
        await stage.Authenticator.RefusesAsync(stage.Sign(ProviderTokens.Google(stage.Forge), change: claims => claims["hd"] = "ACME.example"));
        await stage.Authenticator.RefusesAsync(stage.Sign(GoogleService(stage.Forge)));

        // an id token for another client, a security event, an opaque access token
        await stage.Authenticator.RefusesAsync(stage.Sign(ProviderTokens.Google(stage.Forge), change: claims => claims["aud"] = "100000000001-other.apps.googleusercontent.com"));
        await stage.Authenticator.RefusesAsync(stage.Sign(ProviderTokens.Google(stage.Forge), change: claims => claims["events"] = new JsonObject()));
        await stage.Authenticator.RefusesAsync("ya29.a0AfH6SMBx1234567890");
    }

    [Theory]
    [InlineData("keycloak.yaml", "acme", "keycloak")]
    [InlineData("saml.yaml", "saml-people", "broker")]
    [Row("J15")]
    public async Task Keycloak(string page, string realm, string name)
    {
        using var stage = new ProviderStage(ProviderStage.Page(page));

        var una = await stage.Authenticator.AcceptsAsync(stage.Sign(ProviderTokens.Keycloak(stage.Forge, realm)));
        Assert.Equal(($"{name}:1d2d88f8-8b68-4b6b-883f-1af68b598612", IdentityKind.Person, $"{name}:agent-client"), (una.Key, una.Kind, una.QualifiedAgent));
        Assert.Equal([$"{name}:/support", $"{name}:role:buyer", $"{name}:role:offline_access"], una.QualifiedGroups.Order(StringComparer.Ordinal));

        // either mark of a service account is enough
        var program = KeycloakService(stage.Forge);
        program["iss"] = stage.Forge.Authority;
        Assert.Equal(IdentityKind.Workload, (await stage.Authenticator.AcceptsAsync(stage.Sign(program))).Kind);
        Assert.Equal(IdentityKind.Workload, (await stage.Authenticator.AcceptsAsync(stage.Sign(program, change: claims => claims.Remove("preferred_username")))).Kind);
        foreach (var mark in (string[])["client_id", "clientHost", "clientAddress"]) program.Remove(mark);
        program["preferred_username"] = "service-account-agent-client";
        Assert.Equal(IdentityKind.Workload, (await stage.Authenticator.AcceptsAsync(stage.Sign(program))).Kind);

        foreach (var use in (string[])["ID", "Refresh", "Offline", "Logout", "bearer"])
        {
            await stage.Authenticator.RefusesAsync(stage.Sign(ProviderTokens.Keycloak(stage.Forge, realm), change: claims => claims["typ"] = use));
        }
        await stage.Authenticator.RefusesAsync(stage.Sign(ProviderTokens.Keycloak(stage.Forge, realm), change: claims => claims.Remove("typ")));
    }

    [Fact]
    [Row("J11")]
    [Row("J13")]
    public async Task GitHub_Actions()
    {
        using var stage = new ProviderStage(ProviderStage.Page("github-actions.yaml"));

        var build = await stage.Authenticator.AcceptsAsync(stage.Sign(GitHubActions(stage.Forge)));
        Assert.Equal(("ci:repo:acme/shop:ref:refs/heads/main", IdentityKind.Workload), (build.Key, build.Kind));
        Assert.Null(build.Agent);

        // the same names under another owner's number: the name passed to somebody else
        await stage.Authenticator.RefusesAsync(stage.Sign(GitHubActions(stage.Forge), change: claims => claims["repository_owner_id"] = "1234567"));
        await stage.Authenticator.RefusesAsync(stage.Sign(GitHubActions(stage.Forge), change: claims => claims["repository_owner_id"] = 9999001));
        await stage.Authenticator.RefusesAsync(stage.Sign(GitHubActions(stage.Forge), change: claims => claims.Remove("repository_owner_id")));
        await stage.Authenticator.RefusesAsync(stage.Sign(GitHubActions(stage.Forge), change: claims => claims["aud"] = "https://github.com/acme"));
    }

    [Fact]
    public async Task Kubernetes_service_accounts()
    {
        using var stage = new ProviderStage(ProviderStage.Page("kubernetes.yaml"));

        var pod = await stage.Authenticator.AcceptsAsync(stage.Sign(ProviderTokens.Kubernetes(stage.Forge), type: null));
        Assert.Equal(("cluster:system:serviceaccount:payments:refunder", IdentityKind.Workload), (pod.Key, pod.Kind));

        // a token for the API server itself, and one of the old kind that never ends
        await stage.Authenticator.RefusesAsync(stage.Sign(ProviderTokens.Kubernetes(stage.Forge), null, claims => claims["aud"] = new JsonArray("https://kubernetes.default.svc")));
        await stage.Authenticator.RefusesAsync(stage.Sign(ProviderTokens.Kubernetes(stage.Forge), null, claims => claims.Remove("exp")));
        await stage.Authenticator.RefusesAsync(stage.Sign(ProviderTokens.Kubernetes(stage.Forge), null, claims => claims["exp"] = stage.Forge.Now + (365 * 86_400)));
        await stage.Authenticator.RefusesAsync(stage.Sign(ProviderTokens.Kubernetes(stage.Forge), null, claims => claims.Remove("kubernetes.io")));
    }

    [Fact]
    public void Every_configuration_of_the_page_loads()
    {
        var marks = File.ReadAllLines(Path.Combine(Specs.Folder("policy"), "..", "..", "..", "docs", "learn", "identity.md")).Where(line => line.StartsWith("<!-- identity: ", StringComparison.Ordinal)).ToList();

        Assert.Equal(11, marks.Count);
        foreach (var mark in marks) Assert.Empty(ProviderStage.Load(ProviderStage.Page(mark["<!-- identity: ".Length..^4])).Problems);
    }
}
