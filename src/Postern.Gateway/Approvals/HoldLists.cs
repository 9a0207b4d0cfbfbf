using System.Collections.Immutable;
using Postern.Core.Approvals;
using Postern.Core.Operations;
using Postern.Gateway.Pages;

namespace Postern.Gateway.Approvals;

/// <summary>Draws the start page and the list of approvals.</summary>
internal static class HoldLists
{
    public static Html Home(Identity person, ImmutableArray<Hold> toAnswer, ImmutableArray<Hold> own, DateTimeOffset now) => Html.Of(
        $"""
        <h1>Good to see you, {Html.Foreign(person.DisplayName ?? person.Subject)}</h1>
        <p class="lead">Signed in as <code>{Html.Foreign(person.Key)}</code></p>
        {List("Waiting for your answer", "Nothing waits for you.", toAnswer, now)}
        {List("Your own requests that wait", "None of your requests waits.", own, now)}
        <p><a href="/approvals">All approvals you may see</a></p>
        """);

    public static Html All(ImmutableArray<Hold> holds, DateTimeOffset now) => Html.Of(
        $"""
        <h1>Approvals</h1>
        <p class="lead">What you asked for, and what you may answer; the newest first.</p>
        {List("Operations that were held", "There are none yet. When the policy holds an operation, it appears here.", holds, now)}
        """);

    private static Html List(string title, string none, ImmutableArray<Hold> holds, DateTimeOffset now) => Html.Of(
        $"""
        <section class="card">
        <h2>{title}</h2>
        {(holds.IsEmpty ? Html.Of($"<p class=\"quiet\">{none}</p>") : Html.Of($"<ul class=\"holds\">{Html.Join(holds.Select(hold => Item(hold, now)))}</ul>"))}
        </section>
        """);

    private static Html Item(Hold hold, DateTimeOffset now) => Html.Of(
        $"""
        <li><div class="what"><a href="/approve/{hold.Id}">{Html.Foreign(hold.Summary)}</a> {HoldView.Badge(HoldView.StateAt(hold, now))}</div>
        <div class="quiet">{Html.Foreign(hold.RequesterName ?? hold.Requester)} on {Html.Foreign(hold.Connection)}, {Instants.Distance(hold.OpenedAt, now)}</div></li>
        """);
}
