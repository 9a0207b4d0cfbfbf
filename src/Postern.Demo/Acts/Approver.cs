using System.Net;

namespace Postern.Demo.Acts;

/// <summary>Does what a person with a browser does: opens the approval link, signs in at the issuer, reads the page, presses the button.</summary>
public static class Approver
{
    private const int MostPages = 6;

    /// <summary>Approves the hold behind a link as one of the demo issuer's personas.</summary>
    /// <exception cref="DemoException">A page has no form to go on with, or the approval was refused.</exception>
    public static async Task ApproveAsync(Uri link, string persona, string reason, CancellationToken cancellationToken)
    {
        using var browser = new HttpBrowser();
        var typed = new Dictionary<string, string>(StringComparer.Ordinal) { ["reason"] = reason };
        var page = await browser.OpenAsync(link, cancellationToken);
        for (var i = 0; i < MostPages; i++)
        {
            if (page.Status != HttpStatusCode.OK) throw new DemoException($"{page.Address.GetLeftPart(UriPartial.Path)} answered {(int)page.Status}");
            if (Find(page, "persona", persona) is { } pick)
            {
                page = await browser.SubmitAsync(page, pick.Form, pick.Button, typed, cancellationToken);
            }
            else if (Find(page, null, "approve") is { } approve)
            {
                var answered = await browser.SubmitAsync(page, approve.Form, approve.Button, typed, cancellationToken);
                if (answered.Status != HttpStatusCode.OK) throw new DemoException($"the approval was refused: {(int)answered.Status}");
                return;
            }
            else
            {
                throw new DemoException($"{page.Address.GetLeftPart(UriPartial.Path)} shows neither a sign-in nor an approval form");
            }
        }
        throw new DemoException("signing in never led to the approval page");
    }

    private static (WebForm Form, KeyValuePair<string, string> Button)? Find(WebPage page, string? name, string value)
    {
        foreach (var form in page.Forms)
        {
            foreach (var button in form.Buttons)
            {
                if ((name is null || button.Key == name) && button.Value == value) return (form, button);
            }
        }
        return null;
    }
}
