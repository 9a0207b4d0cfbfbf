using System.Collections.Immutable;
using System.Net;

namespace Postern.Demo.Issuer;

/// <summary>How the demo issuer is set up.</summary>
public sealed record DemoIssuerOptions
{
    /// <summary>The audience of tokens whose request names no <c>resource</c>; resources below it may be named.</summary>
    public required string DefaultAudience { get; init; }

    /// <summary>Where to listen; anything but a loopback address is refused.</summary>
    public IPAddress Address { get; init; } = IPAddress.Loopback;

    /// <summary>The port; 0 takes any.</summary>
    public int Port { get; init; }

    /// <summary>Who can be picked.</summary>
    public ImmutableArray<DemoPersona> Personas { get; init; } = DemoPersona.Everyone;

    /// <summary>What is true of a persona when a sign-in is renewed: in other groups by now, or null for one that may not sign in any more.</summary>
    public Func<DemoPersona, DemoPersona?> Renewed { get; init; } = static persona => persona;

    /// <summary>The clients.</summary>
    public ImmutableArray<DemoClient> Clients { get; init; } = DemoClient.All;

    /// <summary>How long access and id tokens live.</summary>
    public TimeSpan TokenLifetime { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>How long a sign-in can be continued by refreshing.</summary>
    public TimeSpan RefreshLifetime { get; init; } = TimeSpan.FromHours(8);

    /// <summary>The least time between two polls of the device flow (RFC 8628 section 3.5).</summary>
    public TimeSpan DevicePollInterval { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>All time comes from here.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;
}
