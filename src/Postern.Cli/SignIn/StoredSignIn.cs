namespace Postern.Cli.SignIn;

/// <summary>
/// One person's sign-in for one gateway. It opens data paths and one's own records; answering holds and administering need
/// a fresh sign-in in a browser, so that this file alone approves nothing when it is stolen.
/// </summary>
internal sealed record StoredSignIn
{
    /// <summary>The gateway's public URL, which is the token's audience.</summary>
    public required string Gateway { get; init; }

    /// <summary>The issuer.</summary>
    public required string Issuer { get; init; }

    /// <summary>The client id that was used.</summary>
    public required string ClientId { get; init; }

    /// <summary>Where it is refreshed.</summary>
    public required string TokenEndpoint { get; init; }

    /// <summary>Secret.</summary>
    public required string AccessToken { get; init; }

    /// <summary>Secret; null when the issuer gave none.</summary>
    public string? RefreshToken { get; init; }

    /// <summary>What the token was asked for by scope, where the provider knows no <c>resource</c>; null where it does.</summary>
    public string? Scope { get; init; }

    /// <summary>True when both secrets are in the keychain, and not in the file.</summary>
    public bool IsInKeychain { get; init; }

    /// <summary>When the access token ends.</summary>
    public required DateTimeOffset ExpiresAt { get; init; }

    /// <inheritdoc/>
    public override string ToString() => $"{Gateway} by {Issuer} (secret)";
}
