using System.Text;
using Microsoft.AspNetCore.Http;
using Postern.Gateway.Pages;

namespace Postern.Gateway.Identities;

/// <summary>The few pages of signing in, in the frame of all pages.</summary>
internal static class SignInPages
{
    public static Task NoticeAsync(HttpContext context, int status, string title, string sentence, string linkText, string link) =>
        WriteAsync(context, status, title, Html.Of($"<h1>{title}</h1><p class=\"lead\">{sentence}</p><p><a href=\"{link}\">{linkText}</a></p>"));

    public static Task ChooseAsync(HttpContext context, IEnumerable<(string Name, string Link)> issuers) =>
        WriteAsync(context, StatusCodes.Status200OK, "Sign in with", Html.Of($"<h1>Sign in with</h1><ul>{Html.Join(issuers.Select(issuer => Html.Of($"<li><a href=\"{issuer.Link}\">{issuer.Name}</a></li>")))}</ul>"));

    private static Task WriteAsync(HttpContext context, int status, string title, Html content)
    {
        var page = Encoding.UTF8.GetBytes(PageFrame.Of(title, content).ToString());
        PageHeaders.Apply(context);
        context.Response.StatusCode = status;
        context.Response.ContentType = "text/html; charset=utf-8";
        context.Response.ContentLength = page.Length;
        return context.Response.Body.WriteAsync(page, context.RequestAborted).AsTask();
    }
}
