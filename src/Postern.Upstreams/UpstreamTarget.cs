namespace Postern.Upstreams;

/// <summary>Where a connection's target is, as the administrator configured it; never from a request.</summary>
/// <param name="Url">Absolute <c>http</c> or <c>https</c> URL.</param>
public sealed record UpstreamTarget(Uri Url)
{
    /// <summary>What is lent to the target so that it lets the gateway in; null when it wants nothing.</summary>
    public UpstreamCredential? Credential { get; init; }

    /// <summary>Certificate authorities that alone are trusted for this target; null for the system's own.</summary>
    public System.Security.Cryptography.X509Certificates.X509Certificate2Collection? Authorities { get; init; }

    /// <summary>True when it is spoken to in HTTP/2: as TLS negotiates it, and by prior knowledge in the clear.</summary>
    public bool IsHttp2 { get; init; }

    /// <summary>How long it may take.</summary>
    public UpstreamPatience Patience { get; init; } = new();
}

/// <summary>A credential that travels in one header.</summary>
/// <param name="Header">The header's name.</param>
/// <param name="Value">Reads the value for each request, so that a rotated secret is used at once. Never logged.</param>
public sealed record UpstreamCredential(string Header, Func<string> Value)
{
    /// <inheritdoc/>
    public override string ToString() => $"credential in `{Header}`";
}
