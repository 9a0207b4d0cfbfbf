using System.Net;
using Amazon.Runtime;
using Postern.Gateway.Configuration;
using Postern.Gateway.Exports;

// The control plane's own client: it speaks to the store that the operator configured, never to a target.
#pragma warning disable RS0030

namespace Postern.Gateway.Recordings.Stores;

/// <summary>The HTTP clients of a store: no redirects, cookies or proxy, to one host alone, whatever an answer says of others.</summary>
internal sealed class PinnedClients(StoreTarget.S3 target) : HttpClientFactory
{
    /// <inheritdoc/>
    public override HttpClient CreateHttpClient(IClientConfig clientConfig) => new(new Pin(new Uri(target.Url), HttpDelivery.HandlerFor(target.Authorities))) { Timeout = Timeout.InfiniteTimeSpan };

    /// <inheritdoc/>
    public override bool UseSDKHttpClientCaching(IClientConfig clientConfig) => false;

    /// <inheritdoc/>
    public override bool DisposeHttpClientsAfterUse(IClientConfig clientConfig) => false;

    private sealed class Pin(Uri home, HttpMessageHandler inner) : DelegatingHandler(inner)
    {
        /// <summary>A piece is not larger, and no other answer comes near it.</summary>
        private const int MostBytes = 128 * 1024 * 1024;

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            // The library follows what some answers say about regions and endpoints; a signature must not go there.
            if (request.RequestUri is not { } url || url.Scheme != home.Scheme || url.Authority != home.Authority) throw new StoreException("sends elsewhere, which is not followed");
            var response = await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
            if (response.StatusCode is >= HttpStatusCode.Ambiguous and < HttpStatusCode.BadRequest)
            {
                response.Dispose();
                throw new StoreException("sends elsewhere, which is not followed");
            }
            // All of it, before anything is made of it: what breaks off, or does not end, is no answer.
            if (request.Method != HttpMethod.Head) await response.Content.LoadIntoBufferAsync(MostBytes, cancellationToken).ConfigureAwait(false);
            return response;
        }
    }
}
