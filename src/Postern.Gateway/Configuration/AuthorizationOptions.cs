using System.Collections.Immutable;

namespace Postern.Gateway.Configuration;

/// <summary>The gateway's own authorization server: clients sign in here, people at one issuer behind it.</summary>
public sealed record AuthorizationOptions
{
    /// <summary>How long a token may live at most, whatever the configuration says.</summary>
    public static readonly TimeSpan LongestTokenLife = TimeSpan.FromMinutes(10);

    /// <summary>The name of the issuer that people sign in at; null for the only one that has a client.</summary>
    public string? Issuer { get; init; }

    /// <summary>What is asked of that issuer at a sign-in.</summary>
    public ImmutableArray<string> ProviderScopes { get; init; } = ["openid", "profile"];

    /// <summary>How long an access token lives.</summary>
    public TimeSpan TokenLife { get; init; } = LongestTokenLife;

    /// <summary>How long a sign-in can be renewed, from its beginning; then the person signs in again.</summary>
    public TimeSpan SignInLife { get; init; } = TimeSpan.FromHours(8);

    /// <summary>The clients that are registered by hand.</summary>
    public ImmutableArray<OAuthClientOptions> Clients { get; init; } = [];

    /// <summary>Hosts whose documents are clients (<c>client_id</c> is their URL); empty for none, <c>*</c> for any.</summary>
    public ImmutableArray<string> DocumentHosts { get; init; } = [];

    /// <summary>True when those documents may be fetched from addresses inside the organisation.</summary>
    public bool AllowsInsideDocuments { get; init; }

    /// <summary>How many clients may have registered themselves; zero when none may.</summary>
    public int Registrations { get; init; }

    /// <summary>Names of the issuers whose tokens can be exchanged for one that is good for a single connection.</summary>
    public ImmutableArray<string> Exchanges { get; init; } = [];
}

/// <summary>One client that is registered by hand.</summary>
public sealed record OAuthClientOptions
{
    /// <summary>The <c>client_id</c>; the agent's name in policy.</summary>
    public required string Id { get; init; }

    /// <summary>What people read when they are asked for consent.</summary>
    public required string Name { get; init; }

    /// <summary>Where answers may go.</summary>
    public ImmutableArray<string> Redirects { get; init; } = [];

    /// <summary>Its secret, or null.</summary>
    public string? Secret { get; init; }

    /// <summary>A file with its public keys (a JSON Web Key Set), or null. Full path.</summary>
    public string? Keys { get; init; }

    /// <summary>True when it acts for itself and for nobody else.</summary>
    public bool IsWorkload { get; init; }

    /// <summary>True when people may sign in for it on another device.</summary>
    public bool MayUseDevice { get; init; }

    /// <summary>The groups of a workload.</summary>
    public ImmutableArray<string> Groups { get; init; } = [];

    /// <inheritdoc/>
    public override string ToString() => Id;
}
