using System.Collections.Immutable;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Postern.Core.Pipeline;

// Upstreams: this is where sessions at PostgreSQL servers are opened.
#pragma warning disable RS0030

namespace Postern.Upstreams.Postgres;

/// <summary>
/// Opens one session for one clearance at the server that the administrator configured, and at no other. Sessions are never shared and
/// never used again: what a caller left in one is gone with it.
/// </summary>
public sealed class PostgresDialer : IPostgresDialer, IDisposable
{
    private readonly Func<string, PostgresTarget?> _targets;
    private readonly DeadlineWatch _deadlines;

    /// <summary>Takes the lookup of targets by connection name (null means there is none), and the clock of all deadlines.</summary>
    public PostgresDialer(Func<string, PostgresTarget?> targets, TimeProvider clock)
    {
        _targets = targets;
        _deadlines = new DeadlineWatch(clock);
    }

    /// <inheritdoc/>
    public async ValueTask<PostgresLink> OpenAsync(Clearance clearance, ImmutableArray<KeyValuePair<string, string>> settings, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(clearance);
        // INVARIANT: one clearance, one use. A second use would be a session that nobody decided.
        if (!clearance.TryUse()) throw new InvalidOperationException("the clearance was used before");
        var name = clearance.Operation.Connection.Name;
        var target = _targets(name) ?? throw NotSent($"connection `{name}` has no target");
        using var patience = new CancellationTokenSource(target.Patience.Connect, _deadlines.Clock);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken);
        PostgresLink? link = null;
        try
        {
            var (socket, stream) = await ConnectAsync(target, both.Token).ConfigureAwait(false);
            link = new PostgresLink(clearance, target, socket, stream, _deadlines, CancelAsync);
            using (both.Token.UnsafeRegister(static state => ((PostgresLink)state!).Abort(), link))
            {
                await link.OpenAsync(settings, EndPointOf(stream)).ConfigureAwait(false);
            }
            both.Token.ThrowIfCancellationRequested();
            return link;
        }
        catch (Exception fault)
        {
            if (link is not null) await link.DisposeAsync().ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
            throw fault switch
            {
                UpstreamException => fault,
                _ when patience.IsCancellationRequested => NotSent($"the server of `{name}` did not let the gateway in within {target.Patience.Connect.TotalSeconds} s", fault),
                _ => NotSent($"the server of `{name}` cannot be reached: {NameOf(fault)}", fault),
            };
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _deadlines.Dispose();

    /// <summary>A cancel request travels on a connection of its own, and the server closes it without an answer.</summary>
    private async ValueTask CancelAsync(PostgresTarget target, byte[] request)
    {
        using var patience = new CancellationTokenSource(target.Patience.Connect, _deadlines.Clock);
        try
        {
            var (socket, stream) = await ConnectAsync(target, patience.Token).ConfigureAwait(false);
            using (socket)
            await using (stream.ConfigureAwait(false))
            {
                await stream.WriteAsync(request, patience.Token).ConfigureAwait(false);
                await stream.ReadAsync(new byte[1], patience.Token).ConfigureAwait(false);
            }
        }
        catch (Exception fault) when (fault is SocketException or IOException or AuthenticationException or OperationCanceledException or UpstreamException)
        {
            // A request that does not arrive changes nothing: the session is closed anyway, and the server notices when it answers.
        }
    }

    private static async ValueTask<(Socket Socket, Stream Stream)> ConnectAsync(PostgresTarget target, CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        Stream? stream = null;
        try
        {
            await socket.ConnectAsync(new DnsEndPoint(target.Host, target.Port), cancellationToken).ConfigureAwait(false);
            stream = new NetworkStream(socket, ownsSocket: false);
            if (!target.UsesTls) return (socket, stream);
            await stream.WriteAsync(ClientFrames.SslRequest, cancellationToken).ConfigureAwait(false);
            var answer = new byte[1];
            // One byte and not one more: whatever else came before TLS was put there by somebody on the way (CVE-2021-23222).
            await stream.ReadExactlyAsync(answer, cancellationToken).ConfigureAwait(false);
            if (answer[0] != (byte)'S') throw NotSent("the server has no TLS; it is wanted unless the connection says `tls.mode: off`");
            if (socket.Available > 0) throw ServerFrames.Invalid("bytes arrived in the clear after the server agreed to TLS");
            var tls = new SslStream(stream);
            stream = tls;
            await tls.AuthenticateAsClientAsync(Tls(target), cancellationToken).ConfigureAwait(false);
            return (socket, tls);
        }
        catch
        {
            if (stream is not null) await stream.DisposeAsync().ConfigureAwait(false);
            socket.Dispose();
            throw;
        }
    }

    private static SslClientAuthenticationOptions Tls(PostgresTarget target)
    {
        var options = new SslClientAuthenticationOptions { TargetHost = target.Host, EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13 };
        if (target.Roots.Count == 0) return options;
        options.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        options.CertificateChainPolicy.CustomTrustStore.AddRange(target.Roots);
        return options;
    }

    private static byte[]? EndPointOf(Stream stream)
    {
        if (stream is not SslStream { RemoteCertificate: { } presented }) return null;
        using var certificate = X509CertificateLoader.LoadCertificate(presented.GetRawCertData());
        return ChannelBinding.EndPointOf(certificate);
    }

    // Names only: messages of the system hold addresses.
    private static string NameOf(Exception fault) => fault switch
    {
        SocketException socket => socket.SocketErrorCode.ToString(),
        AuthenticationException => "its certificate is not trusted or has another name, or TLS failed",
        { InnerException: SocketException inner } => inner.SocketErrorCode.ToString(),
        _ => fault.GetType().Name,
    };

    private static UpstreamException NotSent(string message, Exception? fault = null) => new(RefusalCode.UpstreamUnavailable, message, fault) { NothingWasSent = true };
}
