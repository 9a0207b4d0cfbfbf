using Postern.Gateway.Configuration;

namespace Postern.Gateway.Identities;

/// <summary>What a preset forbids, or needs and was not given: each problem with the key that it belongs to and what to do.</summary>
internal static class IssuerPresetCheck
{
    /// <summary>Stands for the tenant in an authority for many.</summary>
    public const string Template = "{tenantid}";

    public static IEnumerable<(string Key, string Message)> Problems(IssuerOptions issuer)
    {
        if (issuer.Audience is not null && !issuer.Audiences.IsDefaultOrEmpty) yield return ("audiences", "`audience` and `audiences` are both given; keep one");
        if (issuer.Preset is not { } name)
        {
            if (!issuer.Tenants.IsDefaultOrEmpty) yield return ("tenants", "only a `preset` says which claim names the tenant; use `requiredClaims`, or the preset of the provider");
            if (issuer.Directory is not null) yield return ("directory", "groups are read from a directory under `preset: entra` only");
            yield break;
        }
        if (!IssuerPreset.All.TryGetValue(name, out var preset))
        {
            yield return ("preset", $"`{name}` is no preset; expected one of {string.Join(", ", IssuerPreset.All.Keys.Order(StringComparer.Ordinal).Select(one => $"`{one}`"))}");
            yield break;
        }
        if (preset.NeedsAudience && issuer.Audience is null && issuer.Audiences.IsDefaultOrEmpty) yield return ("audience", $"`audience` is missing: {AudienceOf(name)}");
        if (preset.Tenants == TenantsAre.Required && issuer.Tenants.IsDefaultOrEmpty) yield return ("tenants", $"`tenants` is missing: anybody can get a token at this issuer, so say whose are let in, by {preset.Tenant}");
        if (preset.Tenants == TenantsAre.Meaningless && !issuer.Tenants.IsDefaultOrEmpty) yield return ("tenants", $"an issuer with `preset: {name}` is one organisation's own and has no tenants; remove the key");
        if (preset.Shape.IsForWorkloadsOnly && issuer.ClientId is not null) yield return ("clientId", $"nobody signs in at an issuer with `preset: {name}`; remove the key");
        if (issuer.Directory is not null && name != "entra") yield return ("directory", "groups are read from a directory under `preset: entra` only");
        foreach (var problem in OfProvider(name, issuer)) yield return problem;
    }

    private static string AudienceOf(string preset) => preset switch
    {
        "entra" => "the application (client) id of the app registration that stands for the gateway's API",
        "okta" => "the audience of the custom authorization server, such as `api://default`",
        "auth0" => "the identifier of the API that stands for the gateway",
        _ => "the client id for which agents get their id tokens; another one than `clientId`",
    };

    private static IEnumerable<(string Key, string Message)> OfProvider(string preset, IssuerOptions issuer)
    {
        if (!Uri.TryCreate(issuer.Authority, UriKind.Absolute, out var authority)) return [];
        return preset switch
        {
            "entra" => Entra(issuer, authority),
            "okta" when !authority.AbsolutePath.StartsWith("/oauth2/", StringComparison.Ordinal) || authority.AbsolutePath.Length <= "/oauth2/".Length =>
                [("authority", "access tokens of Okta's org authorization server are for Okta alone; use a custom one, such as `https://acme.okta.com/oauth2/default`")],
            "auth0" when !issuer.Authority.EndsWith('/') => [("authority", $"Auth0 writes `iss` with a slash at the end; expected `{issuer.Authority}/`")],
            "google" => Google(issuer),
            "keycloak" when !authority.AbsolutePath.Contains("/realms/", StringComparison.Ordinal) => [("authority", "a realm is the issuer; expected `https://HOST/realms/REALM`")],
            "github-actions" when issuer.Tenants.FirstOrDefault(tenant => !tenant.All(char.IsAsciiDigit)) is { } named =>
                [("tenants", $"expected the number that is `repository_owner_id` in the owner's tokens, found `{named}`: a name can pass to somebody else (`gh api users/{named} --jq .id` prints the number)")],
            _ => [],
        };
    }

    private static IEnumerable<(string Key, string Message)> Google(IssuerOptions issuer)
    {
        const string end = ".apps.googleusercontent.com";
        if (issuer.Authority != "https://accounts.google.com") yield return ("authority", $"expected `https://accounts.google.com`, found `{issuer.Authority}`");
        foreach (var audience in issuer.EveryAudience.Where(audience => !audience.EndsWith(end, StringComparison.Ordinal)))
        {
            yield return ("audience", $"Google's access tokens are opaque and cannot be checked; id tokens are taken, whose audience is a client id that ends with `{end}`, found `{audience}`");
        }
    }

    private static IEnumerable<(string Key, string Message)> Entra(IssuerOptions issuer, Uri authority)
    {
        // The template's braces are escaped in the path.
        var parts = Uri.UnescapeDataString(authority.AbsolutePath).Split('/', StringSplitOptions.RemoveEmptyEntries);
        var isSecond = parts is [_, "v2.0"] && !issuer.Authority.EndsWith('/');
        if (!isSecond && !(parts.Length == 1 && issuer.Authority.EndsWith('/')))
        {
            yield return ("authority", $"expected `https://login.microsoftonline.com/TENANT/v2.0` (tokens of version 2.0) or `https://sts.windows.net/TENANT/` (version 1.0), found `{issuer.Authority}`");
            yield break;
        }
        if (parts[0] is "common" or "organizations" or "consumers") yield return ("authority", $"`{parts[0]}` stands for every tenant on earth; write `{Template}` in its place and list the `tenants`");
        else if (parts[0] == Template && issuer.Tenants.IsDefaultOrEmpty) yield return ("tenants", $"`{Template}` needs `tenants`, the ids of those that are let in");
        else if (parts[0] != Template && !IsId(parts[0])) yield return ("authority", $"tokens name the tenant by its id; expected that (a GUID in lower case), found `{parts[0]}`");
        else if (parts[0] != Template && !issuer.Tenants.IsDefaultOrEmpty && !issuer.Tenants.SequenceEqual([parts[0]])) yield return ("tenants", $"the authority is that of `{parts[0]}` alone; write `{Template}` in its place to let several in");
        foreach (var tenant in issuer.Tenants.IsDefault ? [] : issuer.Tenants.Where(tenant => !IsId(tenant))) yield return ("tenants", $"expected a tenant's id (a GUID in lower case), found `{tenant}`");
        foreach (var audience in issuer.EveryAudience.Where(audience => isSecond && !IsId(audience))) yield return ("audience", $"tokens of version 2.0 carry the application's id as audience; expected that (a GUID in lower case), found `{audience}`");
        if (issuer.Directory is { TokenUrl: null } && !isSecond) yield return ("directory.tokenUrl", $"`tokenUrl` is missing: with version 1.0 write `https://login.microsoftonline.com/{parts[0]}/oauth2/v2.0/token`");
    }

    private static bool IsId(string text) => Guid.TryParseExact(text, "D", out var id) && id.ToString("D") == text;
}
