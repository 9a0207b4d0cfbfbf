using System.Net;
using System.Net.Sockets;
using Postern.Core.Pipeline;

namespace Postern.Upstreams.Http1;

/// <summary>
/// The addresses of a target's host, looked at before anything is sent to them. A name is in the hands of whoever runs its zone: one
/// that leads to this machine, to the metadata service of a cloud or to a group of machines is refused, unless the administrator
/// wrote the address itself (server-side request forgery, DNS rebinding). What was checked is what is dialled.
/// </summary>
internal static class TargetAddresses
{
    /// <exception cref="UpstreamException">The name leads to where it must not.</exception>
    /// <exception cref="SocketException">There is no such name.</exception>
    public static async ValueTask<IPAddress[]> OfAsync(Uri url, CancellationToken cancellationToken)
    {
        var host = url.IdnHost;
        if (IPAddress.TryParse(host, out var literal)) return [literal];
        var addresses = await Dns.GetHostAddressesAsync(host, cancellationToken).ConfigureAwait(false);
        var isLocal = string.Equals(host, "localhost", StringComparison.OrdinalIgnoreCase);
        foreach (var address in addresses)
        {
            if (isLocal ? !IPAddress.IsLoopback(address) : !MayBeNamed(address))
            {
                throw new UpstreamException(RefusalCode.UpstreamUnavailable, "the target's name leads to an address that a name must not lead to; write the address itself if it is meant") { NothingWasSent = true };
            }
        }
        return addresses;
    }

    /// <summary>False for loopback, link-local, unspecified, multicast and broadcast addresses, also as IPv4 within IPv6.</summary>
    public static bool MayBeNamed(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();
        if (IPAddress.IsLoopback(address)) return false;
        if (address.AddressFamily == AddressFamily.InterNetworkV6)
        {
            return !(address.IsIPv6LinkLocal || address.IsIPv6Multicast || address.IsIPv6SiteLocal || address.Equals(IPAddress.IPv6Any) || address.Equals(MetadataOfV6) || IsEmbedded(address));
        }
        Span<byte> bytes = stackalloc byte[4];
        address.TryWriteBytes(bytes, out _);
        return bytes[0] switch
        {
            0 or >= 224 => false, // this network; multicast, reserved and broadcast
            169 => bytes[1] != 254, // link-local, where clouds keep their metadata
            100 => !address.Equals(MetadataBehindNat),
            _ => true,
        };
    }

    private static readonly IPAddress MetadataOfV6 = IPAddress.Parse("fd00:ec2::254");
    private static readonly IPAddress MetadataBehindNat = IPAddress.Parse("100.100.100.200");

    // 64:ff9b::/96 and 2002::/16 lead to IPv4 addresses of their own choice.
    private static bool IsEmbedded(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out _);
        var inner = bytes is [0x00, 0x64, 0xff, 0x9b, ..] ? new IPAddress(bytes[12..]) : bytes is [0x20, 0x02, ..] ? new IPAddress(bytes[2..6]) : null;
        return inner is not null && !MayBeNamed(inner);
    }
}
