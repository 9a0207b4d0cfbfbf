using System.Globalization;
using Microsoft.AspNetCore.Http;
using Postern.Core.Operations;

namespace Postern.Gateway.Identities;

/// <summary>What an issuer answered for a code or a refresh token.</summary>
/// <param name="Answer">Who it is, or why not.</param>
/// <param name="RefreshToken">What renews the sign-in at the issuer, or null; secret.</param>
internal sealed record SignInOutcome(Authentication Answer, string? RefreshToken)
{
    /// <summary>True when the issuer could not be asked, so that nothing was learnt.</summary>
    public bool IsUnknown => Answer is Authentication.Refused { IsTransient: true };
}

/// <summary>
/// A sign-in at an issuer, from our side: where the browser is sent, what may come back, and how a code becomes an identity. Used alike
/// by the pages and by the authorization server.
/// </summary>
internal static class IssuerSignIn
{
    /// <summary>Where the browser goes: code, PKCE (RFC 7636), state and nonce.</summary>
    /// <param name="source">The issuer, with a client for browsers.</param>
    /// <param name="authorization">Its authorization endpoint.</param>
    /// <param name="attempt">This sign-in.</param>
    /// <param name="redirectUri">Where the answer comes to.</param>
    /// <param name="scope">What is asked for, with <c>openid</c> in it.</param>
    /// <param name="maxAge">How long ago the person may have proved who they are.</param>
    public static string AuthorizationUrl(TokenAuthenticator.Source source, Uri authorization, SignInAttempt attempt, string redirectUri, string scope, TimeSpan maxAge)
    {
        // max_age makes `auth_time` mandatory (OpenID Connect Core section 2); prompt=login makes the issuer ask again
        var separator = authorization.Query.Length > 0 ? '&' : '?';
        return $"{authorization.AbsoluteUri}{separator}response_type=code&client_id={Uri.EscapeDataString(source.Issuer.ClientId!)}"
            + $"&redirect_uri={Uri.EscapeDataString(redirectUri)}&scope={Uri.EscapeDataString(scope)}&state={attempt.State}&nonce={attempt.Nonce}"
            + $"&code_challenge={attempt.Challenge}&code_challenge_method=S256&max_age={((int)maxAge.TotalSeconds).ToString(CultureInfo.InvariantCulture)}{(attempt.IsFresh ? "&prompt=login" : string.Empty)}";
    }

    /// <summary>
    /// RFC 9207: false for an answer of another issuer, or an anonymous one of an issuer that signs its answers with its name (mix-up).
    /// </summary>
    public static bool IsAnswerOf(TokenAuthenticator.Source source, IssuerMetadata metadata, IQueryCollection query)
    {
        var iss = query["iss"];
        return iss.Count > 0 ? iss == source.Issuer.Authority : !metadata.SaysIssuer;
    }

    /// <summary>Trades a code for the person who signed in.</summary>
    public static async Task<SignInOutcome> RedeemAsync(
        TokenAuthenticator authenticator, TokenAuthenticator.Source source, Uri tokenEndpoint, string code, SignInAttempt attempt, string redirectUri, CancellationToken cancellationToken)
    {
        var issuer = source.Issuer;
        var form = new List<KeyValuePair<string, string>>
        {
            new("grant_type", "authorization_code"),
            new("code", code),
            new("redirect_uri", redirectUri),
            new("client_id", issuer.ClientId!),
            new("code_verifier", attempt.Verifier),
        };
        var (body, problem) = await PostAsync(source, tokenEndpoint, form, cancellationToken).ConfigureAwait(false);
        if (body is null) return new(new Authentication.Refused($"code was not redeemed: {problem}"), null);
        return TokenText.Parse(body) is { } answer && TokenText.Text(answer, "id_token") is { } idToken
            ? new(await authenticator.AuthenticateSignInAsync(idToken, issuer, attempt.Nonce, cancellationToken).ConfigureAwait(false), TokenText.Text(answer, "refresh_token"))
            : new(new Authentication.Refused("the issuer's answer holds no id token"), null);
    }

    /// <summary>
    /// Asks the issuer whether the sign-in of <paramref name="known"/> still stands, and what it says of the person now. An answer without
    /// an id token (OpenID Connect Core section 12.2 permits it) says the first and not the second: then what is known stays.
    /// </summary>
    public static async Task<SignInOutcome> RenewAsync(TokenAuthenticator authenticator, TokenAuthenticator.Source source, string refreshToken, Identity known, CancellationToken cancellationToken)
    {
        if (await source.Keys.CurrentAsync(cancellationToken).ConfigureAwait(false) is not { Metadata.Token: { } tokenEndpoint })
        {
            return new(new Authentication.Refused("the issuer cannot be reached") { IsTransient = true }, null);
        }

        var form = new List<KeyValuePair<string, string>> { new("grant_type", "refresh_token"), new("refresh_token", refreshToken), new("client_id", source.Issuer.ClientId!) };
        var (body, problem) = await PostAsync(source, tokenEndpoint, form, cancellationToken).ConfigureAwait(false);
        if (body is null) return new(new Authentication.Refused($"the sign-in was not renewed: {problem}") { IsTransient = !IssuerClient.IsRefusal(problem) }, null);
        if (TokenText.Parse(body) is not { } answer) return new(new Authentication.Refused("the issuer's answer cannot be read") { IsTransient = true }, null);
        var renewed = TokenText.Text(answer, "refresh_token") ?? refreshToken;
        if (TokenText.Text(answer, "id_token") is not { } idToken) return new(new Authentication.Accepted(known), renewed);
        var again = await authenticator.AuthenticateSignInAsync(idToken, source.Issuer, nonce: null, cancellationToken).ConfigureAwait(false);
        return again is Authentication.Accepted { Identity: var identity } && identity.Key != known.Key
            ? new(new Authentication.Refused("the issuer renewed the sign-in of somebody else"), null)
            : new(again, renewed);
    }

    private static Task<(byte[]? Body, string? Problem)> PostAsync(TokenAuthenticator.Source source, Uri tokenEndpoint, List<KeyValuePair<string, string>> form, CancellationToken cancellationToken)
    {
        if (source.Issuer.ClientSecret is { } secret) form.Add(new("client_secret", secret));
        return source.Client.PostAsync(tokenEndpoint, form, cancellationToken);
    }
}
