// the control plane asks issuers and directories itself; no operation travels here
#pragma warning disable RS0030

namespace Postern.Gateway.Identities;

/// <summary>
/// The control plane's own client for small documents of one party: addresses that were judged alone, no redirects, small answers, short
/// patience. No answer and no credential is repeated in a message.
/// </summary>
internal sealed class DocumentClient : IDisposable
{
    /// <summary>The largest answer that is read, in bytes.</summary>
    public const int MaxAnswer = 256 * 1024;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private readonly string _party;
    private readonly TimeSpan _patience;
    private readonly HttpMessageInvoker _http;

    /// <param name="party">What messages call the other side: <c>the issuer</c>.</param>
    /// <param name="authority">The configured address; others are judged beside it.</param>
    /// <param name="handler">Answers in place of the network.</param>
    /// <param name="dialer">Connects in place of the usual one.</param>
    /// <param name="patience">For one answer, body included; 5 s when null.</param>
    public DocumentClient(string party, Uri authority, HttpMessageHandler? handler = null, IssuerDialer? dialer = null, TimeSpan? patience = null)
    {
        _party = party;
        _patience = patience ?? Patience;
        _http = new HttpMessageInvoker(handler ?? new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            MaxConnectionsPerServer = 4,
            MaxResponseHeadersLength = 32,
            ConnectTimeout = Patience,
            ConnectCallback = (dialer ?? new IssuerDialer(authority)).DialAsync,
            PooledConnectionLifetime = TimeSpan.FromMinutes(10),
            UseProxy = !authority.IsLoopback,
        });
    }

    /// <summary>A small document, or null with a reason.</summary>
    public Task<(byte[]? Body, string? Problem)> GetAsync(Uri address, string? bearer, CancellationToken cancellationToken)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, address);
        if (bearer is not null) request.Headers.Authorization = new("Bearer", bearer);
        return SendAsync(request, cancellationToken);
    }

    /// <summary>A form, answered with a small document; null with a reason otherwise.</summary>
    public Task<(byte[]? Body, string? Problem)> PostAsync(Uri address, IEnumerable<KeyValuePair<string, string>> form, CancellationToken cancellationToken) =>
        SendAsync(new HttpRequestMessage(HttpMethod.Post, address) { Content = new FormUrlEncodedContent(form) }, cancellationToken);

    public void Dispose() => _http.Dispose();

    private async Task<(byte[]? Body, string? Problem)> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        using var _ = request;
        if (!Addresses.MayFetch(request.RequestUri!)) return (null, "the address is not https");

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(_patience);
        request.Headers.TryAddWithoutValidation("Accept", "application/json");
        try
        {
            using var answer = await _http.SendAsync(request, limit.Token);
            if (answer.StatusCode != System.Net.HttpStatusCode.OK) return (null, $"{_party} answered with status {(int)answer.StatusCode}");

            await using var body = await answer.Content.ReadAsStreamAsync(limit.Token);
            var buffer = new byte[MaxAnswer + 1];
            var length = await body.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, limit.Token);
            return length > MaxAnswer ? (null, $"{_party}'s answer is too large") : (buffer[..length], null);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return (null, $"{_party} did not answer in time");
        }
        catch (Exception fault) when (fault is HttpRequestException or IOException or InvalidOperationException)
        {
            return (null, $"{_party} cannot be reached");
        }
    }
}
