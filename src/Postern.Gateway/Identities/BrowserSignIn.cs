using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;
using Postern.Core.Operations;

namespace Postern.Gateway.Identities;

/// <summary>
/// People sign in to the pages: authorization code with PKCE (RFC 7636), state, nonce, and the issuer's name in the answer
/// where it sends one (RFC 9207). The session says when the person proved to be who they are.
/// </summary>
public sealed partial class BrowserSignIn : IPageSession
{
    /// <summary>An approval, or administering, needs a sign-in no older than this.</summary>
    public static readonly TimeSpan FreshFor = TimeSpan.FromMinutes(5);

    private const string CallbackPath = "/signin/callback";
    private readonly TokenAuthenticator _authenticator;
    private readonly PageSessions _sessions;
    private readonly AttemptSeal _seal = new();
    private readonly TimeProvider _clock;
    private readonly ILogger _log;
    private readonly Uri _publicUrl;
    private readonly string _cookie;
    private readonly bool _isSecure;

    /// <summary>Sign-in for the pages under a public URL, at those issuers of the authenticator that name a client.</summary>
    public BrowserSignIn(TokenAuthenticator authenticator, string publicUrl, TimeProvider clock, ILoggerFactory logs)
    {
        (_authenticator, _clock, _log) = (authenticator, clock, logs.CreateLogger<BrowserSignIn>());
        _sessions = new PageSessions(clock, authenticator.Revocations);
        _publicUrl = new Uri(publicUrl);

        // `__Host-` stops other hosts and paths from planting a cookie; browsers accept it over https alone, so plain loopback has a name of its own
        _isSecure = _publicUrl.Scheme == Uri.UriSchemeHttps;
        _cookie = _isSecure ? "__Host-postern" : "postern-loopback";
    }

    /// <summary>Adds <c>/signin</c>, <c>/signin/callback</c> and <c>/signout</c>.</summary>
    public void Map(IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/signin", (RequestDelegate)StartAsync);
        endpoints.MapGet(CallbackPath, (RequestDelegate)FinishAsync);
        endpoints.MapPost("/signout", (RequestDelegate)SignOutAsync);
    }

    /// <inheritdoc/>
    public bool TryGet(HttpContext context, [NotNullWhen(true)] out Identity? identity)
    {
        // A session may be hours old: what is known of its person since then counts.
        identity = _sessions.TryUse(context.Request.Cookies[_cookie], out var session) ? _authenticator.Standing(session.Identity) : null;
        return identity is not null;
    }

    /// <inheritdoc/>
    public bool IsFresh(Identity identity) => identity.InteractiveSince is { } since && _clock.GetUtcNow() - since <= FreshFor;

    /// <inheritdoc/>
    public Task ChallengeAsync(HttpContext context, string returnPath, bool fresh)
    {
        var link = $"/signin?return={Uri.EscapeDataString(Local(returnPath))}{(fresh ? "&fresh=1" : string.Empty)}";
        if (HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method))
        {
            return RedirectAsync(context, link);
        }

