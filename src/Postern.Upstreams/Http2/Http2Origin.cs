using System.Buffers;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using Postern.Core.Pipeline;
using Postern.Upstreams.Http1;

// One of the two places where connections to targets are made.
#pragma warning disable RS0030

namespace Postern.Upstreams.Http2;

/// <summary>
/// The HTTP/2 connections to one target (RFC 9113). Frames and header compression are the platform's; what it would do of its own accord is
/// switched off: redirects, cookies, proxies, decompression, and sending again what a target says that it did not do. What it tolerates in
/// answers is refused by <see cref="Http2Response"/>.
/// </summary>
internal sealed class Http2Origin : IDisposable
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(60);
    private static readonly SearchValues<char> Token = SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    private readonly UpstreamTarget _target;
    private readonly SocketsHttpHandler _handler;
    private readonly HttpMessageInvoker _invoker;
    private readonly string _root;
    private readonly string _basePath;

    public Http2Origin(UpstreamTarget target)
    {
        _target = target;
        _root = target.Url.GetLeftPart(UriPartial.Authority);
        _basePath = target.Url.AbsolutePath.TrimEnd('/');
        _handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = false,
            AutomaticDecompression = DecompressionMethods.None,
            ActivityHeadersPropagator = null,
            PreAuthenticate = false,
            EnableMultipleHttp2Connections = true,
            PooledConnectionLifetime = Lifetime,
            PooledConnectionIdleTimeout = Idle,
            ConnectTimeout = target.Patience.Connect,
            MaxResponseHeadersLength = ResponseHead.MaxBytes / 1024,
            ResponseHeaderEncodingSelector = static (_, _) => HeaderText.Instance,
            RequestHeaderEncodingSelector = static (name, request) => ((OnceRequest)request).Sends(name),
            ConnectCallback = ConnectAsync,
            SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = HttpOrigin.TrustOf(target) },
        };
        _invoker = new HttpMessageInvoker(_handler, disposeHandler: true);
    }

    /// <summary>Sends a request and returns when the head of its response is there; the body may still be on its way up.</summary>
    /// <param name="connection">The connection's name.</param>
    /// <param name="request">What is sent.</param>
    /// <param name="body">The whole body; null when there is none, or it comes in pieces.</param>
    /// <param name="deadlines">The deadlines of all calls.</param>
    /// <param name="cancellationToken">Ends the sending, and the reading.</param>
    /// <exception cref="UpstreamException">It cannot be sent, or is not answered in HTTP/2.</exception>
    public async ValueTask<UpstreamResponse> SendAsync(string connection, UpstreamRequest request, ReadOnlyMemory<byte>? body, DeadlineWatch deadlines, CancellationToken cancellationToken)
    {
        var deadline = deadlines.Take(cancellationToken);
        Http2Upload? upload = null;
        OnceRequest? message = null;
        try
        {
            upload = request.Body is UpstreamBody.Streamed streamed ? new Http2Upload(streamed, deadlines, _target.Patience, deadline)
                : body is { } whole ? new Http2Upload(whole, deadlines, _target.Patience, deadline) : null;
            message = MessageOf(request, upload);
            if (!request.OnlyListens && request.Body is not UpstreamBody.Streamed) deadline.Set(deadlines.Clock.GetTimestamp(), _target.Patience.Head);
            var response = await _invoker.SendAsync(message, deadline.Token).ConfigureAwait(false);
            if (upload?.IsOver != false) deadline.Clear();
            return new Http2Response(response, message, upload, deadlines, deadline, _target.Patience, request);
        }
        catch (Exception fault)
        {
            var hasPassed = deadline.HasPassed || upload?.HasStalled == true;
            if (upload is not null) await upload.EndAsync().ConfigureAwait(false);
            message?.Dispose();
            deadlines.Return(deadline);
            cancellationToken.ThrowIfCancellationRequested();
            // The body could not be had from the caller, or not be recorded; the target is not to blame.
            if (upload?.Fault is { } caller) System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(caller);
            throw fault switch
            {
                _ when hasPassed => new UpstreamException(RefusalCode.UpstreamUnavailable, $"the target of `{connection}` sent no response head within {_target.Patience.Head.TotalSeconds} s", fault),
                UpstreamException => fault,
                { InnerException: UpstreamException address } => address,
                HttpRequestException { HttpRequestError: HttpRequestError.HttpProtocolError or HttpRequestError.InvalidResponse or HttpRequestError.ConfigurationLimitExceeded } =>
                    new UpstreamException(RefusalCode.UpstreamInvalid, $"the target of `{connection}` does not answer in HTTP/2", fault),
                _ => new UpstreamException(RefusalCode.UpstreamUnavailable, $"the target of `{connection}` {(message is { WasSent: true } ? "broke off" : "cannot be reached in HTTP/2")}: {NameOf(fault)}", fault) { NothingWasSent = message is not { WasSent: true } },
            };
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _invoker.Dispose();

    private OnceRequest MessageOf(UpstreamRequest request, Http2Upload? upload)
    {
        if (request.Method.Length is 0 or > 32 || request.Method.AsSpan().ContainsAnyExcept(Token)) throw CannotBeSent(request.Method);
        if (request.Target is { } target && (target.Length == 0 || target[0] != '/' || target.AsSpan().ContainsAnyExceptInRange('!', '~'))) throw CannotBeSent("request target");
        // The canonical target is what was judged; nothing may tidy it up once more.
        var url = request.Target is null ? _target.Url : new Uri(_root + _basePath + request.Target, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
        var message = new OnceRequest(new HttpMethod(request.Method), url) { Content = upload };
        for (var i = 0; i < request.Headers.Count; i++)
        {
            var (name, value) = request.Headers[i];
            // The lent credential is the only one of its name (attack H07).
            if (_target.Credential is { } lent && string.Equals(name, lent.Header, StringComparison.OrdinalIgnoreCase)) continue;
            Add(message, name, value);
        }
        if (_target.Credential is { } credential) Add(message, credential.Header, credential.Value());
        if (request.TakesTrailers) Add(message, "te", "trailers");
        // The platform asks for the encoding of each header: that is where a second sending is seen, so there must be one.
        if (message.Headers.NonValidated.Count == 0) Add(message, "accept-encoding", "identity");
        return message;
    }

    private static void Add(OnceRequest message, string name, string value)
    {
        if (name.Length == 0 || name.AsSpan().ContainsAnyExcept(Token) || value.AsSpan().ContainsAnyExceptInRange(' ', '~')) throw CannotBeSent(name);
        if (message.Headers.TryAddWithoutValidation(name, value)) return;
        // Headers of a body have a place of their own there; without a body they say nothing.
        if (message.Content is { } content && !content.Headers.TryAddWithoutValidation(name, value)) throw CannotBeSent(name);
    }

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(await TargetAddresses.OfAsync(_target.Url, cancellationToken).ConfigureAwait(false), _target.Url.Port, cancellationToken).ConfigureAwait(false);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    // Names only: messages of the system hold addresses.
    private static string NameOf(Exception fault) => fault switch
    {
        SentTwiceException => "it asked for the request once more",
        HttpRequestException { InnerException: SocketException socket } => socket.SocketErrorCode.ToString(),
        HttpRequestException { InnerException: AuthenticationException } => "its certificate is not trusted, or TLS failed",
        HttpRequestException { HttpRequestError: HttpRequestError.VersionNegotiationError } => "it does not offer it",
        HttpRequestException http => http.InnerException is SentTwiceException ? "it asked for the request once more" : http.HttpRequestError.ToString(),
        _ => fault.GetType().Name,
    };

    private static UpstreamException CannotBeSent(string name) => new(RefusalCode.InvalidRequest, $"header `{name}` cannot be sent") { NothingWasSent = true };
}

/// <summary>
/// A request that is written at most once. The platform writes one again when a target resets it with the word that it did nothing; whether
/// that is true nobody knows, and nothing is silently done twice (F07, G7).
/// </summary>
internal sealed class OnceRequest : HttpRequestMessage
{
    private bool _isWriting;
    private string? _first;

    public OnceRequest(HttpMethod method, Uri url)
        : base(method, url)
    {
        Version = HttpVersion.Version20;
        VersionPolicy = HttpVersionPolicy.RequestVersionExact;
    }

    /// <summary>False as long as it is certain that no byte of it left.</summary>
    public bool WasSent => Volatile.Read(ref _isWriting);

    /// <summary>Called for each header as it is written; null for ASCII.</summary>
    /// <exception cref="SentTwiceException">The headers are written a second time.</exception>
    public Encoding? Sends(string name)
    {
        if (_first is null)
        {
            _first = name;
            Volatile.Write(ref _isWriting, true);
        }
        else if (name == _first)
        {
            throw new SentTwiceException();
        }
        return null;
    }
}

/// <summary>The platform was about to send a request once more.</summary>
internal sealed class SentTwiceException() : Exception("the request was sent before");
