using System.Globalization;
using System.Net;

namespace Postern.Demo.Acts;

/// <summary>A page as it arrived.</summary>
internal sealed record WebPage(Uri Address, HttpStatusCode Status, string Html)
{
    /// <summary>The forms on it.</summary>
    public IReadOnlyList<WebForm> Forms => WebForm.ReadAll(Html);
}

/// <summary>
/// As much of a browser as a plain form needs: follows redirects, keeps cookies by host, sends where a request comes from.
/// Does a person's work when the demo plays by itself.
/// </summary>
internal sealed class HttpBrowser : IDisposable
{
    private const int MostRedirects = 12;

    private readonly LoopbackHttp _http = new();
    private readonly Dictionary<(string Host, string Name), string> _cookies = [];

    /// <summary>Opens an address and follows where it leads.</summary>
    public Task<WebPage> OpenAsync(Uri address, CancellationToken cancellationToken) =>
        FollowAsync(() => new HttpRequestMessage(HttpMethod.Get, address), address, from: null, cancellationToken);

    /// <summary>Presses a button of a form.</summary>
    /// <param name="page">The page that it stands on.</param>
    /// <param name="form">The form.</param>
    /// <param name="button">The button's name and value.</param>
    /// <param name="typed">What a person typed into fields; takes the place of the form's own values.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public Task<WebPage> SubmitAsync(WebPage page, WebForm form, KeyValuePair<string, string> button, IReadOnlyDictionary<string, string> typed, CancellationToken cancellationToken)
    {
        var target = new Uri(page.Address, form.Action.Length == 0 ? page.Address.PathAndQuery : form.Action);
        var values = form.Fields.Select(field => typed.TryGetValue(field.Key, out var value) ? KeyValuePair.Create(field.Key, value) : field);
        if (button.Key.Length > 0) values = values.Append(button);
        var body = values.ToList();
        return FollowAsync(() => new HttpRequestMessage(HttpMethod.Post, target) { Content = new FormUrlEncodedContent(body) }, target, page.Address, cancellationToken);
    }

    /// <summary>Posts a form and returns where it redirects to, without going there.</summary>
    public async Task<Uri> SubmitForRedirectAsync(WebPage page, WebForm form, KeyValuePair<string, string> button, CancellationToken cancellationToken)
    {
        var target = new Uri(page.Address, form.Action);
        using var request = new HttpRequestMessage(HttpMethod.Post, target) { Content = new FormUrlEncodedContent(form.Fields.Append(button)) };
        using var response = await SendAsync(request, page.Address, cancellationToken);
        return response.Headers.Location is { } location
            ? new Uri(target, location)
            : throw new DemoException($"{target.GetLeftPart(UriPartial.Path)} answered {(int)response.StatusCode} instead of a redirect");
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private async Task<WebPage> FollowAsync(Func<HttpRequestMessage> first, Uri address, Uri? from, CancellationToken cancellationToken)
    {
        var request = first();
        for (var i = 0; i < MostRedirects; i++)
        {
            using (request)
            {
                using var response = await SendAsync(request, from, cancellationToken);
                if (response.Headers.Location is not { } location || (int)response.StatusCode is < 300 or > 399)
                {
                    return new WebPage(address, response.StatusCode, await response.Content.ReadAsStringAsync(cancellationToken));
                }
                address = new Uri(address, location);
            }
            request = new HttpRequestMessage(HttpMethod.Get, address);
        }
        request.Dispose();
        throw new DemoException(string.Create(CultureInfo.InvariantCulture, $"more than {MostRedirects} redirects, the last to {address.GetLeftPart(UriPartial.Path)}"));
    }

    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, Uri? from, CancellationToken cancellationToken)
    {
        var address = request.RequestUri!;
        var cookies = _cookies.Where(cookie => cookie.Key.Host == address.Host).Select(cookie => $"{cookie.Key.Name}={cookie.Value}").ToList();
        if (cookies.Count > 0) request.Headers.Add("Cookie", string.Join("; ", cookies));
        if (from is not null && request.Method == HttpMethod.Post) request.Headers.Add("Origin", from.GetLeftPart(UriPartial.Authority));
        var isSameOrigin = from is not null && from.GetLeftPart(UriPartial.Authority) == address.GetLeftPart(UriPartial.Authority);
        request.Headers.Add("Sec-Fetch-Site", from is null ? "none" : isSameOrigin ? "same-origin" : "cross-site");
        request.Headers.Add("Sec-Fetch-Mode", "navigate");
        request.Headers.Add("Sec-Fetch-Dest", "document");
        request.Headers.Accept.ParseAdd("text/html");
        var response = await _http.SendAsync(request, cancellationToken);
        if (response.Headers.TryGetValues("Set-Cookie", out var set)) foreach (var cookie in set) Keep(address.Host, cookie);
        return response;
    }

    private void Keep(string host, string header)
    {
        var pair = header.Split(';')[0].Split('=', 2);
        if (pair.Length != 2) return;
        var isOver = header.Contains("max-age=0", StringComparison.OrdinalIgnoreCase) || header.Contains("1970", StringComparison.Ordinal);
        if (isOver || pair[1].Length == 0) _cookies.Remove((host, pair[0].Trim()));
        else _cookies[(host, pair[0].Trim())] = pair[1].Trim();
    }
}