        // a redirect after a form would be stopped by the page's own form-action, and rightly
        return SignInPages.NoticeAsync(context, StatusCodes.Status401Unauthorized, "Please sign in again", "Nothing was done. This needs a sign-in from the last five minutes.", "Sign in", link);
    }

    /// <inheritdoc/>
    public string IssueCsrf(HttpContext context) => _sessions.TryUse(context.Request.Cookies[_cookie], out var session) ? session.Csrf : string.Empty;

    /// <inheritdoc/>
    public bool IsOwnForm(HttpContext context, string? csrf)
    {
        if (csrf is null || !_sessions.TryUse(context.Request.Cookies[_cookie], out var session))
        {
            return false;
        }

        if (!FormOrigin.IsOwn(context, _publicUrl))
        {
            return false;
        }

        return CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(csrf), Encoding.UTF8.GetBytes(session.Csrf));
    }

    /// <summary>Ends every session of somebody whose credentials were taken back.</summary>
    public void EndCovered() => _sessions.EndCovered();

    private async Task StartAsync(HttpContext context)
    {
        var query = context.Request.Query;
        var returnPath = Local(query["return"].ToString());
        var isFresh = query["fresh"] == "1";

        // on this machine `localhost` and `127.0.0.1` are two sites with two cookie jars; the answer comes to the public one
        if (_publicUrl.IsLoopback && !string.Equals(context.Request.Host.Value, _publicUrl.Authority, StringComparison.OrdinalIgnoreCase))
        {
            await RedirectAsync(context, $"{Base()}/signin{context.Request.QueryString}");
            return;
        }

        var issuers = _authenticator.ForBrowsers;
        var source = issuers.Length == 1 ? issuers[0] : issuers.FirstOrDefault(one => one.Issuer.Name == query["issuer"]);
        if (source is null)
        {
            await (issuers.IsEmpty
                ? SignInPages.NoticeAsync(context, StatusCodes.Status404NotFound, "No browser sign-in", "No issuer of this gateway has a client for browser sign-in; an administrator can set `clientId`.", "Back", "/")
                : SignInPages.ChooseAsync(context, issuers.Select(one => (one.Issuer.Name, $"/signin?issuer={Uri.EscapeDataString(one.Issuer.Name)}&return={Uri.EscapeDataString(returnPath)}{(isFresh ? "&fresh=1" : string.Empty)}"))));
            return;
        }

        if (await source.Keys.CurrentAsync(context.RequestAborted) is not { Metadata: { Authorization: { } authorization, Token: not null } })
        {
            await FailAsync(context, StatusCodes.Status503ServiceUnavailable, "The issuer cannot be reached at the moment.", returnPath);
            return;
        }

        var attempt = SignInAttempt.Begin(source.Issuer.Name, returnPath, isFresh, _clock.GetUtcNow());
        context.Response.Cookies.Append(AttemptCookie(attempt.State), _seal.Seal(attempt), Cookie(SignInAttempt.Patience));

        var maxAge = isFresh ? FreshFor : PageSessions.WholeLife;
        await RedirectAsync(context, IssuerSignIn.AuthorizationUrl(source, authorization, attempt, Base() + CallbackPath, "openid profile", maxAge));
    }

    private async Task FinishAsync(HttpContext context)
    {
        var query = context.Request.Query;
        var state = query["state"].ToString();
        if (query.Any(pair => pair.Value.Count != 1) || state.Length != 43
            || _seal.Open(context.Request.Cookies[AttemptCookie(state)], state, _clock.GetUtcNow()) is not { } attempt
            || _authenticator.ForBrowsers.FirstOrDefault(one => one.Issuer.Name == attempt.Issuer) is not { } source)
        {
            await FailAsync(context, StatusCodes.Status400BadRequest, "This sign-in did not begin in this browser, or took too long.", "/");
            return;
        }

        // used once, however it ends
        context.Response.Cookies.Delete(AttemptCookie(state), Cookie(TimeSpan.Zero));
        if (await source.Keys.CurrentAsync(context.RequestAborted) is not { Metadata: { Token: { } tokenEndpoint } metadata })
        {
            await FailAsync(context, StatusCodes.Status503ServiceUnavailable, "The issuer cannot be reached at the moment.", attempt.ReturnPath);
            return;
        }

        if (!IssuerSignIn.IsAnswerOf(source, metadata, query))
        {
            await FailAsync(context, StatusCodes.Status400BadRequest, "The answer came from another issuer than the one that was asked.", attempt.ReturnPath);
            return;
        }

        if (query["code"].ToString() is not { Length: > 0 } code || query.ContainsKey("error"))
        {
            await FailAsync(context, StatusCodes.Status403Forbidden, "The issuer did not sign you in.", attempt.ReturnPath);
            return;
        }

        var (answer, _) = await IssuerSignIn.RedeemAsync(_authenticator, source, tokenEndpoint, code, attempt, Base() + CallbackPath, context.RequestAborted);
        if (answer is not Authentication.Accepted { Identity: var identity })
        {
            LogRefused(attempt.Issuer, ((Authentication.Refused)answer).Reason);
            await FailAsync(context, StatusCodes.Status403Forbidden, "The issuer's answer could not be accepted; the log says why.", attempt.ReturnPath);
            return;
        }

        if (attempt.IsFresh && !IsFresh(identity))
        {
            await FailAsync(context, StatusCodes.Status403Forbidden, "The issuer did not ask you again; sign out there and try once more.", attempt.ReturnPath);
            return;
        }

        // a new session for every sign-in: one that was planted before (fixation) never becomes a signed-in one
        if (context.Request.Cookies[_cookie] is { } old)
        {
            _sessions.End(old);
        }

        context.Response.Cookies.Append(_cookie, _sessions.Begin(identity), Cookie(null));
        await RedirectAsync(context, attempt.ReturnPath);
    }

    private async Task SignOutAsync(HttpContext context)
    {
        IFormCollection? form = null;
        try
        {
            form = context.Request.HasFormContentType ? await context.Request.ReadFormAsync(context.RequestAborted) : null;
        }
        catch (Exception fault) when (fault is InvalidDataException or BadHttpRequestException or IOException)
        {
            // no readable form is no form of ours
        }

        if (!IsOwnForm(context, form?[IPageSession.CsrfField].ToString()))
        {
            await FailAsync(context, StatusCodes.Status403Forbidden, "This form was not sent by a page of this gateway.", "/");
            return;
        }

        _sessions.End(context.Request.Cookies[_cookie]!);
        context.Response.Cookies.Delete(_cookie, Cookie(TimeSpan.Zero));
        await RedirectAsync(context, "/");
    }

    private static Task FailAsync(HttpContext context, int status, string sentence, string returnPath) =>
        SignInPages.NoticeAsync(context, status, "Not signed in", sentence, "Try again", $"/signin?return={Uri.EscapeDataString(returnPath)}");

    private static Task RedirectAsync(HttpContext context, string target)
    {
        PageHeaders.Apply(context);
        context.Response.StatusCode = StatusCodes.Status303SeeOther;
        context.Response.Headers.Location = target;
        return Task.CompletedTask;
    }

    private string Base() => _publicUrl.AbsoluteUri.TrimEnd('/');

    private string AttemptCookie(string state) => $"{_cookie}-signin-{state.AsSpan(0, Math.Min(8, state.Length))}";

    private CookieOptions Cookie(TimeSpan? life) => new()
    {
        HttpOnly = true,
        Secure = _isSecure,

        // Lax: the way back from the issuer, and a link in a message to reviewers, come from another site
        SameSite = SameSiteMode.Lax,
        Path = "/",
        MaxAge = life,
        IsEssential = true,
    };

    /// <summary>A path on this gateway and nothing that a browser could read as another host.</summary>
    internal static string Local(string path)
    {
        const int maxLength = 2048;
        var isLocal = path.Length is > 0 and <= maxLength && path[0] == '/' && !path.StartsWith("//", StringComparison.Ordinal)
            && !path.Contains('\\', StringComparison.Ordinal) && path.All(c => c is > ' ' and < (char)127);
        return isLocal ? path : "/";
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "sign-in at issuer {Issuer} was refused: {Reason}")]
    private partial void LogRefused(string issuer, string reason);
}
