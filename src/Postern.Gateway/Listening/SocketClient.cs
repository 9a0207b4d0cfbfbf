using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Postern.Protocols;

// Part of a listener: the accepted socket, and TLS on it.
#pragma warning disable RS0030

namespace Postern.Gateway.Listening;

/// <summary>One accepted socket.</summary>
internal sealed class SocketClient(Socket socket, ServedCertificate? certificate, bool needsTls, Action signedIn) : RawClient, IDisposable
{
    private readonly byte[] _peeked = new byte[1];
    private Stream _stream = new NetworkStream(socket, ownsSocket: false);
    private int _isSignedIn;

    public override Stream Stream => _stream;

    public override bool HasTls => _stream is SslStream;

    public override bool NeedsTls => needsTls;

    public override bool CanTls => certificate is not null;

    public override bool HasUnread => socket.Available > 0;

    public override string From => socket.RemoteEndPoint?.ToString() ?? "";

    public override void SignedIn()
    {
        if (Interlocked.Exchange(ref _isSignedIn, 1) == 0) signedIn();
    }

    public override async ValueTask<byte?> PeekAsync() =>
        await socket.ReceiveAsync(_peeked.AsMemory(), SocketFlags.Peek).ConfigureAwait(false) == 0 ? null : _peeked[0];

    public override async ValueTask StartTlsAsync(string? protocol)
    {
        var tls = new SslStream(_stream);
        _stream = tls;
        var options = new SslServerAuthenticationOptions
        {
            ServerCertificateContext = certificate!.Current,
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            ApplicationProtocols = protocol is null ? null : [new SslApplicationProtocol(protocol)],
        };
        await tls.AuthenticateAsServerAsync(options).ConfigureAwait(false);
        // A client of another protocol that was led here must not be taken for one of ours.
        if (protocol is not null && tls.NegotiatedApplicationProtocol != new SslApplicationProtocol(protocol)) throw new AuthenticationException("the client did not ask for this protocol");
    }

    public override void StopReading()
    {
        try
        {
            socket.Shutdown(SocketShutdown.Receive);
        }
        catch (Exception closed) when (closed is SocketException or ObjectDisposedException)
        {
            // It is closed already.
        }
    }

    public override void Abort() => socket.Dispose();

    /// <summary>Says goodbye, in TLS too, and closes; a client that does not read is not waited for longer than <paramref name="patience"/>.</summary>
    public async ValueTask CloseAsync(TimeSpan patience, TimeProvider clock)
    {
        try
        {
            if (_stream is SslStream { IsAuthenticated: true } tls) await tls.ShutdownAsync().WaitAsync(patience, clock).ConfigureAwait(false);
            socket.Shutdown(SocketShutdown.Send);
        }
        catch (Exception closed) when (closed is SocketException or ObjectDisposedException or IOException or InvalidOperationException or TimeoutException)
        {
            // It is closed already, or nobody reads.
        }
        Dispose();
    }

    public void Dispose()
    {
        _stream.Dispose();
        socket.Dispose();
    }
}
