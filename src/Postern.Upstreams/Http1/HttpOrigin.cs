using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;

// The one place where connections to targets are made.
#pragma warning disable RS0030

namespace Postern.Upstreams.Http1;

/// <summary>The connections to one target: those that wait for their next request, and how a new one is made.</summary>
internal sealed class HttpOrigin(UpstreamTarget target, TimeProvider clock) : IDisposable
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(10);

    // Common servers close after five seconds of idleness; to be the first to go is what keeps a request from meeting a closing door.
    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan LongestIdle = TimeSpan.FromSeconds(60);

    private readonly Stack<HttpWire> _idle = new();
    private bool _isDisposed;

    /// <summary>Method aside, how every request begins.</summary>
    public byte[] Line { get; } = RequestHead.Line(target.Url);

    /// <summary>The path that stands before every request target of its own; without a slash at its end.</summary>
    public string BasePath { get; } = target.Url.AbsolutePath.TrimEnd('/');

    /// <summary>What stands behind the request target.</summary>
    public byte[] Tail { get; } = RequestHead.Tail(target.Url);

    /// <summary>A connection that waits and is still good; null when a new one is needed.</summary>
    public HttpWire? TryTake()
    {
        var now = clock.GetTimestamp();
        while (true)
        {
            HttpWire? wire;
            lock (_idle)
            {
                if (!_idle.TryPop(out wire)) return null;
            }
            if (now < wire.IdleUntil && !wire.IsStale()) return wire;
            wire.Dispose();
        }
    }

    /// <summary>Makes a connection, TLS included.</summary>
    public async ValueTask<HttpWire> ConnectAsync(CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        SslStream? tls = null;
        try
        {
            await socket.ConnectAsync(await TargetAddresses.OfAsync(target.Url, cancellationToken).ConfigureAwait(false), target.Url.Port, cancellationToken).ConfigureAwait(false);
            if (target.Url.Scheme == Uri.UriSchemeHttps)
            {
                tls = new SslStream(new NetworkStream(socket, ownsSocket: false));
                await tls.AuthenticateAsClientAsync(
                    new SslClientAuthenticationOptions { TargetHost = target.Url.IdnHost, ApplicationProtocols = [SslApplicationProtocol.Http11], CertificateChainPolicy = TrustOf(target) }, cancellationToken).ConfigureAwait(false);
            }
            return new HttpWire(socket, tls, clock.GetTimestamp());
        }
        catch
        {
            if (tls is not null) await tls.DisposeAsync().ConfigureAwait(false);
            socket.Dispose();
            throw;
        }
    }

    // Null leaves the system's own authorities and checks in force.
    internal static X509ChainPolicy? TrustOf(UpstreamTarget target)
    {
        if (target.Authorities is null) return null;
        // An authority of the operator's own publishes no revocation lists as a rule; its certificate is the whole trust.
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck, DisableCertificateDownloads = true };
        policy.CustomTrustStore.AddRange(target.Authorities);
        return policy;
    }

    /// <summary>Takes a connection back; closes it when it cannot serve again.</summary>
    public void Return(HttpWire wire)
    {
        var now = clock.GetTimestamp();
        if (wire.CanServeAgain && clock.GetElapsedTime(wire.Opened, now) < Lifetime)
        {
            var idle = wire.Head.IdleSeconds is { } seconds ? TimeSpan.FromSeconds(Math.Min(seconds - 1, LongestIdle.TotalSeconds)) : Idle;
            if (idle > TimeSpan.Zero)
            {
                wire.IdleUntil = now + (long)(idle.TotalSeconds * clock.TimestampFrequency);
                lock (_idle)
                {
                    if (!_isDisposed)
                    {
                        _idle.Push(wire);
                        return;
                    }
                }
            }
        }
        wire.Dispose();
    }

    /// <summary>Closes what has waited for too long.</summary>
    public void Sweep()
    {
        var now = clock.GetTimestamp();
        List<HttpWire>? over = null;
        lock (_idle)
        {
            foreach (var wire in _idle)
            {
                if (now >= wire.IdleUntil) (over ??= []).Add(wire);
            }
            if (over is null) return;
            var left = _idle.Where(wire => now < wire.IdleUntil).Reverse().ToArray();
            _idle.Clear();
            foreach (var wire in left) _idle.Push(wire);
        }
        foreach (var wire in over) wire.Dispose();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_idle)
        {
            _isDisposed = true;
            while (_idle.TryPop(out var wire)) wire.Dispose();
        }
    }
}
