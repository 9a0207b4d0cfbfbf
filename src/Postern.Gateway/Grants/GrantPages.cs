using System.Collections.Immutable;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Postern.Core.Grants;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Gateway.Api;
using Postern.Gateway.Pages;
using Postern.Gateway.Policies;

namespace Postern.Gateway.Grants;

/// <summary>
/// The pages on which people ask for access, see what is granted and take it back: plain forms, no script. GET shows and never acts.
/// </summary>
internal sealed class GrantPages(GrantDesk desk, IGrantStore store, IPolicySource policies, SignedPages pages, string publicUrl, TimeProvider clock)
{
    private const int MaxListed = 200;

    public void Map(IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/grants", (RequestDelegate)ListAsync);
        endpoints.MapGet("/grants/{id}", (RequestDelegate)ShowAsync);
        endpoints.MapPost("/grants/{id}/revoke", (RequestDelegate)RevokeAsync);
        endpoints.MapGet("/request/{entry}", (RequestDelegate)FormAsync);
        endpoints.MapPost("/request/{entry}", (RequestDelegate)AskAsync);
    }

    private async Task ListAsync(HttpContext context)
    {
        await SignedPages.OffTheSocketThread();
        if (await pages.PersonAsync(context, "/grants").ConfigureAwait(false) is not { } person) return;
        var seesAll = Administers(person, GatewayVocabulary.ReadGrants);
        var grants = (await store.ListAsync(null, MaxListed, context.RequestAborted).ConfigureAwait(false)).Where(grant => seesAll || desk.MaySee(grant, person)).ToImmutableArray();
        await pages.WriteAsync(context, StatusCodes.Status200OK, person, "Access", GrantView.All(EntriesFor(person), grants, person, clock.GetUtcNow())).ConfigureAwait(false);
    }

    private async Task ShowAsync(HttpContext context)
    {
        await SignedPages.OffTheSocketThread();
        var id = (string)context.Request.RouteValues["id"]!;
        if (await pages.PersonAsync(context, PathOf(id)).ConfigureAwait(false) is { } person) await ShowAsync(context, person, id, StatusCodes.Status200OK, note: null).ConfigureAwait(false);
    }

    private async Task ShowAsync(HttpContext context, Identity person, string id, int status, string? note)
    {
        if (await FindAsync(id, person, context).ConfigureAwait(false) is not { } grant)
        {
            await NotFoundAsync(context, person, "There is no such grant, or it is not yours to see.").ConfigureAwait(false);
            return;
        }
        var csrf = desk.MaySee(grant, person) || Administers(person, GatewayVocabulary.RevokeGrants) ? pages.CsrfField(context) : null;
        await pages.WriteAsync(context, status, person, "Access", SignedPages.Noted(note, GrantView.Of(grant, person, csrf, clock.GetUtcNow()))).ConfigureAwait(false);
    }

    private async Task RevokeAsync(HttpContext context)
    {
        await SignedPages.OffTheSocketThread();
        var id = (string)context.Request.RouteValues["id"]!;
        if (await pages.PersonAsync(context, PathOf(id)).ConfigureAwait(false) is not { } person || await pages.OwnFormAsync(context, person, PathOf(id)).ConfigureAwait(false) is not { } form) return;
        switch (await desk.RevokeAsync(id, person, form["reason"].ToString().Trim(), Administers(person, GatewayVocabulary.RevokeGrants), context.RequestAborted).ConfigureAwait(false))
        {
            case GrantRevocation.Revoked:
                SignedPages.SeeOther(context, PathOf(id));
                return;
            case GrantRevocation.NotFresh:
                await pages.Sessions.ChallengeAsync(context, PathOf(id), fresh: true).ConfigureAwait(false);
                return;
            case GrantRevocation.Over:
                await ShowAsync(context, person, id, StatusCodes.Status409Conflict, "Nothing was taken back: it is not in force.").ConfigureAwait(false);
                return;
            default:
                await NotFoundAsync(context, person, "There is no such grant, or it is not yours to see.").ConfigureAwait(false);
                return;
        }
    }

