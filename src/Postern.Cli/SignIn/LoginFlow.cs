using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Postern.Cli.SignIn;

/// <summary>What a person asked for with <c>postern login</c>.</summary>
internal sealed record LoginRequest
{
    /// <summary>The gateway's public URL.</summary>
    public required Uri Gateway { get; init; }

    /// <summary>The client id at the issuer.</summary>
    public string ClientId { get; init; } = "postern-cli";

    /// <summary>The issuer's URL, where the gateway trusts several.</summary>
    public string? Issuer { get; init; }

    /// <summary>True for a machine without a browser (RFC 8628).</summary>
    public bool UseDevice { get; init; }

    /// <summary>True to do so where the issuer offers it, and to show the address of its sign-in page where it does not.</summary>
    public bool PrefersDevice { get; init; }

    /// <summary>
    /// Scopes that say what the token is for, at providers that know no <c>resource</c> (RFC 8707) and refuse it; null for those that do. The gateway
    /// judges the token's audience either way.
    /// </summary>
    public string? Scope { get; init; }

    /// <summary>True when the secrets go into the keychain.</summary>
    public bool InKeychain { get; init; }
}

/// <summary>How the flow speaks with the person.</summary>
/// <param name="Say">Writes one line to stderr.</param>
/// <param name="OpenBrowser">Opens a browser; false when there is none.</param>
internal sealed record LoginPrompt(Action<string> Say, Func<Uri, bool> OpenBrowser);

