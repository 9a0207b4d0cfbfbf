using System.Net;

#pragma warning disable RS0030 // the demo's agent and browser stand where a customer's would: in front of the gateway, not behind it

namespace Postern.Demo;

/// <summary>The HTTP client of the demo's own agent and browser. No proxy, no cookies, no redirects behind our back.</summary>
/// <param name="patience">How long to wait for an answer; 30 s when not given.</param>
internal sealed class LoopbackHttp(TimeSpan? patience = null) : IDisposable
{
    private static readonly TimeSpan UsualPatience = TimeSpan.FromSeconds(30);

    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, UseProxy = false, AutomaticDecompression = DecompressionMethods.None })
    {
        Timeout = patience ?? UsualPatience,
    };

    /// <summary>Sends one request; the answer's body is read whole.</summary>
    /// <exception cref="DemoException">Nobody answers.</exception>
    public async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        try
        {
            return await _http.SendAsync(request, cancellationToken);
        }
        catch (HttpRequestException e)
        {
            throw new DemoException($"{request.RequestUri?.GetLeftPart(UriPartial.Path)} cannot be reached: {e.Message}");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new DemoException($"{request.RequestUri?.GetLeftPart(UriPartial.Path)} did not answer within {_http.Timeout.TotalSeconds:0} seconds");
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();
}
