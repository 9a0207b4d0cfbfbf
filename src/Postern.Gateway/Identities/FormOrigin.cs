using Microsoft.AspNetCore.Http;

namespace Postern.Gateway.Identities;

/// <summary>Which page sent a form, by what the browser itself says of it.</summary>
internal static class FormOrigin
{
    /// <summary>True when a page of this gateway sent it.</summary>
    public static bool IsOwn(HttpContext context, Uri publicUrl)
    {
        var (site, origin) = (context.Request.Headers["Sec-Fetch-Site"], context.Request.Headers.Origin);
        if (site.Count > 0 && site != "same-origin")
        {
            return false;
        }

        // a page with `no-referrer` sends `Origin: null`; that is believed only where the browser says same-origin in its own header
        var isOwnOrigin = origin == publicUrl.GetLeftPart(UriPartial.Authority);
        return isOwnOrigin || (site == "same-origin" && (origin.Count == 0 || origin == "null"));
    }
}
