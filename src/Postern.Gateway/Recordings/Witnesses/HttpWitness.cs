using System.Net.Http.Headers;
using Postern.Gateway.Notices;

// The control plane's own client: it speaks to the receiver that the operator configured, never to a target.
#pragma warning disable RS0030

namespace Postern.Gateway.Recordings.Witnesses;

/// <summary>Posts to a receiver that keeps what it gets: any answer of 2xx says that it does.</summary>
internal sealed class HttpWitness(string name, string url, string? token) : IWitness
{
    private readonly ReceiverPost _post = new("the witness");

    public string Name => name;

    public async ValueTask<string?> TellAsync(byte[] line, CancellationToken stopping)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = new ByteArrayContent(line) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/x-ndjson");
        if (token is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return await _post.SendAsync(request, refusal: null, stopping).ConfigureAwait(false);
    }

    public void Dispose() => _post.Dispose();
}
