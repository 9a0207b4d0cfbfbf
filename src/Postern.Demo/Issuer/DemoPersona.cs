using System.Collections.Immutable;

namespace Postern.Demo.Issuer;

/// <summary>A person whom the demo's sign-in page lets anyone on this machine be.</summary>
/// <param name="Subject">The stable <c>sub</c>.</param>
/// <param name="Name">What pages show.</param>
/// <param name="Groups">The <c>groups</c> claim.</param>
/// <param name="Title">One line that says who this is.</param>
public sealed record DemoPersona(string Subject, string Name, ImmutableArray<string> Groups, string Title)
{
    /// <summary>Alice works in support, Bob is on call, Carol administers.</summary>
    public static ImmutableArray<DemoPersona> Everyone { get; } =
    [
        new("alice", "Alice Archer", ["support"], "Support; works with an AI agent"),
        new("bob", "Bob Berger", ["on-call"], "On-call; answers holds"),
        new("carol", "Carol Castillo", ["security", "admins"], "Security; administers the gateway"),
    ];
}

/// <summary>An OAuth client that the demo issuer knows.</summary>
/// <param name="Id">The <c>client_id</c>.</param>
/// <param name="Name">What the sign-in page shows.</param>
public sealed record DemoClient(string Id, string Name)
{
    /// <summary>The secret of a confidential client; null for a public one.</summary>
    public string? Secret { get; init; }

    /// <summary>Loopback redirect URIs without a port; any port is accepted (RFC 8252 section 7.3), everything else is exact.</summary>
    public ImmutableArray<string> RedirectUris { get; init; } = [];

    /// <summary>True when the client may use the client credentials grant and so is a workload of its own.</summary>
    public bool IsWorkload { get; init; }

    /// <summary>True when the client may use the device flow.</summary>
    public bool MayUseDeviceFlow { get; init; }

    /// <summary>The groups of a workload.</summary>
    public ImmutableArray<string> Groups { get; init; } = [];

    /// <summary>The id of the command line's client.</summary>
    public const string CommandLineId = "postern-cli";

    /// <summary>The id of the gateway's own client for browser sign-in.</summary>
    public const string GatewayId = "postern-gateway";

    /// <summary>The gateway's secret; worth nothing, since the issuer serves loopback alone and lets anyone be anyone.</summary>
    public const string GatewaySecret = "demo-gateway-secret";

    /// <summary>The id of the demo's autonomous agent.</summary>
    public const string TriageBotId = "triage-bot";

    /// <summary>The autonomous agent's secret; see <see cref="GatewaySecret"/>.</summary>
    public const string TriageBotSecret = "demo-triage-secret";

    /// <summary>The command line, the gateway's pages, an agent that acts for a person, and one that acts for nobody.</summary>
    public static ImmutableArray<DemoClient> All { get; } =
    [
        new(CommandLineId, "Postern command line") { RedirectUris = ["http://127.0.0.1/callback", "http://[::1]/callback"], MayUseDeviceFlow = true },
        new(GatewayId, "Postern gateway") { Secret = GatewaySecret, RedirectUris = ["http://127.0.0.1/signin/callback", "http://localhost/signin/callback", "http://[::1]/signin/callback", "http://127.0.0.1/oauth/callback", "http://localhost/oauth/callback", "http://[::1]/oauth/callback"] },
        new("demo-agent", "Demo agent") { RedirectUris = ["http://127.0.0.1/callback", "http://localhost/callback"] },
        new(TriageBotId, "Triage bot") { Secret = TriageBotSecret, IsWorkload = true, Groups = ["triage-agents"] },
    ];
}
