using System.Collections.Immutable;
using System.Text;
using Postern.Core.Approvals;
using Postern.Core.Grants;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Gateway.Approvals;
using Postern.Gateway.Pages;

namespace Postern.Gateway.Grants;

/// <summary>Draws what may be asked for, and what was granted. Pure: the same arguments always give the same markup.</summary>
internal static class GrantView
{
    public static Html All(ImmutableArray<RequestEntry> entries, ImmutableArray<Grant> grants, Identity viewer, DateTimeOffset now) => Html.Of(
        $"""
        <h1>Access for a time</h1>
        <p class="lead">What you may ask for, what you have, and what you may take back from others. Every grant has an end.</p>
        <section class="card">
        <h2>You may ask for</h2>
        {(entries.IsEmpty ? Html.Of($"<p class=\"quiet\">The policy lets you ask for nothing beyond what you have.</p>") : Html.Of($"<ul class=\"holds\">{Html.Join(entries.Select(Item))}</ul>"))}
        </section>
        {List("In force", "Nothing is granted at the moment.", [.. grants.Where(grant => StateAt(grant, now) == GrantState.Active)], viewer, now)}
        {List("Waiting for people", "Nothing waits.", [.. grants.Where(grant => StateAt(grant, now) == GrantState.Asked)], viewer, now)}
        {List("Before", "There is nothing yet.", [.. grants.Where(grant => StateAt(grant, now) is not (GrantState.Active or GrantState.Asked))], viewer, now)}
        """);

    /// <param name="entry">What is asked for.</param>
    /// <param name="filled">What the form holds already.</param>
    /// <param name="csrf">The hidden field that makes the form ours.</param>
    public static Html Form(RequestEntry entry, GrantForm filled, Html csrf) => Html.Of(
        $"""
        <h1>{(entry.IsBreakGlass ? "Break the glass" : "Ask for access")}</h1>
        <p class="lead">{(entry.IsBreakGlass ? "You get it at once, and nobody is asked first. It is recorded before it has an effect, and everybody named below is told." : "People are asked. When they agree, it begins at once and ends by itself.")}</p>
        <section class="card" aria-label="What it permits">
        <dl class="facts">
        <dt>Request</dt><dd><strong>{Html.Foreign(entry.Id)}</strong> {HoldView.Risk(entry.Terms.Risk)}</dd>
        <dt>At most for</dt><dd>{GrantText.Of(entry.Max)}</dd>
        <dt>{(entry.IsBreakGlass ? "Is told" : "Agrees")}</dt><dd>{HoldView.Needs(entry.Terms)}</dd>
        </dl>
        <h2>What it permits</h2>
        <pre>{RequestText.Of(entry.Scope.Span)}</pre>
        <p class="quiet">Whatever forbids, holds or masks something for you goes on doing so.</p>
        </section>
        <form class="card" method="post" action="/request/{entry.Id}">
        {csrf}
        <label for="for">For how long <span class="quiet">(such as 30m or 1h30m)</span></label>
        <input id="for" name="for" value="{filled.For}" autocomplete="off" maxlength="20">
        <label for="agent">Through which client <span class="quiet">(its name at the issuer, such as claude-code; empty when it has none)</span></label>
        <input id="agent" name="agent" value="{filled.Agent}" autocomplete="off" maxlength="200">
        <label for="reason">Reason <span class="quiet">(recorded; {(entry.IsBreakGlass ? "everybody who is told reads it" : "people read it before they answer")})</span></label>
        <textarea id="reason" name="reason" maxlength="{ApprovalDesk.MaxReasonLength}" required>{filled.Reason}</textarea>
        <div class="buttons"><button class="{(entry.IsBreakGlass ? "deny" : "approve")}" type="submit">{(entry.IsBreakGlass ? "Take access now" : "Ask")}</button></div>
        </form>
        """);

    public static Html Of(Grant grant, Identity viewer, Html? csrf, DateTimeOffset now)
    {
        var state = StateAt(grant, now);
        return Html.Of(
            $"""
            <h1>{Title(state)}</h1>
            <p class="lead">{Lead(grant, state, now)}</p>
            <section class="card" aria-label="The grant">
            <dl class="facts">
            <dt>State</dt><dd>{Badge(state)}{(grant.IsBreakGlass ? Html.Of($" <span class=\"badge high\">nobody was asked</span>") : Html.Nothing)}</dd>
            <dt>Whose</dt><dd>{(grant.HolderName is null ? Html.Nothing : Html.Of($"{Html.Foreign(grant.HolderName)} "))}<code>{Html.Foreign(grant.Holder)}</code></dd>
            <dt>Through</dt><dd>{(grant.Agent is null ? Html.Of($"<span class=\"quiet\">no agent</span>") : Html.Of($"agent <code>{Html.Foreign(grant.Agent)}</code>"))}</dd>
            <dt>Request</dt><dd><strong>{Html.Foreign(grant.Entry)}</strong> for {GrantText.Of(grant.Duration)}</dd>
            <dt>Asked</dt><dd>{Instants.Of(grant.AskedAt)} <span class="quiet">({Instants.Distance(grant.AskedAt, now)})</span></dd>
            {(grant.EndsAt is { } ends ? Html.Of($"<dt>Ends</dt><dd>{Instants.Of(ends)} <span class=\"quiet\">({Instants.Distance(ends, now)})</span></dd>") : Html.Nothing)}
            {(grant.Approvers.IsEmpty ? Html.Nothing : Html.Of($"<dt>Agreed</dt><dd>{Html.Foreign(string.Join(", ", grant.Approvers))}</dd>"))}
            {(grant.ClosedAt is { } closed && state != GrantState.Ended ? Html.Of($"<dt>Over</dt><dd>{Instants.Of(closed)} {(grant.ClosedBy is { } by ? Html.Of($"by <code>{Html.Foreign(by)}</code>") : Html.Nothing)}</dd>") : Html.Nothing)}
            {(grant.ClosedBecause is { Length: > 0 } why ? Html.Of($"<dt>Because</dt><dd>{Html.Foreign(why)}</dd>") : Html.Nothing)}
            </dl>
            <h2>What it permits</h2>
            <pre>{RequestText.Of(Encoding.UTF8.GetBytes(grant.Scope))}</pre>
            </section>
            <section class="card untrusted">
            <h2>The reason that was given</h2>
            <p>“{Html.Foreign(grant.Reason)}”</p>
            </section>
            {(grant.Hold is { } hold && state == GrantState.Asked ? Html.Of($"<p><a href=\"/approve/{hold}\">The page on which people answer</a></p>") : Html.Nothing)}
            {(csrf is not null && state == GrantState.Active ? Revoke(grant, viewer, csrf) : Html.Nothing)}
            <p><a href="/grants">All access for a time</a></p>
            """);
    }

