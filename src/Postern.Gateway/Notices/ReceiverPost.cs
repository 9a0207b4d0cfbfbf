using System.Globalization;

// The control plane's own client: it speaks to receivers that the operator configured, never to a target.
#pragma warning disable RS0030

namespace Postern.Gateway.Notices;

/// <summary>Posts to one receiver over HTTP: follows nothing, keeps nothing, waits ten seconds, and says in words why something did not arrive.</summary>
/// <param name="receiver">What the receiver is called in those words.</param>
internal sealed class ReceiverPost(string receiver) : IDisposable
{
    /// <summary>The most that is read of an answer, in bytes.</summary>
    public const int MaxAnswer = 64 * 1024;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, UseProxy = false, ConnectTimeout = Patience }) { Timeout = Patience, MaxResponseContentBufferSize = MaxAnswer };

    /// <summary>Null when it arrived; otherwise what happened instead.</summary>
    /// <param name="request">What is sent, once.</param>
    /// <param name="refusal">Reads the answer to a request that was taken, and says why it means no; null where the status says everything.</param>
    /// <param name="stopping">The gateway stops.</param>
    public async ValueTask<string?> SendAsync(HttpRequestMessage request, Func<byte[], string?>? refusal, CancellationToken stopping)
    {
        try
        {
            using var response = await _http.SendAsync(request, refusal is null ? HttpCompletionOption.ResponseHeadersRead : HttpCompletionOption.ResponseContentRead, stopping).ConfigureAwait(false);
            if (!response.IsSuccessStatusCode) return string.Create(CultureInfo.InvariantCulture, $"{receiver} answered {(int)response.StatusCode}");
            return refusal?.Invoke(await response.Content.ReadAsByteArrayAsync(stopping).ConfigureAwait(false));
        }
        catch (HttpRequestException failure)
        {
            return $"{receiver} cannot be reached ({failure.HttpRequestError})";
        }
        catch (OperationCanceledException) when (!stopping.IsCancellationRequested)
        {
            return $"{receiver} did not answer in time";
        }
    }

    public void Dispose() => _http.Dispose();
}
