using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Postern.Core.Operations;
using Postern.Gateway.Identities;
using Postern.Protocols;

namespace Postern.Gateway.Pages;

/// <summary>What every page for signed-in people does alike: read a form strictly, know that it is ours, write the answer.</summary>
internal sealed class SignedPages(IPageSession sessions, RefusalNotes notes)
{
    private const int MaxForm = 16 * 1024;

    public IPageSession Sessions => sessions;

    /// <summary>What follows reads the database and draws; the threads that serve sockets must not wait for that.</summary>
    public static ConfiguredTaskAwaitable OffTheSocketThread() => Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);

    /// <summary>Who is signed in, in this browser; a bearer token is not looked at. Null when nobody is: then the way to sign-in, and back, is the answer.</summary>
    public async ValueTask<Identity?> PersonAsync(HttpContext context, string back, bool fresh = false)
    {
        if (sessions.TryGet(context, out var person)) return person;
        await sessions.ChallengeAsync(context, back, fresh).ConfigureAwait(false);
        return null;
    }

    /// <summary>The hidden field that makes a form ours.</summary>
    public Html CsrfField(HttpContext context) => Html.Of($"<input type=\"hidden\" name=\"{IPageSession.CsrfField}\" value=\"{sessions.IssueCsrf(context)}\">");

    /// <summary>
    /// The form, if it was sent by a page of ours in this session. Null when it was not: then that is recorded and the answer is written.
    /// </summary>
    public async ValueTask<IFormCollection?> OwnFormAsync(HttpContext context, Identity person, string back)
    {
        var form = await ReadFormAsync(context).ConfigureAwait(false);
        if (form is not null && sessions.IsOwnForm(context, form[IPageSession.CsrfField])) return form;
        await notes.NoteAsync("form.refused", "an answer did not come from a form of ours", "gateway", person.Key).ConfigureAwait(false);
        await WriteAsync(context, StatusCodes.Status403Forbidden, person, "Not accepted", Html.Of($"<h1>Not accepted</h1><p>The answer did not come from a page of this gateway, or that page was too old. Nothing was answered. <a href=\"{back}\">Open the page again</a>.</p>")).ConfigureAwait(false);
        return null;
    }

    /// <summary>Shown by a GET, so that reloading the page sends nothing again.</summary>
    public static void SeeOther(HttpContext context, string path)
    {
        context.Response.StatusCode = StatusCodes.Status303SeeOther;
        context.Response.Headers.Location = path;
        PageHeaders.Apply(context);
    }

    public Task WriteAsync(HttpContext context, int status, Identity person, string title, Html content)
    {
        var signOut = Html.Of($"<form method=\"post\" action=\"/signout\">{CsrfField(context)}<button class=\"link\" type=\"submit\">Sign out</button></form>");
        return PageFrame.WriteAsync(context, status, title, content, person, signOut);
    }

    /// <summary>Markup under a note that says what became of what was sent.</summary>
    public static Html Noted(string? note, Html content) => note is null ? content : Html.Of($"<div class=\"note\" role=\"status\"><p>{note}</p></div>{content}");

    /// <summary>The form, or null when it is too long, no form, or holds a field twice.</summary>
    public static async ValueTask<IFormCollection?> ReadFormAsync(HttpContext context)
    {
        if (!context.Request.HasFormContentType || context.Request.ContentLength is null or > MaxForm) return null;
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } cap) cap.MaxRequestBodySize = MaxForm;
        try
        {
            var form = await context.Request.ReadFormAsync(new FormOptions { BufferBodyLengthLimit = MaxForm, ValueCountLimit = 16, KeyLengthLimit = 64, ValueLengthLimit = MaxForm }, context.RequestAborted).ConfigureAwait(false);
            return form.Any(field => field.Value.Count != 1) || form.Files.Count > 0 ? null : form;
        }
        catch (Exception malformed) when (malformed is InvalidDataException or BadHttpRequestException or IOException)
        {
            return null;
        }
    }
}
