using System.Net;
using System.Net.Http.Headers;
using Postern.Core.Pipeline;

// This is the one place that opens HTTP connections to targets; it takes a clearance.
#pragma warning disable RS0030

namespace Postern.Upstreams;

/// <summary>
/// Speaks HTTP/1.1 to targets at the URLs that the administrator configured, and to nothing else: no redirects, no cookies,
/// no proxy from the environment, no decompression. Connections are pooled by target; they carry no caller's state.
/// </summary>
public sealed class HttpUpstreamDialer : IUpstreamDialer, IDisposable
{
    private const int MaxHeadKilobytes = 64;
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan IdleConnection = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan ConnectionLifetime = TimeSpan.FromMinutes(10);

    private readonly Func<string, UpstreamTarget?> _targets;
    private readonly HttpMessageInvoker _http;

    /// <summary>Takes the lookup of targets by connection name; null means there is none.</summary>
    public HttpUpstreamDialer(Func<string, UpstreamTarget?> targets)
    {
        _targets = targets;
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = false,
            AutomaticDecompression = DecompressionMethods.None,
            ActivityHeadersPropagator = null,
            ConnectTimeout = ConnectTimeout,
            PooledConnectionIdleTimeout = IdleConnection,
            PooledConnectionLifetime = ConnectionLifetime,
            MaxResponseHeadersLength = MaxHeadKilobytes,
            EnableMultipleHttp2Connections = false,
        };
        _http = new HttpMessageInvoker(handler, disposeHandler: true);
    }

    /// <inheritdoc/>
    public async ValueTask<UpstreamResponse> SendAsync(Clearance clearance, UpstreamRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(clearance);
        ArgumentNullException.ThrowIfNull(request);
        // INVARIANT: one clearance, one use. A second use would be an operation that nobody decided.
        if (!clearance.TryUse()) throw new InvalidOperationException("the clearance was used before");
        var connection = clearance.Operation.Connection.Name;
        var target = _targets(connection) ?? throw new UpstreamException(RefusalCode.UpstreamUnavailable, $"connection `{connection}` has no target");

        var message = new HttpRequestMessage(MethodOf(request.Method), target.Url) { Version = HttpVersion.Version11, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        AddContent(message, request, request.Input ?? clearance.Operation.Request);
        if (target.Credential is { } credential) message.Headers.TryAddWithoutValidation(credential.Header, credential.Value());
        try
        {
            return new Response(await _http.SendAsync(message, cancellationToken).ConfigureAwait(false), cancellationToken);
        }
        catch (HttpRequestException fault)
        {
            throw new UpstreamException(
                fault.HttpRequestError is HttpRequestError.InvalidResponse or HttpRequestError.ResponseEnded or HttpRequestError.ConfigurationLimitExceeded
                    ? RefusalCode.UpstreamInvalid
                    : RefusalCode.UpstreamUnavailable,
                $"the target of `{connection}` did not answer: {fault.HttpRequestError}",
                fault);
        }
        catch (OperationCanceledException fault) when (!cancellationToken.IsCancellationRequested)
        {
            throw new UpstreamException(RefusalCode.UpstreamUnavailable, $"the target of `{connection}` did not accept a connection within {ConnectTimeout.TotalSeconds} s", fault);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private static HttpMethod MethodOf(string method) => method switch
    {
        "POST" => HttpMethod.Post,
        "GET" => HttpMethod.Get,
        "DELETE" => HttpMethod.Delete,
        _ => new HttpMethod(method),
    };

    private static void AddContent(HttpRequestMessage message, UpstreamRequest request, ReadOnlyMemory<byte> body)
    {
        if (request.Method is not ("GET" or "DELETE" or "HEAD")) message.Content = new ReadOnlyMemoryContent(body);
        // By index: the enumerator of an interface would be allocated for each request.
        for (var i = 0; i < request.Headers.Count; i++)
        {
            var (name, value) = request.Headers[i];
            var added = name.StartsWith("Content-", StringComparison.OrdinalIgnoreCase)
                ? message.Content?.Headers.TryAddWithoutValidation(name, value) ?? true
                : message.Headers.TryAddWithoutValidation(name, value);
            if (!added) throw new UpstreamException(RefusalCode.InvalidRequest, $"header `{name}` cannot be sent");
        }
    }

    private sealed class Response(HttpResponseMessage message, CancellationToken cancellationToken) : UpstreamResponse
    {
        private Stream? _body;

        public override int Status => (int)message.StatusCode;

        public override string? Header(string name) => Single(message.Headers.NonValidated, name) ?? Single(message.Content.Headers.NonValidated, name);

        public override Stream Body => _body ??= message.Content.ReadAsStream(cancellationToken);

        public override ValueTask DisposeAsync()
        {
            message.Dispose();
            return ValueTask.CompletedTask;
        }

        private static string? Single(HttpHeadersNonValidated headers, string name)
        {
            if (!headers.TryGetValues(name, out var values)) return null;
            if (values.Count != 1) throw new UpstreamException(RefusalCode.UpstreamInvalid, $"the target sent the header `{name}` {values.Count} times");
            return values.ToString();
        }
    }
}
