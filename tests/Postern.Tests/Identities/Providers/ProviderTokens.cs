using System.Text.Json.Nodes;

namespace Postern.Tests.Identities.Providers;

/// <summary>
/// Tokens as the providers write them, claim by claim: Microsoft's page on access token claims, Okta's and Auth0's on access tokens, Google's
/// on id tokens, what Keycloak and a cluster issue, GitHub's page on OpenID Connect. Ids are made up.
/// </summary>
internal static class ProviderTokens
{
    public const string Tenant = "11111111-2222-3333-4444-555555555555";
    public const string OtherTenant = "66666666-7777-4888-8999-000000000000";
    public const string Api = "aaaaaaaa-0000-4000-8000-000000000001";
    public const string Una = "0aaaaaaa-1111-4111-8111-000000000001";
    public const string Support = "99999999-0000-4000-8000-000000000001";

    public static JsonObject Header(TokenForge forge, string? type = "JWT")
    {
        var header = new JsonObject { ["alg"] = "RS256", ["kid"] = forge.RsaId };
        if (type is not null) header["typ"] = type;
        return header;
    }

    public static JsonObject EntraSecond(TokenForge forge, string tenant = Tenant) => new()
    {
        ["aud"] = Api, ["iss"] = $"https://login.microsoftonline.com/{tenant}/v2.0", ["iat"] = forge.Now, ["nbf"] = forge.Now, ["exp"] = forge.Now + 4_500, ["aio"] = "AXQAi/8TAAAA",
        ["azp"] = "aaaaaaaa-0000-4000-8000-00000000a9e7", ["azpacr"] = "0", ["groups"] = new JsonArray(Support), ["idtyp"] = "user", ["name"] = "Una Unger", ["oid"] = Una, ["preferred_username"] = "una@acme.example",
        ["rh"] = "0.AXoA", ["roles"] = new JsonArray("Orders.Approve"), ["scp"] = "access_as_user", ["sub"] = "pAiRwIsE-Q7xZ1", ["tid"] = tenant, ["uti"] = "tQx-1", ["ver"] = "2.0",
    };

    public static JsonObject EntraFirst(TokenForge forge, string tenant = Tenant) => new()
    {
        ["aud"] = "api://postern", ["iss"] = $"https://sts.windows.net/{tenant}/", ["iat"] = forge.Now, ["nbf"] = forge.Now, ["exp"] = forge.Now + 4_500, ["acr"] = "1", ["aio"] = "AXQAi/8TAAAA", ["amr"] = new JsonArray("pwd"),
        ["appid"] = "aaaaaaaa-0000-4000-8000-00000000a9e7", ["appidacr"] = "0", ["family_name"] = "Unger", ["ipaddr"] = "192.0.2.7", ["name"] = "Una Unger", ["oid"] = Una, ["scp"] = "access_as_user", ["sub"] = "pAiRwIsE-Q7xZ1",
        ["tid"] = tenant, ["unique_name"] = "una@acme.example", ["upn"] = "una@acme.example", ["uti"] = "tQx-1", ["ver"] = "1.0",
    };

    /// <summary>Client credentials: no scopes, no name; <c>sub</c> is the object id of the service principal.</summary>
    public static JsonObject EntraApp(TokenForge forge, bool isMarked)
    {
        var claims = EntraSecond(forge);
        foreach (var name in (string[])["scp", "name", "preferred_username", "groups", "idtyp"]) claims.Remove(name);
        (claims["sub"], claims["oid"], claims["azpacr"]) = ("0bbbbbbb-1111-4111-8111-000000000002", "0bbbbbbb-1111-4111-8111-000000000002", "1");
        if (isMarked) claims["idtyp"] = "app";
        return claims;
    }

    /// <summary>More than 200 groups: a reference in place of the list.</summary>
    public static JsonObject EntraOverage(TokenForge forge, string endpoint)
    {
        var claims = EntraSecond(forge);
        claims.Remove("groups");
        claims["_claim_names"] = new JsonObject { ["groups"] = "src1" };
        claims["_claim_sources"] = new JsonObject { ["src1"] = new JsonObject { ["endpoint"] = endpoint } };
        return claims;
    }

