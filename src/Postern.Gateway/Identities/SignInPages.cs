using System.Net;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Postern.Gateway.Identities;

/// <summary>The few pages of signing in.</summary>
internal static class SignInPages
{
    public static Task NoticeAsync(HttpContext context, int status, string title, string sentence, string linkText, string link) =>
        WriteAsync(context, status, title, $"<p class=\"lead\">{Text(sentence)}</p><p><a href=\"{Text(link)}\">{Text(linkText)}</a></p>");

    public static Task ChooseAsync(HttpContext context, IEnumerable<(string Name, string Link)> issuers)
    {
        var list = new StringBuilder("<ul>");
        foreach (var (name, link) in issuers)
        {
            list.Append("<li><a href=\"").Append(Text(link)).Append("\">").Append(Text(name)).Append("</a></li>");
        }

        return WriteAsync(context, StatusCodes.Status200OK, "Sign in with", list.Append("</ul>").ToString());
    }

    private static Task WriteAsync(HttpContext context, int status, string title, string body)
    {
        PageHeaders.Apply(context);
        context.Response.StatusCode = status;
        context.Response.ContentType = "text/html; charset=utf-8";
        return context.Response.WriteAsync(
            $"<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{Text(title)} · Postern</title><link rel=\"stylesheet\" href=\"/assets/postern.css\"></head><body><main><h1>{Text(title)}</h1>{body}</main></body></html>",
            context.RequestAborted);
    }

    private static string Text(string value) => WebUtility.HtmlEncode(value);
}