    /// <summary>A grant past its end is over, whether or not the sweep has come by.</summary>
    public static GrantState StateAt(Grant grant, DateTimeOffset now) => grant.State == GrantState.Active && now >= grant.EndsAt ? GrantState.Ended : grant.State;

    private static Html Badge(GrantState state) => state switch
    {
        GrantState.Asked => Html.Of($"<span class=\"badge medium\">waiting</span>"),
        GrantState.Active => Html.Of($"<span class=\"badge yes\">in force</span>"),
        GrantState.NotGiven => Html.Of($"<span class=\"badge no\">not given</span>"),
        GrantState.Revoked => Html.Of($"<span class=\"badge no\">taken back</span>"),
        _ => Html.Of($"<span class=\"badge\">ended</span>"),
    };

    private static string Title(GrantState state) => state switch
    {
        GrantState.Asked => "Waiting for people",
        GrantState.Active => "Access in force",
        GrantState.NotGiven => "Not given",
        GrantState.Revoked => "Taken back",
        _ => "Ended",
    };

    private static string Lead(Grant grant, GrantState state, DateTimeOffset now) => state switch
    {
        GrantState.Asked => "It permits nothing yet. It begins when people agree; nothing has to be repeated then.",
        GrantState.Active => $"It ends {Instants.Distance(grant.EndsAt ?? now, now)}, and whatever still runs on it then is cut. Whoever needs longer asks again.",
        GrantState.NotGiven => "It never permitted anything.",
        GrantState.Revoked => "It permits nothing any more, and what ran on it was cut.",
        _ => "Its time is over.",
    };

    private static Html Revoke(Grant grant, Identity viewer, Html csrf) => Html.Of(
        $"""
        <form class="card" method="post" action="/grants/{grant.Id}/revoke">
        {csrf}
        <label for="reason">Reason <span class="quiet">(recorded)</span></label>
        <textarea id="reason" name="reason" maxlength="{ApprovalDesk.MaxReasonLength}"></textarea>
        <div class="buttons"><button class="deny" type="submit">{(grant.Holder == viewer.Key ? "Give it back now" : "Take it back now")}</button></div>
        </form>
        """);

    private static Html List(string title, string none, ImmutableArray<Grant> grants, Identity viewer, DateTimeOffset now) => Html.Of(
        $"""
        <section class="card">
        <h2>{title}</h2>
        {(grants.IsEmpty ? Html.Of($"<p class=\"quiet\">{none}</p>") : Html.Of($"<ul class=\"holds\">{Html.Join(grants.Select(grant => Item(grant, viewer, now)))}</ul>"))}
        </section>
        """);

    private static Html Item(RequestEntry entry) => Html.Of(
        $"""
        <li><div class="what"><a href="/request/{entry.Id}">{Html.Foreign(entry.Id)}</a> {(entry.IsBreakGlass ? Html.Of($"<span class=\"badge high\">break-glass</span>") : Html.Nothing)}</div>
        <div class="quiet">at most {GrantText.Of(entry.Max)}; {(entry.IsBreakGlass ? "told" : "asked")}: {HoldView.Needs(entry.Terms)}</div></li>
        """);

    private static Html Item(Grant grant, Identity viewer, DateTimeOffset now) => Html.Of(
        $"""
        <li><div class="what"><a href="/grants/{grant.Id}">{Html.Foreign(grant.Entry)}</a> {Badge(StateAt(grant, now))}</div>
        <div class="quiet">{(grant.Holder == viewer.Key ? Html.Of($"yours") : Html.Foreign(grant.HolderName ?? grant.Holder))}{(grant.Agent is null ? Html.Nothing : Html.Of($" through {Html.Foreign(grant.Agent)}"))}, {(StateAt(grant, now) == GrantState.Active ? $"ends {Instants.Distance(grant.EndsAt ?? now, now)}" : $"asked {Instants.Distance(grant.AskedAt, now)}")}</div></li>
        """);
}

/// <summary>What a form holds that is filled in, or was sent and is shown again.</summary>
internal sealed record GrantForm(string For, string Agent, string Reason);
