using System.Text;
using Microsoft.AspNetCore.Http;
using Postern.Core.Operations;
using Postern.Gateway.Identities;

namespace Postern.Gateway.Pages;

/// <summary>What is the same on every page: one stylesheet, no script, who is signed in, and where to go.</summary>
internal static class PageFrame
{
    public static Html Of(string title, Html content, Identity? person = null, Html? signOut = null) => Html.Of(
        $"""
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="referrer" content="no-referrer">
        <title>{title} · Postern</title>
        <link rel="stylesheet" href="/assets/postern.css">
        </head>
        <body>
        <header class="top"><div>
        <a class="brand" href="/">Postern</a>
        {(person is null ? Html.Nothing : Html.Of($"<nav aria-label=\"Pages\"><a href=\"/approvals\">Approvals</a><a href=\"/grants\">Access</a></nav><div class=\"me\"><span>{Html.Foreign(person.DisplayName ?? person.Subject)}</span>{signOut}</div>"))}
        </div></header>
        <main>
        {content}
        </main>
        </body>
        </html>
        """);

    /// <summary>Writes a page as an answer, with the headers of every page.</summary>
    public static Task WriteAsync(HttpContext context, int status, string title, Html content, Identity? person = null, Html? signOut = null)
    {
        var page = Encoding.UTF8.GetBytes(Of(title, content, person, signOut).ToString());
        PageHeaders.Apply(context);
        context.Response.StatusCode = status;
        context.Response.ContentType = "text/html; charset=utf-8";
        context.Response.ContentLength = page.Length;
        return context.Response.Body.WriteAsync(page, context.RequestAborted).AsTask();
    }

    /// <summary>A page that says one thing.</summary>
    public static Html Notice(string title, string text, Identity? person = null, Html? signOut = null) =>
        Of(title, Html.Of($"<h1>{title}</h1><p class=\"lead\">{text}</p><p><a href=\"/\">Back to the start</a></p>"), person, signOut);
}
