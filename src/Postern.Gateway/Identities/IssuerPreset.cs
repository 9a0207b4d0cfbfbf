using System.Collections.Frozen;
using System.Collections.Immutable;

namespace Postern.Gateway.Identities;

/// <summary>Whether an operator must, may or cannot say which tenants are let in.</summary>
internal enum TenantsAre
{
    /// <summary>The issuer is one organisation's own.</summary>
    Meaningless,

    /// <summary>Everybody on earth can get a token there, so the organisations must be named.</summary>
    Required,

    /// <summary>Required where the authority is a template for all tenants.</summary>
    RequiredByTemplate,
}

/// <summary>What a well-known provider needs, so that an operator writes a name and not a dozen keys. Keys that are written override.</summary>
internal sealed record IssuerPreset(string Name)
{
    public TokenShape Shape { get; init; } = TokenShape.Standard;

    /// <summary>Accepted <c>typ</c>; <c>none</c> for a token without.</summary>
    public ImmutableArray<string> Types { get; init; } = ["at+jwt"];

    public ImmutableArray<string> Algorithms { get; init; } = ["RS256"];

    public string GroupsClaim { get; init; } = "groups";

    /// <summary>The claim that lists roles, or null.</summary>
    public string? RolesClaim { get; init; }

    public ImmutableArray<KeyValuePair<string, string>> WorkloadClaims { get; init; } = [];

    public TenantsAre Tenants { get; init; }

    /// <summary>What a tenant is called there, for messages.</summary>
    public string Tenant { get; init; } = "tenant";

    /// <summary>The audience must be written: the gateway's own URL is none that this provider can give.</summary>
    public bool NeedsAudience { get; init; }

    /// <summary>All of them. Sources: each provider's page on its tokens; the guides under <c>docs/learn/identity</c> say what is set up where.</summary>
    public static readonly FrozenDictionary<string, IssuerPreset> All = new[]
    {
        // v1.0 and v2.0 tokens write `JWT`. `sub` is pairwise; `oid` and `tid` stay. `scp` is in every token with a person, and in no other; id tokens have neither `azp` nor `appid`.
        new IssuerPreset("entra")
        {
            Types = ["JWT", "at+jwt"],
            RolesClaim = "roles",
            WorkloadClaims = [new("idtyp", "app")],
            Tenants = TenantsAre.RequiredByTemplate,
            NeedsAudience = true,
            Shape = new()
            {
                SubjectClaim = "oid",
                IsTenantInSubject = true,
                TenantClaim = "tid",
                AgentClaims = ["azp", "appid"],
                Marks = [["azp", "appid"], ["scp", "roles", "idtyp"]],
                PersonMarks = ["scp"],
            },
        },

        // No `typ`. `sub` is the login, which changes hands; `uid` stays and only people have it (in id tokens it is `sub`). A program's `sub` is its `cid`.
        new IssuerPreset("okta")
        {
            Types = ["none", "JWT", "at+jwt"],
            NeedsAudience = true,
            Shape = new() { SubjectClaim = "uid", SignInSubjectClaim = "sub", AgentClaims = ["cid", "client_id"], Marks = [["cid", "client_id"], ["scp"]] },
        },

        // `JWT` in the default profile, `at+jwt` in the RFC 9068 profile. A program's `sub` is `CLIENT@clients`.
        new IssuerPreset("auth0")
        {
            Types = ["JWT", "at+jwt"],
            RolesClaim = "permissions",
            WorkloadClaims = [new("gty", "client-credentials")],
            NeedsAudience = true,
            Shape = new() { AgentClaims = ["azp", "client_id"], Marks = [["azp", "client_id"]], WorkloadSubjectEnd = "@clients" },
        },

        // Access tokens are opaque. Anybody's service account can get an id token for any audience, so `hd` must say whose people come in.
        new IssuerPreset("google")
        {
            Types = ["JWT"],
            Tenants = TenantsAre.Required,
            Tenant = "hosted domain",
            NeedsAudience = true,
            Shape = new() { TenantClaim = "hd", AgentClaims = ["azp"], Marks = [["azp"]], TakesIdTokens = true },
        },

        // `typ` in the header is `JWT`, in the claims `Bearer`. A service account has a user of its own; its marks come from the client scope `service_account`.
        new IssuerPreset("keycloak")
        {
            Types = ["JWT", "at+jwt"],
            Algorithms = ["RS256", "ES256", "PS256"],
            RolesClaim = "/realm_access/roles",
            Shape = new()
            {
                AgentClaims = ["azp"],
                Marks = [["azp"]],
                Fixed = new Dictionary<string, string>(StringComparer.Ordinal) { ["typ"] = "Bearer" }.ToFrozenDictionary(StringComparer.Ordinal),
                WorkloadMarks = ["client_id", "clientId", "clientHost", "clientAddress"],
                WorkloadUserName = "service-account-",
            },
        },

        // Every repository on earth can get a token for any audience. Names of owners change hands, their ids do not.
        new IssuerPreset("github-actions")
        {
            Types = ["JWT"],
            Tenants = TenantsAre.Required,
            Tenant = "owner's id (`repository_owner_id`)",
            Shape = new() { TenantClaim = "repository_owner_id", AgentClaims = [], Marks = [["job_workflow_ref", "workflow_ref"], ["repository_id"]], IsForWorkloadsOnly = true },
        },

        // No `typ`, no client. The cluster is the issuer.
        new IssuerPreset("kubernetes")
        {
            Types = ["none", "JWT"],
            Algorithms = ["RS256", "ES256"],
            Shape = new() { AgentClaims = [], Marks = [["kubernetes.io"]], IsForWorkloadsOnly = true },
        },
    }.ToFrozenDictionary(preset => preset.Name, StringComparer.Ordinal);
}
