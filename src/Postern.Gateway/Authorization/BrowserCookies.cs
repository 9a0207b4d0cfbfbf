using Microsoft.AspNetCore.Http;

namespace Postern.Gateway.Authorization;

/// <summary>The cookies of signing in for a client. For this host alone, and out of reach of scripts.</summary>
internal sealed class BrowserCookies(Uri publicUrl)
{
    // `__Host-` stops other hosts and paths from planting a cookie; browsers accept it over https alone, so plain loopback has a name of its own
    private readonly bool _isSecure = publicUrl.Scheme == Uri.UriSchemeHttps;

    /// <summary>One for each request that is asked about, so that two tabs do not take each other's.</summary>
    public string ConsentOf(string id) => Name($"consent-{id.AsSpan(0, Math.Min(8, id.Length))}");

    /// <summary>One for each sign-in that is under way.</summary>
    public string SignInOf(string state) => Name($"oauth-{state.AsSpan(0, Math.Min(8, state.Length))}");

    /// <summary>Who signed in here last and wanted a consent remembered. It opens nothing: it only says whose consents to look at.</summary>
    public string Known => Name("known");

    public void Set(HttpContext context, string name, string value, TimeSpan life) => context.Response.Cookies.Append(name, value, Options(life));

    public void Drop(HttpContext context, string name) => context.Response.Cookies.Delete(name, Options(TimeSpan.Zero));

    private string Name(string end) => (_isSecure ? "__Host-postern-" : "postern-loopback-") + end;

    private CookieOptions Options(TimeSpan life) => new()
    {
        HttpOnly = true,
        Secure = _isSecure,

        // Lax: people come back from the issuer, which is another site
        SameSite = SameSiteMode.Lax,
        Path = "/",
        MaxAge = life,
        IsEssential = true,
    };
}
