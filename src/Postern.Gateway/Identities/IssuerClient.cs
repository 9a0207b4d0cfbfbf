// the control plane asks issuers for keys and tokens itself; no operation travels here
#pragma warning disable RS0030

using System.Text.Json;

namespace Postern.Gateway.Identities;

/// <summary>What an issuer says of itself (OpenID Connect Discovery section 3).</summary>
/// <param name="KeySet">Where its keys are.</param>
/// <param name="Authorization">Where people sign in, or null.</param>
/// <param name="Token">Where codes become tokens, or null.</param>
/// <param name="SaysIssuer">Whether authorization answers carry <c>iss</c> (RFC 9207).</param>
internal sealed record IssuerMetadata(Uri KeySet, Uri? Authorization, Uri? Token, bool SaysIssuer);

/// <summary>
/// The control plane's own client for one issuer: configured addresses alone, no redirects, small answers, short patience.
/// </summary>
internal sealed class IssuerClient : IDisposable
{
    /// <summary>The largest answer that is read, in bytes.</summary>
    public const int MaxAnswer = 256 * 1024;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private readonly TrustedIssuer _issuer;

    private readonly HttpMessageInvoker _http;

    public IssuerClient(TrustedIssuer issuer, HttpMessageHandler? handler = null, IssuerDialer? dialer = null)
    {
        _issuer = issuer;
        _http = new HttpMessageInvoker(handler ?? new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            MaxConnectionsPerServer = 4,
            MaxResponseHeadersLength = 32,
            ConnectTimeout = Patience,
            ConnectCallback = (dialer ?? new IssuerDialer(new Uri(issuer.Authority))).DialAsync,
            PooledConnectionLifetime = TimeSpan.FromMinutes(10),
            UseProxy = !new Uri(issuer.Authority).IsLoopback,
        });
    }

    /// <summary>The issuer's description of itself, or null with a reason.</summary>
    public async Task<(IssuerMetadata? Metadata, string? Problem)> DiscoverAsync(CancellationToken cancellationToken)
    {
        var address = new Uri($"{_issuer.Authority.TrimEnd('/')}/.well-known/openid-configuration");
        var (json, problem) = await GetAsync(address, cancellationToken);
        if (json is null)
        {
            return (null, problem);
        }

        // RFC 8414 section 3.3: otherwise one issuer could lend its name to another's keys
        if (TokenText.Parse(json) is not { } document || TokenText.Text(document, "issuer") != _issuer.Authority)
        {
            return (null, "the discovery document does not name the configured issuer");
        }

        if (Address(document, "jwks_uri") is not { } keySet)
        {
            return (null, "the discovery document names no usable `jwks_uri`");
        }

        var saysIssuer = document.TryGetProperty("authorization_response_iss_parameter_supported", out var says) && says.ValueKind == JsonValueKind.True;
        return (new(keySet, Address(document, "authorization_endpoint"), Address(document, "token_endpoint"), saysIssuer), null);
    }

    /// <summary>A small document, or null with a reason.</summary>
    public Task<(byte[]? Body, string? Problem)> GetAsync(Uri address, CancellationToken cancellationToken) =>
        SendAsync(new HttpRequestMessage(HttpMethod.Get, address), cancellationToken);

    /// <summary>A form, answered with a small document; null with a reason otherwise.</summary>
    public Task<(byte[]? Body, string? Problem)> PostAsync(Uri address, IEnumerable<KeyValuePair<string, string>> form, CancellationToken cancellationToken) =>
        SendAsync(new HttpRequestMessage(HttpMethod.Post, address) { Content = new FormUrlEncodedContent(form) }, cancellationToken);

    public void Dispose() => _http.Dispose();

    private async Task<(byte[]? Body, string? Problem)> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        using var _ = request;
        if (!Addresses.MayFetch(request.RequestUri!))
        {
            return (null, "the address is not https");
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Patience);
        request.Headers.TryAddWithoutValidation("Accept", "application/json");
        try
        {
            using var answer = await _http.SendAsync(request, limit.Token);
            if (answer.StatusCode != System.Net.HttpStatusCode.OK)
            {
                return (null, $"the issuer answered with status {(int)answer.StatusCode}");
            }

            await using var body = await answer.Content.ReadAsStreamAsync(limit.Token);
            var buffer = new byte[MaxAnswer + 1];
            var length = await body.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, limit.Token);
            return length > MaxAnswer ? (null, "the issuer's answer is too large") : (buffer[..length], null);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return (null, "the issuer did not answer in time");
        }
        catch (Exception fault) when (fault is HttpRequestException or IOException or InvalidOperationException)
        {
            return (null, "the issuer cannot be reached");
        }
    }

    private static Uri? Address(JsonElement document, string name) =>
        TokenText.Text(document, name) is { } text && Uri.TryCreate(text, UriKind.Absolute, out var address) && Addresses.MayFetch(address) ? address : null;
}
