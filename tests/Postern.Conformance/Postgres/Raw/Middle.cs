using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;

namespace Postern.Conformance.Postgres.Raw;

/// <summary>
/// Between gateway and server, in possession of the server's own key: what it changes, a hostile server could have said. Everything until a session is
/// ready passes untouched, so the sign-in is real; after that each answer is held until it is whole, and sent as the test wants it.
/// </summary>
internal sealed class Middle : IAsyncDisposable
{
    private readonly CancellationTokenSource _over = new();
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentBag<Task> _sessions = [];
    private readonly Cluster _cluster;
    private readonly SslStreamCertificateContext _certificate;
    private readonly Task _accepting;

    /// <summary>Begins to listen.</summary>
    /// <param name="cluster">What it stands in front of.</param>
    /// <param name="certificate">What it shows instead of the server's own certificate.</param>
    public Middle(Cluster cluster, X509Certificate2? certificate = null)
    {
        _cluster = cluster;
        certificate ??= X509Certificate2.CreateFromPemFile(Path.Combine(cluster.Folder, "server.pem"), Path.Combine(cluster.Folder, "server.key"));
        _certificate = SslStreamCertificateContext.Create(X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pfx), null), null, offline: true);
        _listener.Start();
        _accepting = AcceptAsync();
    }

    /// <summary>Where the gateway connects.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Turns one whole answer, ReadyForQuery included, into what is sent, write by write. By default as it is.</summary>
    public Func<byte[], IEnumerable<byte[]>> Answer { get; set; } = whole => [whole];

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        _listener.Stop();
        await _accepting;
        await Task.WhenAll(_sessions);
        _over.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_over.IsCancellationRequested)
        {
            try
            {
                _sessions.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_over.Token)));
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var server = new TcpClient();
        try
        {
            using var near = client;
            near.NoDelay = true;
            await server.ConnectAsync(IPAddress.Loopback, _cluster.Port, _over.Token);
            server.NoDelay = true;
            await using var gateway = await TlsFromAsync(near.GetStream());
            await using var real = await TlsToAsync(server.GetStream());
            await Task.WhenAny(gateway.CopyToAsync(real, _over.Token), AnswersAsync(real, gateway));
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException or System.Security.Authentication.AuthenticationException or ObjectDisposedException)
        {
            // One side went away; so does the other.
        }
    }

    private async Task<Stream> TlsFromAsync(NetworkStream raw)
    {
        await raw.ReadExactlyAsync(new byte[8], _over.Token);
        await raw.WriteAsync("S"u8.ToArray(), _over.Token);
        var tls = new SslStream(raw);
        await tls.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificateContext = _certificate }, _over.Token);
        return tls;
    }

    private async Task<Stream> TlsToAsync(NetworkStream raw)
    {
        await raw.WriteAsync(RawSession.SslRequest, _over.Token);
        await raw.ReadExactlyAsync(new byte[1], _over.Token);
        var tls = new SslStream(raw, leaveInnerStreamOpen: false, (_, _, _, _) => true);
        await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "localhost" }, _over.Token);
        return tls;
    }

    private async Task AnswersAsync(Stream real, Stream gateway)
    {
        var (head, held, isReady) = (new byte[5], new MemoryStream(), false);
        while (true)
        {
            await real.ReadExactlyAsync(head, _over.Token);
            var body = new byte[BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(1)) - 4];
            await real.ReadExactlyAsync(body, _over.Token);
            await held.WriteAsync(head, _over.Token);
            await held.WriteAsync(body, _over.Token);
            if (isReady && head[0] != (byte)'Z') continue;
            foreach (var piece in isReady ? Answer(held.ToArray()) : [held.ToArray()])
            {
                await gateway.WriteAsync(piece, _over.Token);
                await gateway.FlushAsync(_over.Token);
            }
            isReady |= head[0] == (byte)'Z';
            held.SetLength(0);
        }
    }
}
