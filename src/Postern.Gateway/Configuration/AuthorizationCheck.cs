using Postern.Gateway.Authorization;

namespace Postern.Gateway.Configuration;

/// <summary>What the options of the authorization server must satisfy.</summary>
internal static class AuthorizationCheck
{
    private const int ShortestSecret = 32;
    private static readonly TimeSpan _longestSignIn = TimeSpan.FromHours(24);

    public static IEnumerable<(string Path, string Message)> Problems(GatewayOptions options)
    {
        if (options.Authorization is not { } authorization) yield break;
        if (options.Issuers.Any(issuer => issuer.Name == OwnIssuer.Name)) yield return ($"issuers.{OwnIssuer.Name}", $"`{OwnIssuer.Name}` stands for the gateway's own authorization server; give the issuer another name");
        foreach (var issuer in options.Issuers.Where(issuer => issuer.Authority == options.PublicUrl)) yield return ($"issuers.{issuer.Name}.authority", "this is the gateway's own URL, under which its authorization server issues tokens");
        if (authorization.TokenLife > AuthorizationOptions.LongestTokenLife) yield return ("authorization.tokenLife", $"expected at most {AuthorizationOptions.LongestTokenLife.TotalMinutes}m; a sign-in is renewed, a token is short");
        if (authorization.SignInLife > _longestSignIn) yield return ("authorization.signInLife", $"expected at most {_longestSignIn.TotalHours}h");
        if (authorization.SignInLife < authorization.TokenLife) yield return ("authorization.signInLife", "expected no less than `tokenLife`");
        if (!authorization.ProviderScopes.Contains("openid")) yield return ("authorization.providerScopes", "expected `openid` among them; without it the issuer does not say who signed in");
        if (authorization.ProviderScopes.Any(scope => !OAuthText.IsScopeToken(scope))) yield return ("authorization.providerScopes", "expected scopes without spaces");
        foreach (var problem in Issuers(options, authorization)) yield return problem;
        foreach (var problem in authorization.Clients.SelectMany(Client)) yield return problem;
        foreach (var host in authorization.DocumentHosts.Where(host => !ClientDocuments.IsHostPattern(host))) yield return ("authorization.clientDocuments.hosts", $"expected a host name such as `claude.ai`, `*.example.com` or `*`, found `{host}`");
    }

    private static IEnumerable<(string Path, string Message)> Issuers(GatewayOptions options, AuthorizationOptions authorization)
    {
        var ready = options.Issuers.Where(issuer => issuer.ClientId is not null).Select(issuer => issuer.Name).ToArray();
        if (authorization.Issuer is { } named && !ready.Contains(named, StringComparer.Ordinal)) yield return ("authorization.issuer", $"expected an issuer with a `clientId`, found `{named}`");
        if (authorization.Issuer is null && ready.Length != 1) yield return ("authorization.issuer", ready.Length == 0 ? "no issuer has a `clientId`, so nobody could sign in" : $"name the issuer that people sign in at: {string.Join(", ", ready.Select(name => $"`{name}`"))}");
        foreach (var exchange in authorization.Exchanges.Where(exchange => options.Issuers.All(issuer => issuer.Name != exchange))) yield return ("authorization.exchange", $"expected the name of a configured issuer, found `{exchange}`");
    }

    private static IEnumerable<(string Path, string Message)> Client(OAuthClientOptions client)
    {
        var path = $"authorization.clients.{client.Id}";
        foreach (var redirect in client.Redirects)
        {
            if (RedirectRules.Complaint(redirect, allowsPrivateSchemes: true) is { } complaint) yield return ($"{path}.redirects", $"{complaint}, found `{redirect}`");
        }
        if (client.Secret is { } secret && secret.Length < ShortestSecret) yield return ($"{path}.secret", $"the secret has fewer than {ShortestSecret} characters");
        if (client.Secret is not null && client.Keys is not null) yield return ($"{path}.keys", "both `keys` and a secret are given; keep one");
        if (client.Keys is { } keys && OAuthClient.ReadKeys(keys).IsEmpty) yield return ($"{path}.keys", $"`{keys}` cannot be read, or is no JSON Web Key Set with a public key that has a `kid`");
        if (client.IsWorkload && client.Secret is null && client.Keys is null) yield return ($"{path}.workload", "a workload needs `keys` (or a secret): anybody could claim its name");
        if (client.IsWorkload && !client.Redirects.IsEmpty) yield return ($"{path}.redirects", "a workload acts for itself; a client that acts for people is another one");
        if (client.IsWorkload && client.MayUseDevice) yield return ($"{path}.device", "a workload acts for itself; nobody signs in for it");
        if (!client.IsWorkload && !client.MayUseDevice && client.Redirects.IsEmpty) yield return ($"{path}.redirects", "expected at least one: that is where a person's answer goes");
        if (!client.IsWorkload && !client.Groups.IsEmpty) yield return ($"{path}.groups", "these are for a workload; people have the groups that their issuer says");
    }
}
