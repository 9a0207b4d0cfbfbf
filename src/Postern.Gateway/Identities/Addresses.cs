using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Postern.Gateway.Identities;

/// <summary>Where an address of the network leads.</summary>
internal enum AddressReach
{
    /// <summary>Anybody's.</summary>
    Public,

    /// <summary>This machine or this organisation: loopback, private, shared and unique local addresses.</summary>
    Inside,

    /// <summary>Where no issuer is: link-local (a cloud's metadata service), multicast, reserved, and tunnels whose end cannot be told.</summary>
    Nowhere,
}

/// <summary>Which addresses the control plane may ask for keys and tokens.</summary>
internal static class Addresses
{
    /// <summary>https anywhere, http on this machine alone: keys that travel in the clear are anyone's keys.</summary>
    public static bool MayFetch(Uri address) =>
        address.IsAbsoluteUri && address.UserInfo.Length == 0
        && (address.Scheme == Uri.UriSchemeHttps || (address.Scheme == Uri.UriSchemeHttp && address.IsLoopback));

    /// <summary>
    /// Where an address leads, by what is reached in the end: one that holds another (IPv4-mapped and -compatible, RFC 4291; NAT64, RFC
    /// 6052; 6to4, RFC 3056) is judged as the one that it holds.
    /// </summary>
    public static AddressReach ReachOf(IPAddress address)
    {
        if (address.AddressFamily == AddressFamily.InterNetwork) return ReachOf(BinaryPrimitives.ReadUInt32BigEndian(address.GetAddressBytes()));
        if (address.AddressFamily != AddressFamily.InterNetworkV6) return AddressReach.Nowhere;
        ReadOnlySpan<byte> bytes = address.GetAddressBytes();
        var high = BinaryPrimitives.ReadUInt64BigEndian(bytes);
        var low = BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]);
        if (high == 0 && low == 1) return AddressReach.Inside; // ::1
        if (high == 0 && low >> 32 is 0 or 0xffff) return ReachOf((uint)low); // ::a.b.c.d and ::ffff:a.b.c.d
        if (high == 0x0064_ff9b_0000_0000 && low >> 32 == 0) return ReachOf((uint)low); // NAT64, 64:ff9b::/96
        if (high >> 48 == 0x2002) return ReachOf((uint)(high >> 16)); // 6to4, 2002:a.b.c.d::/48
        if (high >> 57 == 0xfc >> 1) return AddressReach.Inside; // unique local, fc00::/7
        // Global unicast is 2000::/3; of it, Teredo (2001::/32) and documentation (2001:db8::/32, 3fff::/20) hide or have no end.
        return high >> 61 == 1 && high >> 32 is not (0x2001_0000 or 0x2001_0db8) && high >> 44 != 0x3fff0 ? AddressReach.Public : AddressReach.Nowhere;
    }

    // The registry of special-purpose addresses (RFC 6890).
    private static AddressReach ReachOf(uint address) => (address >> 24) switch
    {
        10 or 127 => AddressReach.Inside,
        172 when address >> 20 == 0xac1 => AddressReach.Inside, // 172.16.0.0/12
        192 when address >> 16 == 0xc0a8 => AddressReach.Inside, // 192.168.0.0/16
        100 when address >> 22 == 0x191 => AddressReach.Inside, // shared, 100.64.0.0/10
        0 or >= 224 => AddressReach.Nowhere,
        169 when address >> 16 == 0xa9fe => AddressReach.Nowhere, // link-local, 169.254.0.0/16
        192 when address >> 8 is 0xc00000 or 0xc00002 or 0xc05863 => AddressReach.Nowhere, // protocol assignments, documentation, 6to4 relays
        198 when address >> 17 == 0x6309 || address >> 8 == 0xc63364 => AddressReach.Nowhere, // benchmarks 198.18.0.0/15, documentation
        203 when address >> 8 == 0xcb0071 => AddressReach.Nowhere, // documentation
        _ => AddressReach.Public,
    };
}
