using Microsoft.AspNetCore.Http;
using Postern.Gateway.Pages;

namespace Postern.Gateway.Identities;

/// <summary>The few pages of signing in, in the frame of all pages.</summary>
internal static class SignInPages
{
    public static Task NoticeAsync(HttpContext context, int status, string title, string sentence, string linkText, string link) =>
        PageFrame.WriteAsync(context, status, title, Html.Of($"<h1>{title}</h1><p class=\"lead\">{sentence}</p><p><a href=\"{link}\">{linkText}</a></p>"));

    public static Task ChooseAsync(HttpContext context, IEnumerable<(string Name, string Link)> issuers) =>
        PageFrame.WriteAsync(context, StatusCodes.Status200OK, "Sign in with", Html.Of($"<h1>Sign in with</h1><ul>{Html.Join(issuers.Select(issuer => Html.Of($"<li><a href=\"{issuer.Link}\">{issuer.Name}</a></li>")))}</ul>"));
}
