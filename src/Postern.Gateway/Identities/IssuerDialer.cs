// the control plane asks issuers for keys and tokens itself; no operation travels here
#pragma warning disable RS0030

using System.Net;
using System.Net.Sockets;

namespace Postern.Gateway.Identities;

/// <summary>
/// Connects to one issuer. A document of the issuer names further addresses, and names resolve to whatever their owner says: so what is
/// judged is the address that is connected to, each time, after the name was resolved (attack P33). Never where no issuer is; and inside
/// the organisation only to the configured issuer's own host, or when that itself is inside.
/// </summary>
/// <param name="authority">The issuer as configured; null for hosts that nobody configured.</param>
/// <param name="resolve">Names to addresses; by default the machine's.</param>
/// <param name="connect">Connects to exactly this address; by default over TCP.</param>
/// <param name="mayBeInside">Whether a host that nobody configured may be inside.</param>
internal sealed class IssuerDialer(
    Uri? authority = null, Func<string, CancellationToken, Task<IPAddress[]>>? resolve = null, Func<IPEndPoint, CancellationToken, ValueTask<Stream>>? connect = null, bool mayBeInside = false)
{
    private readonly Func<string, CancellationToken, Task<IPAddress[]>> _resolve = resolve ?? Dns.GetHostAddressesAsync;
    private readonly Func<IPEndPoint, CancellationToken, ValueTask<Stream>> _connect = connect ?? ConnectAsync;

    /// <summary>For <see cref="SocketsHttpHandler.ConnectCallback"/>.</summary>
    /// <exception cref="HttpRequestException">No address of the host may be, or can be, connected to.</exception>
    public async ValueTask<Stream> DialAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        // Through the operator's own proxy, names are resolved there.
        var isDirect = context.InitialRequestMessage.RequestUri is { } wanted && IsAt(wanted, context.DnsEndPoint.Host) && wanted.Port == context.DnsEndPoint.Port;
        return await DialAsync(context.DnsEndPoint.Host, context.DnsEndPoint.Port, isDirect, cancellationToken).ConfigureAwait(false);
    }

    internal async ValueTask<Stream> DialAsync(string host, int port, bool isJudged, CancellationToken cancellationToken)
    {
        var inside = mayBeInside || !isJudged || (authority is not null && (IsAt(authority, host) || await IsInsideAsync(authority, cancellationToken).ConfigureAwait(false)));
        Exception? last = null;
        foreach (var address in await AddressesOfAsync(host, cancellationToken).ConfigureAwait(false))
        {
            var reach = Addresses.ReachOf(address);
            if (isJudged && (reach == AddressReach.Nowhere || (reach == AddressReach.Inside && !inside))) continue;
            try
            {
                return await _connect(new IPEndPoint(address, port), cancellationToken).ConfigureAwait(false);
            }
            catch (Exception fault) when (fault is SocketException or IOException)
            {
                last = fault;
            }
        }
        throw new HttpRequestException(last is null ? "the host leads nowhere that may be asked" : "the host cannot be connected to", last);
    }

    private async ValueTask<bool> IsInsideAsync(Uri authority, CancellationToken cancellationToken)
    {
        var addresses = await AddressesOfAsync(authority.IdnHost, cancellationToken).ConfigureAwait(false);
        return addresses.Length > 0 && Array.TrueForAll(addresses, address => Addresses.ReachOf(address) == AddressReach.Inside);
    }

    private async Task<IPAddress[]> AddressesOfAsync(string host, CancellationToken cancellationToken) =>
        IPAddress.TryParse(host, out var address) ? [address] : await _resolve(host, cancellationToken).ConfigureAwait(false);

    private static bool IsAt(Uri address, string host) =>
        string.Equals(address.IdnHost, host, StringComparison.OrdinalIgnoreCase) || string.Equals(address.Host.Trim('[', ']'), host.Trim('[', ']'), StringComparison.OrdinalIgnoreCase);

    private static async ValueTask<Stream> ConnectAsync(IPEndPoint end, CancellationToken cancellationToken)
    {
        var socket = new Socket(end.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(end, cancellationToken).ConfigureAwait(false);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
