using System.Net;
using System.Text.RegularExpressions;

namespace Postern.Demo.Acts;

/// <summary>A form on a page: where it posts to, and its fields and buttons, as a browser without JavaScript sees them.</summary>
/// <param name="Action">Where it posts to; empty means the page itself.</param>
/// <param name="Fields">Inputs that are sent as they are.</param>
/// <param name="Buttons">Submit buttons by name and value.</param>
internal sealed partial record WebForm(string Action, IReadOnlyList<KeyValuePair<string, string>> Fields, IReadOnlyList<KeyValuePair<string, string>> Buttons)
{
    /// <summary>Every form of a page. Enough for the plain forms that Postern and its demo issuer serve.</summary>
    public static IReadOnlyList<WebForm> ReadAll(string html)
    {
        var forms = new List<WebForm>();
        foreach (Match form in Forms().Matches(html))
        {
            var fields = new List<KeyValuePair<string, string>>();
            var buttons = new List<KeyValuePair<string, string>>();
            foreach (Match tag in Controls().Matches(form.Groups["body"].Value))
            {
                if (Attribute(tag.Value, "name") is not { } name) continue;
                var pair = KeyValuePair.Create(name, Attribute(tag.Value, "value") ?? "");
                if (tag.Value.StartsWith("<button", StringComparison.OrdinalIgnoreCase) || Attribute(tag.Value, "type") == "submit") buttons.Add(pair);
                else fields.Add(pair);
            }
            forms.Add(new WebForm(Attribute(form.Groups["head"].Value, "action") ?? "", fields, buttons));
        }
        return forms;
    }

    private static string? Attribute(string tag, string name)
    {
        foreach (Match match in Attributes().Matches(tag))
        {
            if (!string.Equals(match.Groups["name"].Value, name, StringComparison.OrdinalIgnoreCase)) continue;
            return WebUtility.HtmlDecode(match.Groups["quoted"].Success ? match.Groups["quoted"].Value : match.Groups["bare"].Value);
        }
        return null;
    }

    [GeneratedRegex("<form(?<head>[^>]*)>(?<body>.*?)</form>", RegexOptions.Singleline | RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Forms();

    [GeneratedRegex("<(input|button|textarea)[^>]*>", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Controls();

    [GeneratedRegex("""\s(?<name>[a-z-]+)(\s*=\s*("(?<quoted>[^"]*)"|(?<bare>[^\s"'>]+)))?""", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Attributes();
}
