using System.Net;
using System.Text.RegularExpressions;

namespace Postern.Conformance.Clients;

/// <summary>A page as a browser without JavaScript sees it.</summary>
/// <param name="Address">Where it is.</param>
/// <param name="Status">The status code.</param>
/// <param name="Html">The text.</param>
internal sealed record Page(Uri Address, HttpStatusCode Status, string Html)
{
    /// <summary>What a person reads.</summary>
    public string Text => WebUtility.HtmlDecode(Regex.Replace(Html, "<style.*?</style>|<[^>]*>", " ", RegexOptions.Singleline, TimeSpan.FromSeconds(1)));
}

/// <summary>
/// Enough of a browser for sign-in and approval pages: follows redirects, keeps cookies per host and port (a loopback host
/// counts as secure, as it does in browsers), and submits forms by their buttons.
/// </summary>
internal sealed partial class Browser : IDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false });
    private readonly Dictionary<string, Dictionary<string, string>> _cookies = new(StringComparer.Ordinal);

    /// <summary>Addresses that are not opened: the page there is empty, and tells where the browser was sent.</summary>
    public Func<Uri, bool> StopsAt { get; init; } = static _ => false;

    /// <summary>Opens an address and follows where it leads.</summary>
    public Task<Page> OpenAsync(string address, CancellationToken cancellationToken) => GoAsync(new HttpRequestMessage(HttpMethod.Get, address), null, cancellationToken);

    /// <summary>
    /// Presses the button with this name and value (null for a button without) on a page, with the form's other fields as they stand or
    /// as filled in.
    /// </summary>
    public Task<Page> PressAsync(Page page, string? name, string? value, IReadOnlyDictionary<string, string>? filled = null, CancellationToken cancellationToken = default)
    {
        foreach (Match form in Form().Matches(page.Html))
        {
            var body = form.Groups["body"].Value;
            var button = Button().Matches(body).Select(each => each.Value).FirstOrDefault(each => Attribute(each, "name") == name && Attribute(each, "value") == value);
            if (button is null) continue;

            var fields = new List<KeyValuePair<string, string>>();
            foreach (Match input in Input().Matches(body))
            {
                if (Attribute(input.Value, "name") is not { } field || Attribute(input.Value, "type") is "submit" or "button") continue;
                fields.Add(new(field, filled?.GetValueOrDefault(field) ?? Attribute(input.Value, "value") ?? string.Empty));
            }
            foreach (var (field, text) in filled ?? new Dictionary<string, string>())
            {
                if (fields.All(each => each.Key != field)) fields.Add(new(field, text));
            }
            if (name is not null) fields.Add(new(name, value!));

            var action = Attribute(form.Groups["head"].Value, "action");
            var request = new HttpRequestMessage(HttpMethod.Post, action is null ? page.Address : new Uri(page.Address, action)) { Content = new FormUrlEncodedContent(fields) };
            return GoAsync(request, page.Address, cancellationToken);
        }
        throw new InvalidOperationException($"no button `{name}={value}` on {page.Address}: {page.Html}");
    }

    public void Dispose() => _http.Dispose();

    private async Task<Page> GoAsync(HttpRequestMessage request, Uri? from, CancellationToken cancellationToken)
    {
        for (var hops = 0; hops < 12; hops++)
        {
            var address = request.RequestUri!;
            if (StopsAt(address)) return new Page(address, HttpStatusCode.OK, string.Empty);
            var jar = _cookies.TryGetValue(address.Authority, out var known) ? known : _cookies[address.Authority] = new Dictionary<string, string>(StringComparer.Ordinal);
            if (jar.Count > 0) request.Headers.Add("Cookie", string.Join("; ", jar.Select(cookie => $"{cookie.Key}={cookie.Value}")));
            if (request.Method == HttpMethod.Post && from is not null) request.Headers.Add("Origin", from.GetLeftPart(UriPartial.Authority));
            // What a browser says of itself; pages may rely on it against foreign forms.
            request.Headers.Add("Sec-Fetch-Site", from is null ? "none" : from.Authority == address.Authority ? "same-origin" : "cross-site");
            request.Headers.Add("Sec-Fetch-Mode", "navigate");
            request.Headers.Add("Sec-Fetch-Dest", "document");
            request.Headers.Add("Accept", "text/html");

            using var response = await _http.SendAsync(request, cancellationToken);
            foreach (var line in response.Headers.TryGetValues("Set-Cookie", out var lines) ? lines : [])
            {
                var pair = line.Split(';')[0].Split('=', 2);
                if (line.Contains("max-age=0", StringComparison.OrdinalIgnoreCase) || line.Contains("1970", StringComparison.Ordinal)) jar.Remove(pair[0]);
                else jar[pair[0]] = pair[1];
            }
            if ((int)response.StatusCode is 301 or 302 or 303 or 307 or 308 && response.Headers.Location is { } next)
            {
                from = address;
                request = new HttpRequestMessage(HttpMethod.Get, new Uri(address, next));
                continue;
            }
            // A page may send the browser on by itself; that is a new journey, and no redirect of a form.
            if (response.Headers.TryGetValues("Refresh", out var refresh) && refresh.Single() is { } target && target.StartsWith("0; url=", StringComparison.Ordinal))
            {
                from = null;
                request = new HttpRequestMessage(HttpMethod.Get, new Uri(address, target["0; url=".Length..]));
                continue;
            }
            return new Page(address, response.StatusCode, await response.Content.ReadAsStringAsync(cancellationToken));
        }
        throw new InvalidOperationException("too many redirects");
    }

    private static string? Attribute(string tag, string name)
    {
        var match = Regex.Match(tag, $"""\s{name}\s*=\s*("(?<v>[^"]*)"|'(?<v>[^']*)'|(?<v>[^\s">]+))""", RegexOptions.IgnoreCase, TimeSpan.FromSeconds(1));
        return match.Success ? WebUtility.HtmlDecode(match.Groups["v"].Value) : null;
    }

    [GeneratedRegex("<form(?<head>[^>]*)>(?<body>.*?)</form>", RegexOptions.Singleline | RegexOptions.IgnoreCase, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Form();

    [GeneratedRegex("<button[^>]*>|<input[^>]*type=\"?submit[^>]*>", RegexOptions.Singleline | RegexOptions.IgnoreCase, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Button();

    [GeneratedRegex("<input[^>]*>", RegexOptions.Singleline | RegexOptions.IgnoreCase, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Input();
}
