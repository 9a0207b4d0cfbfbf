using System.Collections.Immutable;
using Postern.Gateway.Configuration;
using Postern.Gateway.Identities;

namespace Postern.Gateway.Authorization;

/// <summary>How a client became known.</summary>
internal enum ClientOrigin
{
    /// <summary>An operator wrote it into the configuration.</summary>
    Configured,

    /// <summary>Its document says what it is; who controls the document's host is all that is known.</summary>
    Document,

    /// <summary>It registered itself; nothing of it is known.</summary>
    Registered,
}

/// <summary>How a client proves that it is the one (RFC 8414, <c>token_endpoint_auth_method</c>).</summary>
internal enum ClientProof
{
    /// <summary>Not at all: a public client.</summary>
    None,

    /// <summary>A shared secret.</summary>
    Secret,

    /// <summary>An assertion that its key signed (RFC 7523).</summary>
    Key,
}

/// <summary>One client, from wherever it is known. Immutable.</summary>
internal sealed record OAuthClient(string Id, string Name, ClientOrigin Origin)
{
    private const int LargestKeyFile = 64 * 1024;

    public ImmutableArray<string> Redirects { get; init; } = [];

    public ClientProof Proof { get; init; }

    /// <summary>Its secret, where it has one.</summary>
    public string? Secret { get; init; }

    /// <summary>Its keys, where it has some.</summary>
    public ImmutableArray<IssuerKey> Keys { get; init; } = [];

    /// <summary>True when it acts for itself alone.</summary>
    public bool IsWorkload { get; init; }

    /// <summary>The groups of a workload.</summary>
    public ImmutableArray<string> Groups { get; init; } = [];

    /// <summary>True when people may sign in for it on another device.</summary>
    public bool MayUseDevice { get; init; }

    /// <summary>Whether nobody else can pretend to be it: a code that goes to its address goes to it.</summary>
    public bool IsSureAt(string redirect) => Proof != ClientProof.None || redirect.StartsWith("https://", StringComparison.Ordinal);

    /// <summary>From the configuration, checked.</summary>
    public static OAuthClient From(OAuthClientOptions options) => new(options.Id, options.Name, ClientOrigin.Configured)
    {
        Redirects = options.Redirects,
        Proof = options.Secret is not null ? ClientProof.Secret : options.Keys is not null ? ClientProof.Key : ClientProof.None,
        Secret = options.Secret,
        Keys = options.Keys is { } keys ? ReadKeys(keys) : [],
        IsWorkload = options.IsWorkload,
        Groups = options.Groups,
        MayUseDevice = options.MayUseDevice,
    };

    /// <summary>The public keys in a file; empty when there are none.</summary>
    public static ImmutableArray<IssuerKey> ReadKeys(string path)
    {
        try
        {
            return new FileInfo(path) is { Exists: true, Length: <= LargestKeyFile } ? IssuerKey.ReadSet(File.ReadAllBytes(path)) : [];
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
