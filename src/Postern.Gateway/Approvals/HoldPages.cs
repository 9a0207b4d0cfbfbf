using System.Collections.Immutable;
using System.Reflection;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Postern.Core.Approvals;
using Postern.Core.Operations;
using Postern.Gateway.Identities;
using Postern.Gateway.Pages;
using Postern.Protocols;

namespace Postern.Gateway.Approvals;

/// <summary>
/// The pages on which people see and answer holds: plain forms, no script. GET shows and never acts; POST acts only for a person
/// who signed in just now, from a form of ours.
/// </summary>
internal sealed class HoldPages(IHoldStore holds, ApprovalDesk desk, SignedPages pages, RefusalNotes notes, TimeProvider clock)
{
    private const int MaxListed = 200;
    private static readonly Lazy<byte[]> _stylesheet = new(static () =>
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("Postern.Gateway.Assets.postern.css")!;
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    });

    public void Map(IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/assets/postern.css", (RequestDelegate)StylesheetAsync);
        endpoints.MapGet("/", (RequestDelegate)HomeAsync);
        endpoints.MapGet("/approvals", (RequestDelegate)ListAsync);
        endpoints.MapGet("/approve/{id}", (RequestDelegate)ShowAsync);
        endpoints.MapPost("/approve/{id}", (RequestDelegate)AnswerAsync);
    }

    private static Task StylesheetAsync(HttpContext context)
    {
        context.Response.ContentType = "text/css; charset=utf-8";
        context.Response.Headers.CacheControl = "public, max-age=300";
        context.Response.Headers.XContentTypeOptions = "nosniff";
        context.Response.ContentLength = _stylesheet.Value.Length;
        return context.Response.Body.WriteAsync(_stylesheet.Value, context.RequestAborted).AsTask();
    }

    private async Task HomeAsync(HttpContext context)
    {
        await SignedPages.OffTheSocketThread();
        if (await pages.PersonAsync(context, "/").ConfigureAwait(false) is not { } person) return;
        var now = clock.GetUtcNow();
        var open = (await VisibleAsync(person, context).ConfigureAwait(false)).Where(hold => HoldView.StateAt(hold, now) == HoldState.Open).ToImmutableArray();
        await pages.WriteAsync(context, StatusCodes.Status200OK, person, "Start", HoldLists.Home(person, [.. open.Where(hold => desk.MayAnswer(hold, person))], [.. open.Where(hold => hold.Requester == person.Key)], now)).ConfigureAwait(false);
    }

    private async Task ListAsync(HttpContext context)
    {
        await SignedPages.OffTheSocketThread();
        if (await pages.PersonAsync(context, "/approvals").ConfigureAwait(false) is not { } person) return;
        await pages.WriteAsync(context, StatusCodes.Status200OK, person, "Approvals", HoldLists.All(await VisibleAsync(person, context).ConfigureAwait(false), clock.GetUtcNow())).ConfigureAwait(false);
    }

    private async Task ShowAsync(HttpContext context)
    {
        await SignedPages.OffTheSocketThread();
        var id = (string)context.Request.RouteValues["id"]!;
        if (await pages.PersonAsync(context, PathOf(id)).ConfigureAwait(false) is not { } person) return;
        await ShowAsync(context, person, id, StatusCodes.Status200OK, note: null).ConfigureAwait(false);
    }

    private async Task ShowAsync(HttpContext context, Identity person, string id, int status, string? note)
    {
        // Asked by id alone: an id that does not exist and one that is not theirs are the same page (A15).
        if (await FindAsync(id, person, context).ConfigureAwait(false) is not { } hold)
        {
            await NotFoundAsync(context, person).ConfigureAwait(false);
            return;
        }
        var fields = desk.MayAnswer(hold, person) && (hold.State == HoldState.Approved || hold.Answers.All(answer => answer.Approver != person.Key))
            ? pages.CsrfField(context)
            : null;
        var view = HoldView.Of(hold, person, fields, clock.GetUtcNow());
        await pages.WriteAsync(context, status, person, "Approval", SignedPages.Noted(note, view)).ConfigureAwait(false);
    }

    private async Task AnswerAsync(HttpContext context)
    {
        await SignedPages.OffTheSocketThread();
        var id = (string)context.Request.RouteValues["id"]!;

        // 1. Somebody is signed in, in this browser.
        if (await pages.PersonAsync(context, PathOf(id), fresh: true).ConfigureAwait(false) is not { } person) return;

        // 2. The form is ours: sent by our page, in this session.
        if (await pages.OwnFormAsync(context, person, "/approvals").ConfigureAwait(false) is not { } form) return;

        // 3. The answer is one of two words, and a no says why.
        var (answer, reason) = (form["answer"].ToString(), form["reason"].ToString().Trim());
        if (answer is not ("approve" or "deny"))
        {
            await ShowAsync(context, person, id, StatusCodes.Status400BadRequest, "Nothing was answered: choose to approve or to deny.").ConfigureAwait(false);
            return;
        }
        if (answer == "deny" && reason.Length == 0)
        {
            await ShowAsync(context, person, id, StatusCodes.Status400BadRequest, "Nothing was answered: a denial needs a reason, so that whoever asked knows what to change.").ConfigureAwait(false);
            return;
        }

        // 4. The desk decides: who may answer, how fresh the sign-in must be, whether it is still open.
        switch (await desk.AnswerAsync(id, person, answer == "approve", reason, context.RequestAborted).ConfigureAwait(false))
        {
            case AnswerResult.Accepted:
                SignedPages.SeeOther(context, PathOf(id));
                return;
            case AnswerResult.NotFresh:
                await pages.Sessions.ChallengeAsync(context, PathOf(id), fresh: true).ConfigureAwait(false);
                return;
            case AnswerResult.NotAllowed:
                await notes.NoteAsync("hold.answer_refused", "the person may not answer it", "gateway", person.Key).ConfigureAwait(false);
                await ShowAsync(context, person, id, StatusCodes.Status403Forbidden, "Nothing was answered: you may see this, but not answer it.").ConfigureAwait(false);
                return;
            case AnswerResult.Over:
                await ShowAsync(context, person, id, StatusCodes.Status409Conflict, "Nothing was answered: this is over already.").ConfigureAwait(false);
                return;
            case AnswerResult.AlreadyAnswered:
                await ShowAsync(context, person, id, StatusCodes.Status409Conflict, "You answered this before; one person counts once.").ConfigureAwait(false);
                return;
            default:
                await NotFoundAsync(context, person).ConfigureAwait(false);
                return;
        }
    }

    private async ValueTask<Hold?> FindAsync(string id, Identity person, HttpContext context) =>
        OperationId.TryParse(id, out _) && await holds.FindAsync(id, context.RequestAborted).ConfigureAwait(false) is { } hold && desk.MaySee(hold, person) ? hold : null;

    private async ValueTask<ImmutableArray<Hold>> VisibleAsync(Identity person, HttpContext context) =>
        [.. (await holds.ListAsync(null, MaxListed, context.RequestAborted).ConfigureAwait(false)).Where(hold => desk.MaySee(hold, person))];

    private Task NotFoundAsync(HttpContext context, Identity person) => pages.WriteAsync(
        context, StatusCodes.Status404NotFound, person, "Not found", Html.Of($"<h1>Nothing here</h1><p class=\"lead\">There is no such approval, or it is not yours to see.</p><p><a href=\"/approvals\">Approvals that you may see</a></p>"));

    private static string PathOf(string id) => OperationId.TryParse(id, out _) ? $"/approve/{id}" : "/approvals";
}
