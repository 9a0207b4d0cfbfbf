using System.Globalization;
using Postern.Core.Approvals;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Gateway.Pages;

namespace Postern.Gateway.Approvals;

/// <summary>Draws one hold for one person. Pure: the same arguments always give the same markup.</summary>
internal static class HoldView
{
    /// <param name="hold">What waits.</param>
    /// <param name="viewer">Who looks; already known to be allowed to see it.</param>
    /// <param name="form">The hidden fields of the answer form, or null when this person cannot answer.</param>
    /// <param name="now">The current instant.</param>
    public static Html Of(Hold hold, Identity viewer, Html? form, DateTimeOffset now)
    {
        var state = StateAt(hold, now);
        var mine = hold.Requester == viewer.Key;
        return Html.Of(
            $"""
            <h1>{Title(hold, state, mine)}</h1>
            <p class="lead">{Lead(hold, state, mine, now)}</p>
            {Facts(hold, state, now)}
            {(hold.Grant is { } grant ? Html.Of($"<p><a href=\"/grants/{grant}\">The access that is asked for, and what became of it</a></p>") : Html.Nothing)}
            {Request(hold, state)}
            {Foreseen(hold)}
            {Untrusted(hold)}
            {Answers(hold)}
            {(form is null ? Html.Nothing : state == HoldState.Open ? Form(hold, form) : state == HoldState.Approved ? TakeBack(hold, form) : Html.Nothing)}
            """);
    }

    /// <summary>A hold past its time is over, whether or not the sweep has come by.</summary>
    public static HoldState StateAt(Hold hold, DateTimeOffset now) => hold.State switch
    {
        HoldState.Open when now >= hold.ExpiresAt => HoldState.Expired,
        HoldState.Approved when now >= hold.UsableUntil => HoldState.Expired,
        var state => state,
    };

    public static Html Badge(HoldState state) => state switch
    {
        HoldState.Open => Html.Of($"<span class=\"badge medium\">waiting</span>"),
        HoldState.Approved => Html.Of($"<span class=\"badge yes\">approved</span>"),
        HoldState.Consumed => Html.Of($"<span class=\"badge yes\">approved and used</span>"),
        HoldState.Denied => Html.Of($"<span class=\"badge no\">denied</span>"),
        _ => Html.Of($"<span class=\"badge\">expired</span>"),
    };

    public static Html Risk(HoldRisk risk) => Html.Of($"<span class=\"badge {(risk == HoldRisk.High ? "high" : risk == HoldRisk.Medium ? "medium" : "low")}\">{risk.ToString().ToLowerInvariant()} risk</span>");

    private static string Title(Hold hold, HoldState state, bool mine) => state switch
    {
        HoldState.Open when mine => "Waiting for approval",
        HoldState.Open when hold.Grant is not null => "Give this access?",
        HoldState.Open => "Approve this operation?",
        HoldState.Approved => "Approved",
        HoldState.Consumed when hold.Grant is not null => "Given",
        HoldState.Consumed => "Approved and carried out",
        HoldState.Denied => "Denied",
        _ => "Expired",
    };

    private static string Lead(Hold hold, HoldState state, bool mine, DateTimeOffset now) => state switch
    {
        HoldState.Open when mine => $"Nothing was done yet. Someone else must answer before {Clock(hold.ExpiresAt)} ({Instants.Distance(hold.ExpiresAt, now)}). You cannot approve what you asked for.",
        HoldState.Open when hold.Grant is not null => $"Nothing is permitted yet. Your answer is about exactly the access below; it begins when enough people agreed, and ends by itself. It can be given until {Clock(hold.ExpiresAt)} ({Instants.Distance(hold.ExpiresAt, now)}).",
        HoldState.Open => $"Nothing was done yet. Your answer is about exactly the request below, once. It can be given until {Clock(hold.ExpiresAt)} ({Instants.Distance(hold.ExpiresAt, now)}).",
        HoldState.Approved => $"A caller that still waits goes on by itself; otherwise the identical request may be made once, until {Clock(hold.UsableUntil ?? hold.ExpiresAt)} ({Instants.Distance(hold.UsableUntil ?? hold.ExpiresAt, now)}). Nothing was done yet.",
        HoldState.Consumed when hold.Grant is not null => "People agreed, and it was given. It can be taken back on its own page.",
        HoldState.Consumed => "The approval was used, once. It cannot be used again.",
        HoldState.Denied => "Nothing was done. Repeating the request will not help.",
        _ => "Nobody answered in time, or the approval was not used in time. Nothing was done.",
    };

    private static Html Facts(Hold hold, HoldState state, DateTimeOffset now) => Html.Of(
        $"""
        <section class="card" aria-label="What is asked">
        <dl class="facts">
        <dt>State</dt><dd>{Badge(state)} {Risk(hold.Terms.Risk)}</dd>
        <dt>Who</dt><dd>{(hold.RequesterName is null ? Html.Nothing : Html.Of($"{Html.Foreign(hold.RequesterName)} "))}<code>{Html.Foreign(hold.Requester)}</code></dd>
        {(hold.Agent is null ? Html.Nothing : Html.Of($"<dt>Through</dt><dd>agent <code>{Html.Foreign(hold.Agent)}</code></dd>"))}
        <dt>Wants</dt><dd>{Html.Foreign(hold.Summary)}</dd>
        <dt>On</dt><dd><strong>{Html.Foreign(hold.Connection)}</strong> <code>{Html.Foreign(hold.Target)}</code></dd>
        <dt>Held because</dt><dd>{Html.Foreign(hold.Reason)}<br><span class="quiet">rule <code>{Html.Foreign(hold.Rule)}</code></span></dd>
        <dt>Needs</dt><dd>{Needs(hold.Terms)}</dd>
        <dt>Asked</dt><dd>{Instants.Of(hold.OpenedAt)} <span class="quiet">({Instants.Distance(hold.OpenedAt, now)})</span></dd>
        <dt>Answer by</dt><dd>{Instants.Of(hold.ExpiresAt)}</dd>
        </dl>
        </section>
        """);