/// <summary>
/// Signs a person in at the gateway's issuer: authorization code with PKCE and a loopback redirect, or the device flow.
/// The token's audience is the gateway.
/// </summary>
internal sealed class LoginFlow(SignInStore store, OAuthClient client, TimeProvider clock)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan RefreshBefore = TimeSpan.FromSeconds(30);

    /// <summary>Signs in and keeps the result.</summary>
    /// <exception cref="SignInException">It did not work; the message says why.</exception>
    public async Task<StoredSignIn> RunAsync(LoginRequest request, LoginPrompt prompt, CancellationToken cancellationToken)
    {
        var (resource, issuer) = await client.AskGatewayAsync(request.Gateway, request.Issuer, cancellationToken);
        var endpoints = await client.DiscoverAsync(issuer, cancellationToken);
        var answer = request.UseDevice || (request.PrefersDevice && endpoints.Device is not null)
            ? await ByDeviceAsync(request, endpoints, resource, prompt, cancellationToken)
            : await ByBrowserAsync(request, endpoints, resource, prompt, cancellationToken);
        var signIn = Read(answer, new() { Gateway = resource, Issuer = issuer, ClientId = request.ClientId, Scope = request.Scope, TokenEndpoint = endpoints.Token.AbsoluteUri, IsInKeychain = request.InKeychain, AccessToken = string.Empty, ExpiresAt = default });

        // What was kept before may be kept elsewhere, and must not stay there.
        store.Forget(new Uri(resource));
        store.Keep(signIn);
        return signIn;
    }

    /// <summary>A token that is good for a while, refreshed where needed; null when nobody is signed in any more.</summary>
    public async Task<string?> TokenAsync(Uri gateway, CancellationToken cancellationToken)
    {
        if (store.Find(gateway) is not { } stored)
        {
            return null;
        }

        if (IsGood(stored))
        {
            return stored.AccessToken;
        }

        using var alone = await store.LockAsync(gateway, clock, cancellationToken);

        // another process may have done it while this one waited
        if (store.Find(gateway) is not { } current)
        {
            return null;
        }

        if (IsGood(current))
        {
            return current.AccessToken;
        }

        if (current.RefreshToken is not { } refresh)
        {
            return null;
        }

        var (answer, error) = await client.PostAsync(
            new Uri(current.TokenEndpoint),
            [new("grant_type", "refresh_token"), new("refresh_token", refresh), new("client_id", current.ClientId), .. Resource(current.Scope, current.Gateway)],
            cancellationToken);
        if (error == "invalid_grant")
        {
            // RFC 6749 section 5.2: over, taken back, or used by somebody else.
            store.Forget(gateway);
            return null;
        }

        // Anything else may be over in a moment, and must not cost the sign-in.
        if (error is not null)
        {
            throw new SignInException($"the issuer at `{current.Issuer}` did not renew the sign-in ({error}); try again, or sign in anew with `postern login`");
        }

        var renewed = Read(answer, current);
        store.Keep(renewed);
        return renewed.AccessToken;
    }

    /// <summary>Takes the tokens back at the issuer, where it offers that (RFC 7009), and forgets the sign-in whatever came of it.</summary>
    /// <returns>Null when there was none; otherwise what is left of it: empty when nothing, or why its tokens live on.</returns>
    public async Task<string?> LogOutAsync(Uri gateway, CancellationToken cancellationToken)
    {
        using var alone = await store.LockAsync(gateway, clock, cancellationToken);
        try
        {
            return store.Find(gateway) is { } signIn ? await RevokeAsync(signIn, cancellationToken) : null;
        }
        catch (SignInException unusable)
        {
            return unusable.Message;
        }
        finally
        {
            store.Forget(gateway);
        }
    }

    private async Task<string> RevokeAsync(StoredSignIn signIn, CancellationToken cancellationToken)
    {
        if ((await client.DiscoverAsync(signIn.Issuer, cancellationToken)).Revocation is not { } revocation)
        {
            return string.Create(CultureInfo.InvariantCulture, $"its issuer cannot take tokens back; the last access token is good until {signIn.ExpiresAt.UtcDateTime:HH:mm} UTC");
        }

        // The refresh token first: with it goes everything that was made of it.
        foreach (var (token, kind) in new[] { (signIn.RefreshToken, "refresh_token"), (signIn.AccessToken, "access_token") })
        {
            if (token is not { Length: > 0 })
            {
                continue;
            }

            // RFC 7009 section 2.2.1: an issuer need not take back tokens of both kinds.
            if (await client.RevokeAsync(revocation, [new("token", token), new("token_type_hint", kind), new("client_id", signIn.ClientId)], cancellationToken) is { } problem && (kind == "refresh_token" || problem != "unsupported_token_type"))
            {
                return $"its issuer did not take the {kind.Replace('_', ' ')} back: {problem}";
            }
        }

        return "";
    }

    private bool IsGood(StoredSignIn signIn) => signIn.ExpiresAt - clock.GetUtcNow() > RefreshBefore;

    private async Task<JsonObject> ByBrowserAsync(LoginRequest request, IssuerEndpoints issuer, string resource, LoginPrompt prompt, CancellationToken cancellationToken)
    {
        if (issuer.Authorization is not { } authorization)
        {
            throw new SignInException($"`{issuer.Issuer}` offers no sign-in page; try `--device`");
        }

        var (state, verifier) = (Secret(), Secret());
        var challenge = Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(verifier)));
        await using var redirect = await LoopbackRedirect.StartAsync(state, cancellationToken);
        var page = new Uri($"{authorization.AbsoluteUri}{(authorization.Query.Length > 0 ? '&' : '?')}response_type=code&client_id={Uri.EscapeDataString(request.ClientId)}"
            + $"&redirect_uri={Uri.EscapeDataString(redirect.Address)}&scope={Uri.EscapeDataString(Scope(issuer, request.Scope))}{(request.Scope is null ? $"&resource={Uri.EscapeDataString(resource)}" : "")}"
            + $"&state={state}&code_challenge={challenge}&code_challenge_method=S256");
        prompt.Say(prompt.OpenBrowser(page) ? $"sign in in the browser; if it did not open, go to {page.AbsoluteUri}" : $"open this page in a browser on this machine: {page.AbsoluteUri}");

        IReadOnlyDictionary<string, string> answer;
        try
        {
            answer = await redirect.Answer.WaitAsync(Patience, clock, cancellationToken);
        }
        catch (TimeoutException)
        {
            throw new SignInException("nobody signed in within ten minutes; start again, or use `--device` on a machine without a browser");
        }

        // RFC 9207
        if (answer.TryGetValue("iss", out var iss) ? iss != issuer.Issuer : issuer.SaysIssuer)
        {
            throw new SignInException("the answer came from another issuer than the one that was asked");
        }

        if (!answer.TryGetValue("code", out var code) || answer.ContainsKey("error"))
        {
            throw new SignInException("the issuer did not sign you in");
        }

        var (tokens, error) = await client.PostAsync(
            issuer.Token,
            [new("grant_type", "authorization_code"), new("code", code), new("redirect_uri", redirect.Address), new("client_id", request.ClientId), new("code_verifier", verifier), .. Resource(request.Scope, resource)],
            cancellationToken);
        return error is null ? tokens : throw new SignInException($"the issuer refused the code: {error}");
    }

    private async Task<JsonObject> ByDeviceAsync(LoginRequest request, IssuerEndpoints issuer, string resource, LoginPrompt prompt, CancellationToken cancellationToken)
    {
        if (issuer.Device is not { } device)
        {
            throw new SignInException($"`{issuer.Issuer}` offers no device flow; sign in without `--device`");
        }

        var (started, problem) = await client.PostAsync(device, [new("client_id", request.ClientId), new("scope", Scope(issuer, request.Scope)), .. Resource(request.Scope, resource)], cancellationToken);
        if (problem is not null || OAuthClient.Text(started, "device_code") is not { } deviceCode || OAuthClient.Text(started, "user_code") is not { } userCode || OAuthClient.Text(started, "verification_uri") is not { } page)
        {
            throw new SignInException($"the issuer refused the device flow: {problem ?? "no code"}");
        }

        prompt.Say(string.Create(CultureInfo.InvariantCulture, $"go to {page} on any device and enter {userCode}"));
        var endsAt = clock.GetUtcNow() + TimeSpan.FromSeconds(Math.Clamp(OAuthClient.Number(started, "expires_in") ?? 600, 1, 3600));
        var pause = TimeSpan.FromSeconds(Math.Clamp(OAuthClient.Number(started, "interval") ?? 5, 1, 60));
        while (clock.GetUtcNow() < endsAt)
        {
            await Task.Delay(pause, clock, cancellationToken);
            var (tokens, error) = await client.PostAsync(
                issuer.Token,
                [new("grant_type", "urn:ietf:params:oauth:grant-type:device_code"), new("device_code", deviceCode), new("client_id", request.ClientId)],
                cancellationToken);
            switch (error)
            {
                case null:
                    return tokens;
                case "authorization_pending":
                    break;
                case "slow_down":
                    // RFC 8628 section 3.5
                    pause += TimeSpan.FromSeconds(5);
                    break;
                default:
                    throw new SignInException($"the issuer did not sign you in: {error}");
            }
        }

        throw new SignInException("the code's time is over; start again");
    }

    private StoredSignIn Read(JsonObject answer, StoredSignIn before)
    {
        if (OAuthClient.Text(answer, "access_token") is not { Length: > 0 } token || !string.Equals(OAuthClient.Text(answer, "token_type"), "Bearer", StringComparison.OrdinalIgnoreCase))
        {
            throw new SignInException("the issuer's answer holds no bearer token");
        }

        return before with
        {
            AccessToken = token,

            // rotation (RFC 9700): the old one is spent when a new one comes
            RefreshToken = OAuthClient.Text(answer, "refresh_token") ?? before.RefreshToken,
            ExpiresAt = clock.GetUtcNow() + TimeSpan.FromSeconds(Math.Clamp(OAuthClient.Number(answer, "expires_in") ?? 300, 0, 86_400)),
        };
    }

    private static string Scope(IssuerEndpoints issuer, string? more) => (issuer.OffersRefresh ? "openid offline_access" : "openid") + (more is null ? "" : " " + more);

    private static IEnumerable<KeyValuePair<string, string>> Resource(string? scope, string resource) => scope is null ? [new("resource", resource)] : [];

    private static string Secret() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
}
