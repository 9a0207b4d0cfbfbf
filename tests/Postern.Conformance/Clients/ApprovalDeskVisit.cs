using System.Net;
using System.Text.RegularExpressions;

namespace Postern.Conformance.Clients;

/// <summary>A human answers a hold, in a browser, from the link that the caller was given.</summary>
internal static partial class ApprovalDeskVisit
{
    /// <summary>Signs in freshly as one of the demo's people, reads the page, and approves.</summary>
    public static async Task<Page> ApproveAsync(string link, string person, string reason, CancellationToken cancellationToken)
    {
        using var browser = new Browser();
        var page = await SignInAsync(browser, await browser.OpenAsync(link, cancellationToken), person, cancellationToken);
        var answered = await browser.PressAsync(page, "answer", "approve", new Dictionary<string, string> { ["reason"] = reason }, cancellationToken);
        // Answering needs a fresh sign-in; where the page asks for one in between, the form is pressed again.
        if (answered.Html.Contains("name=persona", StringComparison.Ordinal))
        {
            page = await SignInAsync(browser, answered, person, cancellationToken);
            if (page.Html.Contains("value=\"approve\"", StringComparison.Ordinal)) answered = await browser.PressAsync(page, "answer", "approve", new Dictionary<string, string> { ["reason"] = reason }, cancellationToken);
            else answered = page;
        }
        Assert.Equal(HttpStatusCode.OK, answered.Status);
        return answered;
    }

    /// <summary>Opens the list of approvals until something waits there for this person's answer, and opens that.</summary>
    public static async Task<Page> OpenNextAsync(Browser browser, string gateway, string person, CancellationToken cancellationToken)
    {
        _ = await SignInAsync(browser, await browser.OpenAsync(gateway + "/", cancellationToken), person, cancellationToken);
        while (true)
        {
            var page = await browser.OpenAsync(gateway + "/", cancellationToken);
            if (Waits().Match(page.Html) is { Success: true } found) return await browser.OpenAsync(gateway + found.Value, cancellationToken);
            await Task.Delay(50, cancellationToken);
        }
    }

    /// <summary>The same, and answers it.</summary>
    public static async Task AnswerNextAsync(string gateway, string person, string answer, CancellationToken cancellationToken)
    {
        using var browser = new Browser();
        var page = await OpenNextAsync(browser, gateway, person, cancellationToken);
        var answered = await browser.PressAsync(page, "answer", answer, new Dictionary<string, string> { ["reason"] = "seen" }, cancellationToken);
        Assert.Equal(HttpStatusCode.OK, answered.Status);
    }

    [GeneratedRegex("/approve/[0-9A-Z]{26}", RegexOptions.NonBacktracking)]
    private static partial Regex Waits();

    private static async Task<Page> SignInAsync(Browser browser, Page page, string person, CancellationToken cancellationToken)
    {
        if (!page.Html.Contains("name=persona", StringComparison.Ordinal) && page.Html.Contains("<form", StringComparison.Ordinal)) return page;
        Assert.Contains("name=persona", page.Html, StringComparison.Ordinal);
        return await browser.PressAsync(page, "persona", person, cancellationToken: cancellationToken);
    }
}
