using System.Buffers;
using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Postern.Gateway.Configuration;

// The control plane's own client: it speaks to receivers that the operator configured, never to a target.
#pragma warning disable RS0030

namespace Postern.Gateway.Exports;

/// <summary>Posts batches to one URL: gzip, no redirects, no cookies, no proxy, and the status read for what it means to a sender that may not lose anything.</summary>
internal sealed class HttpDelivery(Uri url, CredentialOptions? credential, string? authorities, TimeProvider clock) : IDisposable
{
    private const int MaxAnswer = 64 * 1024;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly HttpClient _http = new(HandlerFor(authorities)) { Timeout = Patience, MaxResponseContentBufferSize = MaxAnswer };

    /// <summary>Sends a body; <paramref name="read"/> sees the answer of a receiver that took it.</summary>
    public async ValueTask<Delivery> SendAsync(ReadOnlyMemory<byte> body, string mediaType, Func<byte[], Delivery> read, CancellationToken cancellationToken)
    {
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = new ReadOnlyMemoryContent(Compressed(body)) };
            request.Content.Headers.ContentType = new MediaTypeHeaderValue(mediaType);
            request.Content.Headers.ContentEncoding.Add("gzip");
            if (credential is not null) request.Headers.TryAddWithoutValidation(credential.Header, credential.Value);
            using var response = await _http.SendAsync(request, cancellationToken).ConfigureAwait(false);
            if (response.IsSuccessStatusCode) return read(await response.Content.ReadAsByteArrayAsync(cancellationToken).ConfigureAwait(false));
            var problem = string.Create(CultureInfo.InvariantCulture, $"the receiver answered {(int)response.StatusCode}");
            if (response.StatusCode == HttpStatusCode.RequestEntityTooLarge) return new Delivery { Problem = problem, IsTooLarge = true };
            return Delivery.Failed(problem, Asked(response.Headers.RetryAfter));
        }
        catch (HttpRequestException failure)
        {
            return Delivery.Failed($"the receiver cannot be reached ({failure.HttpRequestError})");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return Delivery.Failed("the receiver did not answer in time");
        }
        catch (IOException)
        {
            return Delivery.Failed("the connection broke");
        }
    }

    public void Dispose() => _http.Dispose();

    /// <summary>Trust in the certificate authorities of a file alone, or in the system's when there is none.</summary>
    public static X509ChainPolicy? TrustIn(string? authorities)
    {
        if (authorities is null) return null;
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.AddRange(AuthoritiesFile.Read(authorities));
        return policy;
    }

    /// <summary>How receivers are spoken to: nothing is followed, kept or taken from the environment.</summary>
    public static SocketsHttpHandler HandlerFor(string? authorities) => new()
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        UseProxy = false,
        // No activity of the client's own: what the gateway traces is what its callers ask.
        ActivityHeadersPropagator = null,
        ConnectTimeout = TimeSpan.FromSeconds(10),
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = TrustIn(authorities) },
    };

    private static ReadOnlyMemory<byte> Compressed(ReadOnlyMemory<byte> body)
    {
        using var output = new MemoryStream(body.Length / 4);
        using (var gzip = new GZipStream(output, CompressionLevel.Fastest, leaveOpen: true)) gzip.Write(body.Span);
        return output.GetBuffer().AsMemory(0, (int)output.Length);
    }

    private TimeSpan? Asked(RetryConditionHeaderValue? retryAfter) => retryAfter switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } when date > clock.GetUtcNow() => date - clock.GetUtcNow(),
        _ => null,
    };
}