    /// <summary>The id token that the same application would get.</summary>
    public static JsonObject EntraIdToken(TokenForge forge) => new()
    {
        ["aud"] = Api, ["iss"] = $"https://login.microsoftonline.com/{Tenant}/v2.0", ["iat"] = forge.Now, ["nbf"] = forge.Now, ["exp"] = forge.Now + 3_600, ["groups"] = new JsonArray(Support), ["name"] = "Una Unger", ["oid"] = Una,
        ["preferred_username"] = "una@acme.example", ["rh"] = "0.AXoA", ["roles"] = new JsonArray("Orders.Approve"), ["sub"] = "pAiRwIsE-Q7xZ1", ["tid"] = Tenant, ["uti"] = "tQx-2", ["ver"] = "2.0",
    };

    public static JsonObject Okta(TokenForge forge) => new()
    {
        ["ver"] = 1, ["jti"] = "AT.Hk8lHezJNw4w", ["iss"] = "https://acme.okta.com/oauth2/default", ["aud"] = "api://default", ["iat"] = forge.Now, ["exp"] = forge.Now + 3_600, ["cid"] = "0oa000000000000agent",
        ["uid"] = "00u00000000000000una", ["scp"] = new JsonArray("openid", "profile"), ["auth_time"] = forge.Now - 60, ["sub"] = "una@acme.example", ["groups"] = new JsonArray("Everyone", "Support"),
    };

    public static JsonObject OktaService(TokenForge forge)
    {
        var claims = Okta(forge);
        foreach (var name in (string[])["uid", "groups", "auth_time"]) claims.Remove(name);
        claims["sub"] = "0oa000000000000agent";
        return claims;
    }

    public static JsonObject Auth0(TokenForge forge) => new()
    {
        ["iss"] = "https://acme.eu.auth0.com/", ["sub"] = "auth0|600000000000000000000001", ["aud"] = new JsonArray("https://postern.acme.example", "https://acme.eu.auth0.com/userinfo"), ["iat"] = forge.Now, ["exp"] = forge.Now + 7_200,
        ["azp"] = "auth0AgentClient", ["scope"] = "openid profile", ["permissions"] = new JsonArray("read:orders"), ["https://acme.example/groups"] = new JsonArray("support"),
    };

    public static JsonObject Auth0Machine(TokenForge forge) => new()
    {
        ["iss"] = "https://acme.eu.auth0.com/", ["sub"] = "auth0AgentClient@clients", ["aud"] = "https://postern.acme.example", ["iat"] = forge.Now, ["exp"] = forge.Now + 86_400, ["gty"] = "client-credentials", ["azp"] = "auth0AgentClient",
    };

    /// <summary>The id token of a client with an access token beside it.</summary>
    public static JsonObject Google(TokenForge forge) => new()
    {
        ["iss"] = "https://accounts.google.com", ["azp"] = "100000000001-agents.apps.googleusercontent.com", ["aud"] = "100000000001-agents.apps.googleusercontent.com", ["sub"] = "110248495921238986420", ["hd"] = "acme.example",
        ["email"] = "una@acme.example", ["email_verified"] = true, ["at_hash"] = "HK6E_P6Dh8Y93mRNtsDB1Q", ["nonce"] = "n-1", ["name"] = "Una Unger", ["iat"] = forge.Now, ["exp"] = forge.Now + 3_600,
    };

    /// <summary>Of somebody's service account, for our audience.</summary>
    public static JsonObject GoogleService(TokenForge forge) => new()
    {
        ["aud"] = "100000000001-agents.apps.googleusercontent.com", ["azp"] = "117200000000000000001", ["email"] = "robot@elsewhere.iam.gserviceaccount.com", ["email_verified"] = true, ["exp"] = forge.Now + 3_600, ["iat"] = forge.Now,
        ["iss"] = "https://accounts.google.com", ["sub"] = "117200000000000000001",
    };

