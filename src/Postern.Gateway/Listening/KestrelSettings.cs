using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Postern.Gateway.Configuration;

namespace Postern.Gateway.Listening;

/// <summary>
/// How Kestrel serves: HTTP/1.1, and HTTP/2 where TLS negotiated it, bounded in every direction, on a socket that is already bound. In the
/// clear HTTP/2 is not spoken: nothing there would tell the two versions apart but the first bytes, which a proxy in front may read differently.
/// </summary>
internal static class KestrelSettings
{
    private const int Kibibyte = 1024;

    // Requests of one connection at a time, and what each and all of them may have sent ahead.
    private const int MaxStreams = 100;
    private const int WindowBytes = 512 * Kibibyte;

    private static readonly TimeSpan HeadersTimeout = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan KeepAliveTimeout = TimeSpan.FromMinutes(2);

    public static void Apply(WebApplicationBuilder builder, BoundListener listener, LimitOptions limits, ServedCertificate? certificate, ClusterListener? clusters, TimeProvider clock)
    {
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().UseSockets(sockets => Sockets(sockets, listener, clusters?.Listener));
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.AllowSynchronousIO = false;
            kestrel.AllowResponseHeaderCompression = false;
            kestrel.Limits.MaxRequestLineSize = 8 * Kibibyte;
            kestrel.Limits.MaxRequestHeadersTotalSize = 32 * Kibibyte;
            kestrel.Limits.MaxRequestHeaderCount = 64;
            kestrel.Limits.RequestHeadersTimeout = HeadersTimeout;
            kestrel.Limits.KeepAliveTimeout = KeepAliveTimeout;
            kestrel.Limits.MaxRequestBodySize = limits.Body;
            kestrel.Limits.MaxConcurrentConnections = limits.Connections;
            kestrel.Limits.MaxConcurrentUpgradedConnections = limits.Connections;
            // Slow bodies are cut by the default minimum data rate. Slow readers are not: a stream that waits for events is idle by nature,
            // and a client that does not read is bounded by the window of the reply gate.
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.Limits.Http2.MaxStreamsPerConnection = MaxStreams;
            kestrel.Limits.Http2.MaxRequestHeaderFieldSize = 16 * Kibibyte;
            kestrel.Limits.Http2.InitialStreamWindowSize = WindowBytes;
            kestrel.Limits.Http2.InitialConnectionWindowSize = 2 * WindowBytes;
            kestrel.Listen(listener.EndPoint, listen => Serve(listen, certificate, clock));
            if (clusters is not null) kestrel.Listen(clusters.Listener.EndPoint, listen => Serve(listen, clusters.Certificate, clock));
        });
    }

    private static void Serve(ListenOptions listen, ServedCertificate? certificate, TimeProvider clock)
    {
        listen.Protocols = certificate is null ? HttpProtocols.Http1 : HttpProtocols.Http1AndHttp2;
        if (certificate is not null) listen.UseHttps(Tls(certificate));
        FramedReader.Use(listen, clock);
    }

    private static void Sockets(SocketTransportOptions sockets, BoundListener listener, BoundListener? other)
    {
        sockets.CreateBoundListenSocket = endpoint =>
            endpoint.Equals(listener.EndPoint) ? listener.Take()
            : other is not null && endpoint.Equals(other.EndPoint) ? other.Take()
            : SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
        sockets.UnsafePreferInlineScheduling = InlineCompletions.AreOn;
        sockets.WaitForDataBeforeAllocatingBuffer = true;
        sockets.NoDelay = true;
    }

    private static TlsHandshakeCallbackOptions Tls(ServedCertificate certificate) => new()
    {
        HandshakeTimeout = TimeSpan.FromSeconds(10),
        OnConnection = _ => ValueTask.FromResult(new SslServerAuthenticationOptions
        {
            ServerCertificateContext = certificate.Current,
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            ApplicationProtocols = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11],
        }),
    };
}
