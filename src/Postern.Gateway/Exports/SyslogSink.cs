using System.Buffers;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Postern.Gateway.Configuration;

// The control plane's own client: it speaks to receivers that the operator configured, never to a target.
#pragma warning disable RS0030

namespace Postern.Gateway.Exports;

/// <summary>
/// Syslog over TCP or TLS. The protocol has no answers, and what was written to a connection may be lost with it. So each batch has a
/// connection of its own: the sink says that nothing more comes, and the batch has arrived when the receiver, having read that far,
/// closes its side. A reset, or silence, means that all of it is sent again.
/// </summary>
internal sealed class SyslogSink(ExportTarget.Syslog target) : IExportSink
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly ArrayBufferWriter<byte> _frames = new();
    private readonly string _host = SyslogText.HostOf(Environment.MachineName);

    public async ValueTask<Delivery> SendAsync(IReadOnlyList<ExportEvent> batch, CancellationToken cancellationToken)
    {
        _frames.ResetWrittenCount();
        SyslogText.Write(_frames, batch, _host, target.Format);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(Patience);
        try
        {
            using var client = new TcpClient { NoDelay = true };
            await client.ConnectAsync(target.Host, target.Port, patience.Token).ConfigureAwait(false);
            await using var plain = client.GetStream();
            if (!target.UsesTls)
            {
                await plain.WriteAsync(_frames.WrittenMemory, patience.Token).ConfigureAwait(false);
                client.Client.Shutdown(SocketShutdown.Send);
                return await ReadEndAsync(plain, patience.Token).ConfigureAwait(false);
            }
            await using var tls = new SslStream(plain);
            await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = target.Host, CertificateChainPolicy = HttpDelivery.TrustIn(target.Authorities) }, patience.Token).ConfigureAwait(false);
            await tls.WriteAsync(_frames.WrittenMemory, patience.Token).ConfigureAwait(false);
            await tls.ShutdownAsync().WaitAsync(patience.Token).ConfigureAwait(false);
            client.Client.Shutdown(SocketShutdown.Send);
            return await ReadEndAsync(plain, patience.Token).ConfigureAwait(false);
        }
        catch (SocketException failure)
        {
            return Delivery.Failed($"the receiver cannot be reached ({failure.SocketErrorCode})");
        }
        catch (AuthenticationException)
        {
            return Delivery.Failed("the receiver's certificate is not trusted for its name");
        }
        catch (IOException)
        {
            return Delivery.Failed("the receiver broke the connection");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return Delivery.Failed("the receiver did not read to the end and close in time");
        }
    }

    public void Dispose()
    {
        // Nothing is kept between batches.
    }

    /// <summary>Whatever the receiver says (of TLS, its own end) is read and means nothing; its end means that it has read ours.</summary>
    private static async ValueTask<Delivery> ReadEndAsync(NetworkStream stream, CancellationToken cancellationToken)
    {
        var scrap = new byte[256];
        while (await stream.ReadAsync(scrap, cancellationToken).ConfigureAwait(false) > 0)
        {
        }
        return Delivery.Arrived;
    }
}
