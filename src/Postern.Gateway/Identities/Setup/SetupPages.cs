using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Postern.Core.Operations;
using Postern.Gateway.Api;
using Postern.Gateway.Pages;
using Postern.Protocols;

namespace Postern.Gateway.Identities.Setup;

/// <summary>The page on which whoever has the one-time code becomes the first administrator: a plain form, for a person who signed in just now.</summary>
internal sealed class SetupPages(Administrators administrators, OwnOperations own, SignedPages pages, RefusalNotes notes)
{
    private const string Path = "/setup";

    public void Map(IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet(Path, (RequestDelegate)ShowAsync);
        endpoints.MapPost(Path, (RequestDelegate)TakeAsync);
    }

    private async Task ShowAsync(HttpContext context)
    {
        await SignedPages.OffTheSocketThread();
        if (await PersonAsync(context).ConfigureAwait(false) is { } person) await FormAsync(context, person, StatusCodes.Status200OK, null).ConfigureAwait(false);
    }

    private async Task TakeAsync(HttpContext context)
    {
        await SignedPages.OffTheSocketThread();
        if (await PersonAsync(context).ConfigureAwait(false) is not { } person || await pages.OwnFormAsync(context, person, Path).ConfigureAwait(false) is not { } form) return;
        switch (await administrators.RedeemAsync(person, form["code"].ToString(), own).ConfigureAwait(false))
        {
            case SetupResult.Done:
                await pages.WriteAsync(context, StatusCodes.Status200OK, person, "Setup", Html.Of($"<h1>You administer this gateway</h1><p>You are in the group <code>{Administrators.Group}</code>. What it may do stands in the policy. The code is used up.</p>")).ConfigureAwait(false);
                return;
            case SetupResult.Failed:
                await FormAsync(context, person, StatusCodes.Status503ServiceUnavailable, "It could not be recorded, so it was not done. The code is still good.").ConfigureAwait(false);
                return;
            case SetupResult.Wrong:
                await notes.NoteAsync("setup.refused", "a wrong code", "gateway", person.Key).ConfigureAwait(false);
                await FormAsync(context, person, StatusCodes.Status403Forbidden, "That is not the code.").ConfigureAwait(false);
                return;
            default:
                await notes.NoteAsync("setup.refused", "there is no code that could be used", "gateway", person.Key).ConfigureAwait(false);
                await FormAsync(context, person, StatusCodes.Status404NotFound, null).ConfigureAwait(false);
                return;
        }
    }

    private async Task FormAsync(HttpContext context, Identity person, int status, string? note)
    {
        if (!await administrators.IsOpenAsync(context.RequestAborted).ConfigureAwait(false))
        {
            await pages.WriteAsync(context, StatusCodes.Status404NotFound, person, "Setup", Html.Of($"<h1>Nothing to set up</h1><p>There is no code that could be used here. Whoever runs the machine gets one with <code>postern serve --new-setup-code</code>.</p>")).ConfigureAwait(false);
            return;
        }
        await pages.WriteAsync(context, status, person, "Setup", SignedPages.Noted(note, Html.Of(
            $"<h1>First administrator</h1><p>The gateway printed a code when it started. Whoever types it here, signed in as you are now, administers this gateway.</p><form method=\"post\" action=\"{Path}\">{pages.CsrfField(context)}<label>Code <input name=\"code\" autocomplete=\"one-time-code\" spellcheck=\"false\" maxlength=\"64\" required></label> <button type=\"submit\">Become administrator</button></form>"))).ConfigureAwait(false);
    }

    // The page itself takes a sign-in of the last minutes, so that nobody types the code into a session that somebody left open.
    private async ValueTask<Identity?> PersonAsync(HttpContext context)
    {
        if (pages.Sessions.TryGet(context, out var person) && pages.Sessions.IsFresh(person)) return person;
        await pages.Sessions.ChallengeAsync(context, Path, fresh: true).ConfigureAwait(false);
        return null;
    }
}