    public static JsonObject Keycloak(TokenForge forge, string realm = "acme") => new()
    {
        ["exp"] = forge.Now + 300, ["iat"] = forge.Now, ["auth_time"] = forge.Now - 60, ["jti"] = "onrtac:1", ["iss"] = $"https://sso.acme.example/realms/{realm}", ["aud"] = new JsonArray("postern", "account"),
        ["sub"] = "1d2d88f8-8b68-4b6b-883f-1af68b598612", ["typ"] = "Bearer", ["azp"] = "agent-client", ["sid"] = "s-1", ["acr"] = "1", ["realm_access"] = new JsonObject { ["roles"] = new JsonArray("offline_access", "buyer") },
        ["resource_access"] = new JsonObject { ["account"] = new JsonObject { ["roles"] = new JsonArray("manage-account") } }, ["scope"] = "openid profile postern", ["name"] = "Una Unger", ["preferred_username"] = "una",
        ["groups"] = new JsonArray("/support"),
    };

    public static JsonObject KeycloakService(TokenForge forge)
    {
        var claims = Keycloak(forge);
        foreach (var name in (string[])["auth_time", "sid", "name", "groups"]) claims.Remove(name);
        (claims["preferred_username"], claims["clientHost"], claims["clientAddress"], claims["client_id"]) = ("service-account-agent-client", "192.0.2.8", "192.0.2.8", "agent-client");
        return claims;
    }

    public static JsonObject GitHubActions(TokenForge forge) => new()
    {
        ["jti"] = "58772c9f-4d75-4fc8-8956-7dd522569a00", ["sub"] = "repo:acme/shop:ref:refs/heads/main", ["aud"] = "https://gate.example", ["ref"] = "refs/heads/main", ["sha"] = "0f661a4a011d77cb21fa4dc7013d9b6f928666ed",
        ["repository"] = "acme/shop", ["repository_owner"] = "acme", ["repository_owner_id"] = "9999001", ["run_id"] = "14144996512", ["run_number"] = "3", ["run_attempt"] = "1", ["repository_visibility"] = "private",
        ["repository_id"] = "957014466", ["actor_id"] = "43356", ["actor"] = "una", ["workflow"] = "Build", ["head_ref"] = "", ["base_ref"] = "", ["event_name"] = "push", ["ref_protected"] = "true", ["ref_type"] = "branch",
        ["workflow_ref"] = "acme/shop/.github/workflows/build.yml@refs/heads/main", ["job_workflow_ref"] = "acme/shop/.github/workflows/build.yml@refs/heads/main", ["runner_environment"] = "github-hosted",
        ["iss"] = "https://token.actions.githubusercontent.com", ["nbf"] = forge.Now - 300, ["exp"] = forge.Now + 21_600, ["iat"] = forge.Now,
    };

    public static JsonObject Kubernetes(TokenForge forge) => new()
    {
        ["aud"] = new JsonArray("https://gate.example"), ["exp"] = forge.Now + 3_607, ["iat"] = forge.Now, ["iss"] = "https://oidc.clusters.acme.example/prod", ["jti"] = "ea28ed49-2e11-4280-9ec5-bc3d1d84661a",
        ["kubernetes.io"] = new JsonObject
        {
            ["namespace"] = "payments", ["node"] = new JsonObject { ["name"] = "n1", ["uid"] = "58456cb0-dd00-45ed-b797-5578fdceaced" }, ["pod"] = new JsonObject { ["name"] = "refunder-1", ["uid"] = "778a530c-b3f4-47c0-9cd5-ab018fb64f33" },
            ["serviceaccount"] = new JsonObject { ["name"] = "refunder", ["uid"] = "a087d5a0-e1dd-43ec-93ac-f13d89cd13af" }, ["warnafter"] = forge.Now + 3_007,
        },
        ["nbf"] = forge.Now, ["sub"] = "system:serviceaccount:payments:refunder",
    };
}
