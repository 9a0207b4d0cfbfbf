using System.Collections.Concurrent;
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
    private static readonly TimeSpan IdleConnection = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan ConnectionLifetime = TimeSpan.FromMinutes(10);

    private readonly Func<string, UpstreamTarget?> _targets;
    // The time to connect is the handler's, so there is one for each that is configured; usually that is one.
    private readonly ConcurrentDictionary<TimeSpan, HttpMessageInvoker> _http = new();
    private readonly DeadlineWatch _deadlines;

    /// <summary>Takes the lookup of targets by connection name (null means there is none), and the clock of all deadlines but the one to connect.</summary>
    public HttpUpstreamDialer(Func<string, UpstreamTarget?> targets, TimeProvider clock)
    {
        _targets = targets;
        _deadlines = new DeadlineWatch(clock);
    }

    /// <inheritdoc/>
    public async ValueTask<UpstreamResponse> SendAsync(Clearance clearance, UpstreamRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(clearance);
        ArgumentNullException.ThrowIfNull(request);
        // INVARIANT: one clearance, one use. A second use would be an operation that nobody decided.
        if (!clearance.TryUse()) throw new InvalidOperationException("the clearance was used before");
        var connection = clearance.Operation.Connection.Name;
        var target = _targets(connection) ?? throw NotSent($"connection `{connection}` has no target");

        var message = new HttpRequestMessage(MethodOf(request.Method), target.Url) { Version = HttpVersion.Version11, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        AddContent(message, request, request.Input ?? clearance.Operation.Request);
        if (target.Credential is { } credential) message.Headers.TryAddWithoutValidation(credential.Header, credential.Value());
        var http = _http.GetOrAdd(target.Patience.Connect, static patience => Open(patience));
        var deadline = _deadlines.Take(cancellationToken);
        try
        {
            if (!request.OnlyListens) deadline.Set(_deadlines.Clock.GetTimestamp(), target.Patience.Head);
            var response = await http.SendAsync(message, deadline.Token).ConfigureAwait(false);
            deadline.Clear();
            return new Response(response, _deadlines, deadline, target.Patience, request.OnlyListens);
        }
        catch (Exception fault)
        {
            var hasPassed = deadline.HasPassed;
            _deadlines.Return(deadline);
            cancellationToken.ThrowIfCancellationRequested();
            throw fault switch
            {
                // The handler is asked to stop in whatever way it likes; why it was asked is known here.
                _ when hasPassed => new UpstreamException(RefusalCode.UpstreamUnavailable, $"the target of `{connection}` sent no response head within {target.Patience.Head.TotalSeconds} s", fault),
                HttpRequestException broken => Translate(connection, broken),
                OperationCanceledException => NotSent($"the target of `{connection}` did not accept a connection within {target.Patience.Connect.TotalSeconds} s", fault),
                _ => new UpstreamException(RefusalCode.UpstreamUnavailable, $"the request to the target of `{connection}` broke off: {fault.GetType().Name}", fault),
            };
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _deadlines.Dispose();
        foreach (var http in _http.Values) http.Dispose();
    }

    private static HttpMessageInvoker Open(TimeSpan connectTimeout) => new(
        new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = false,
            AutomaticDecompression = DecompressionMethods.None,
            ActivityHeadersPropagator = null,
            ConnectTimeout = connectTimeout,
            PooledConnectionIdleTimeout = IdleConnection,
            PooledConnectionLifetime = ConnectionLifetime,
            MaxResponseHeadersLength = MaxHeadKilobytes,
            EnableMultipleHttp2Connections = false,
        },
        disposeHandler: true);

    private static UpstreamException Translate(string connection, HttpRequestException fault) => fault.HttpRequestError switch
    {
        HttpRequestError.NameResolutionError or HttpRequestError.ConnectionError or HttpRequestError.SecureConnectionError =>
            NotSent($"the target of `{connection}` cannot be reached: {fault.HttpRequestError}", fault),
        HttpRequestError.InvalidResponse or HttpRequestError.ResponseEnded or HttpRequestError.ConfigurationLimitExceeded =>
            new UpstreamException(RefusalCode.UpstreamInvalid, $"the target of `{connection}` did not answer: {fault.HttpRequestError}", fault),
        _ => new UpstreamException(RefusalCode.UpstreamUnavailable, $"the target of `{connection}` did not answer: {fault.HttpRequestError}", fault),
    };

    private static UpstreamException NotSent(string message, Exception? fault = null) => new(RefusalCode.UpstreamUnavailable, message, fault) { NothingWasSent = true };

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
            if (!added) throw new UpstreamException(RefusalCode.InvalidRequest, $"header `{name}` cannot be sent") { NothingWasSent = true };
        }
    }

    private sealed class Response(HttpResponseMessage message, DeadlineWatch deadlines, Deadline deadline, UpstreamPatience patience, bool onlyListens) : UpstreamResponse
    {
        private Stream? _body;
        private long _messageBegan;
        private bool _isDisposed;

        public override int Status => (int)message.StatusCode;

        public override string? Header(string name) => Single(message.Headers.NonValidated, name) ?? Single(message.Content.Headers.NonValidated, name);

        public override async ValueTask<int> ReadAsync(Memory<byte> into, bool isMidMessage)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            Expect(isMidMessage);
            try
            {
                _body ??= message.Content.ReadAsStream(deadline.Token);
                return await _body.ReadAsync(into, deadline.Token).ConfigureAwait(false);
            }
            catch (Exception fault) when (deadline.HasPassed)
            {
                throw new UpstreamException(RefusalCode.UpstreamUnavailable, isMidMessage ? "the target began a message and did not end it in time" : "the target's stream was silent for too long", fault);
            }
            catch (IOException fault)
            {
                throw new UpstreamException(RefusalCode.UpstreamInvalid, "the target's body broke off", fault);
            }
            finally
            {
                // What follows is the gateway's own time and the caller's, not the target's.
                deadline.Clear();
            }
        }

        public override ValueTask DisposeAsync()
        {
            if (_isDisposed) return ValueTask.CompletedTask;
            _isDisposed = true;
            message.Dispose();
            deadlines.Return(deadline);
            return ValueTask.CompletedTask;
        }

        private void Expect(bool isMidMessage)
        {
            var now = deadlines.Clock.GetTimestamp();
            if (!isMidMessage)
            {
                _messageBegan = 0;
                deadline.Set(now, onlyListens ? Timeout.InfiniteTimeSpan : patience.Silence);
                return;
            }
            if (_messageBegan == 0) _messageBegan = now;
            var left = patience.Message - deadlines.Clock.GetElapsedTime(_messageBegan, now);
            deadline.Set(now, left < patience.Idle ? left : patience.Idle);
        }

        private static string? Single(HttpHeadersNonValidated headers, string name)
        {
            if (!headers.TryGetValues(name, out var values)) return null;
            if (values.Count != 1) throw new UpstreamException(RefusalCode.UpstreamInvalid, $"the target sent the header `{name}` {values.Count} times");
            return values.ToString();
        }
    }
}