    private async Task FormAsync(HttpContext context)
    {
        await SignedPages.OffTheSocketThread();
        var id = (string)context.Request.RouteValues["entry"]!;
        var agent = context.Request.Query["agent"] is [{ Length: <= 200 } named] ? named : "";
        if (await pages.PersonAsync(context, PathOfForm(id, agent)).ConfigureAwait(false) is not { } person) return;
        if (EntriesFor(person).FirstOrDefault(entry => entry.Id == id) is not { } entry)
        {
            await NotFoundAsync(context, person, "There is no such request, or it is not yours to make.").ConfigureAwait(false);
            return;
        }
        await pages.WriteAsync(context, StatusCodes.Status200OK, person, "Ask for access", GrantView.Form(entry, new GrantForm(GrantText.Of(entry.Default), agent, ""), pages.CsrfField(context))).ConfigureAwait(false);
    }

    private async Task AskAsync(HttpContext context)
    {
        await SignedPages.OffTheSocketThread();
        var id = (string)context.Request.RouteValues["entry"]!;
        if (await pages.PersonAsync(context, PathOfForm(id, "")).ConfigureAwait(false) is not { } person || await pages.OwnFormAsync(context, person, PathOfForm(id, "")).ConfigureAwait(false) is not { } form) return;
        var filled = new GrantForm(form["for"].ToString().Trim(), form["agent"].ToString().Trim(), form["reason"].ToString().Trim());
        TimeSpan? length = null;
        if (filled.For.Length > 0)
        {
            if (!GrantText.TryParseDuration(filled.For, out var parsed))
            {
                await AgainAsync(context, person, id, filled, $"Nothing was asked: `{filled.For}` is not a duration such as 30m or 1h30m.").ConfigureAwait(false);
                return;
            }
            length = parsed;
        }
        switch (await desk.AskAsync(person, new GrantAsk(id, length, filled.Reason, filled.Agent.Length == 0 ? null : filled.Agent), context.RequestAborted).ConfigureAwait(false))
        {
            case GrantAnswer.Asked asked:
                SignedPages.SeeOther(context, PathOf(asked.Grant.Id));
                return;
            case GrantAnswer.Given given:
                SignedPages.SeeOther(context, PathOf(given.Grant.Id));
                return;
            case GrantAnswer.NotFresh:
                await pages.Sessions.ChallengeAsync(context, PathOfForm(id, filled.Agent), fresh: true).ConfigureAwait(false);
                return;
            case GrantAnswer.Invalid invalid:
                await AgainAsync(context, person, id, filled, $"Nothing was asked: {invalid.Complaint}.").ConfigureAwait(false);
                return;
            default:
                await NotFoundAsync(context, person, "There is no such request, or it is not yours to make.").ConfigureAwait(false);
                return;
        }
    }

    private Task AgainAsync(HttpContext context, Identity person, string id, GrantForm filled, string note) => EntriesFor(person).FirstOrDefault(entry => entry.Id == id) is { } entry
        ? pages.WriteAsync(context, StatusCodes.Status400BadRequest, person, "Ask for access", SignedPages.Noted(note, GrantView.Form(entry, filled, pages.CsrfField(context))))
        : NotFoundAsync(context, person, "There is no such request, or it is not yours to make.");

    // Who may ask through some agent only is asked again with the agent that the form names.
    private ImmutableArray<RequestEntry> EntriesFor(Identity person) => desk.EntriesFor(person);

    private async ValueTask<Grant?> FindAsync(string id, Identity person, HttpContext context) =>
        OperationId.TryParse(id, out _) && await store.FindAsync(id, context.RequestAborted).ConfigureAwait(false) is { } grant && (desk.MaySee(grant, person) || Administers(person, GatewayVocabulary.ReadGrants)) ? grant : null;

    private bool Administers(Identity person, string admin) => Administration.Permits(policies, person, admin, publicUrl, clock.GetUtcNow());

    private Task NotFoundAsync(HttpContext context, Identity person, string text) => pages.WriteAsync(
        context, StatusCodes.Status404NotFound, person, "Not found", Html.Of($"<h1>Nothing here</h1><p class=\"lead\">{text}</p><p><a href=\"/grants\">What you may ask for and see</a></p>"));

    private static string PathOf(string id) => OperationId.TryParse(id, out _) ? $"/grants/{id}" : "/grants";

    private static string PathOfForm(string entry, string agent) =>
        entry.All(character => char.IsAsciiLetterLower(character) || char.IsAsciiDigit(character) || character == '-') ? $"/request/{entry}{(agent.Length == 0 ? "" : "?agent=" + Uri.EscapeDataString(agent))}" : "/grants";
}