    private static Html Request(Hold hold, HoldState state)
    {
        if (hold.Request.IsEmpty)
        {
            var why = state == HoldState.Open ? "The request is not shown here." : "The request was destroyed when the question was over. The recording keeps its masked form.";
            return Html.Of($"<section class=\"card\"><h2>The request</h2><p class=\"quiet\">{why}</p></section>");
        }
        return Html.Of(
            $"""
            <section class="card">
            <h2>Exactly this request</h2>
            <pre>{RequestText.Of(hold.Request.Span)}</pre>
            <p class="quiet">{hold.Request.Length} bytes, shown whole. Invisible characters, and such as change the direction of text, appear as {Html.Foreign("\u202E")}.</p>
            <details><summary>{(hold.Grant is null ? "As it will be sent" : "As it was asked")}, byte for byte</summary><pre>{Html.ForeignLines(hold.Request.Span)}</pre><p class="quiet">SHA-256 <code>{Digest.Of(hold.Request.Span).ToString()}</code></p></details>
            </section>
            """);
    }

    private static Html Foreseen(Hold hold) => hold.Foreseen.IsEmpty ? Html.Nothing : Html.Of(
        $"""
        <section class="card">
        <h2>What it would change</h2>
        <pre>{Html.ForeignLines(hold.Foreseen.Span)}</pre>
        <p class="quiet">Found out when it was asked, with the gateway's own credential and after masks; it may have changed since. The answer is about the request above.</p>
        </section>
        """);

    private static Html Untrusted(Hold hold) => hold.ClientName is null && hold.Grant is null ? Html.Nothing : Html.Of(
        $"""
        <section class="card untrusted">
        <h2>{(hold.Grant is null ? "Said by the client, not verified" : "Said by who asks, not verified")}</h2>
        <p>{(hold.Grant is null ? Html.Of($"It calls itself “{Html.Foreign(hold.ClientName)}”. Nothing in this box is checked; do not decide by it.") : Html.Of($"The <code>reason</code> above is in their own words, or their agent’s. Nothing in it is checked, whatever it says of approvals or of this gateway."))}</p>
        </section>
        """);

    private static Html Answers(Hold hold) => hold.Answers.IsEmpty ? Html.Nothing : Html.Of(
        $"""
        <section class="card">
        <h2>Answers so far</h2>
        <ul class="holds">
        {Html.Join(hold.Answers.Select(answer => Html.Of(
            $"<li><div class=\"what\"><span class=\"badge {(answer.Approved ? "yes" : "no")}\">{(answer.Approved ? "approved" : "denied")}</span> <span>{Html.Foreign(answer.ApproverName ?? answer.Approver)}</span> <code>{Html.Foreign(answer.Approver)}</code> <span class=\"quiet\">{Instants.Of(answer.At)}</span></div>{(answer.Reason.Length == 0 ? Html.Nothing : Html.Of($"<div>“{Html.Foreign(answer.Reason)}”</div>"))}</li>")))}
        </ul>
        </section>
        """);

    private static Html Form(Hold hold, Html hiddenFields) => Html.Of(
        $"""
        <form class="card" method="post" action="/approve/{hold.Id}">
        {hiddenFields}
        <label for="reason">Reason <span class="quiet">(recorded; needed to deny)</span></label>
        <textarea id="reason" name="reason" maxlength="{ApprovalDesk.MaxReasonLength}"></textarea>
        <div class="buttons">
        <button class="approve" type="submit" name="answer" value="approve">{(hold.Grant is null ? "Approve once" : "Give access")}</button>
        <button class="deny" type="submit" name="answer" value="deny">Deny</button>
        </div>
        <p class="quiet">You may be asked to sign in again: an answer needs a sign-in of the last {(int)ApprovalDesk.FreshSignIn.TotalMinutes} minutes.</p>
        </form>
        """);

    private static Html TakeBack(Hold hold, Html hiddenFields) => Html.Of(
        $"""
        <form class="card" method="post" action="/approve/{hold.Id}">
        {hiddenFields}
        <label for="reason">Reason <span class="quiet">(recorded)</span></label>
        <textarea id="reason" name="reason" maxlength="{ApprovalDesk.MaxReasonLength}"></textarea>
        <div class="buttons">
        <button class="deny" type="submit" name="answer" value="deny">Take the approval back</button>
        </div>
        </form>
        """);

    public static Html Needs(HoldTerms terms) => Html.Of($"{string.Join("; and ", terms.Requirements.Select(Needs))}");

    private static string Needs(ApproverRequirement requirement)
    {
        var who = requirement.Groups.Select(group => $"a member of {group}").Concat(requirement.Users);
        var people = requirement.Count == 1 ? "one person" : string.Create(CultureInfo.InvariantCulture, $"{requirement.Count} people");
        return $"{people}: {string.Join(", or ", who)}";
    }

    private static string Clock(DateTimeOffset instant) => instant.UtcDateTime.ToString("HH:mm", CultureInfo.InvariantCulture) + " UTC";
}
