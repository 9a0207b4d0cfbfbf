using System.Collections.Frozen;
using System.Collections.Immutable;

namespace Postern.Core.Operations;

/// <summary>What stands behind a credential.</summary>
public enum IdentityKind
{
    /// <summary>A person, or an agent acting for one.</summary>
    Person,

    /// <summary>A program with an identity of its own; nobody is acted for.</summary>
    Workload,

    /// <summary>The gateway itself (definition refresh, catalogue snapshots); a closed, built-in list of operations.</summary>
    Gateway,
}

/// <summary>
/// Who asks: issuer and subject, the groups the issuer vouches for, and the agent (OAuth client) that holds the token.
/// Names that policy compares are qualified, <c>issuer:value</c>, so that two issuers can never be confused.
/// </summary>
public sealed class Identity
{
    /// <summary>The configured name of the issuer, never its URL.</summary>
    public required string Issuer { get; init; }

    /// <summary>The issuer's stable subject identifier (<c>sub</c>). E-mail and display names are never identity.</summary>
    public required string Subject { get; init; }

    /// <summary>Person, workload or the gateway itself.</summary>
    public required IdentityKind Kind { get; init; }

    /// <summary>The OAuth client (<c>azp</c> or <c>client_id</c>) that holds the token, or null. Claimed, not proven, for public clients.</summary>
    public string? Agent { get; init; }

    /// <summary>Group values, unqualified, after the configuration's names were applied.</summary>
    public ImmutableArray<string> Groups { get; init; } = [];

    /// <summary>Groups that the gateway itself vouches for, unqualified; policy writes them <c>gateway:value</c>, a name that no issuer can have.</summary>
    public ImmutableArray<string> OwnGroups { get; init; } = [];

    /// <summary>The session at the issuer (<c>sid</c>) that the credential belongs to, or null when it says none.</summary>
    public string? SessionId { get; init; }

    /// <summary>The credential's own id (<c>jti</c>), or null.</summary>
    public string? TokenId { get; init; }

    /// <summary>The family of tokens that it descends from, at an issuer that names one; or null.</summary>
    public string? Family { get; init; }

    /// <summary>What people are shown; decides nothing.</summary>
    public string? DisplayName { get; init; }

    /// <summary>The verified claims as one JSON object (UTF-8), for <c>who.claims</c> in policy; <c>{}</c> when there are none.</summary>
    public ReadOnlyMemory<byte> Claims { get; init; } = "{}"u8.ToArray();

    /// <summary>True when a record stands for the credential, so that nobody knows the claims any more.</summary>
    internal bool HasLostClaims { get; init; }

    /// <summary>When the credential was issued; what was issued before its owner was revoked is over. The beginning of time when that is not known.</summary>
    public DateTimeOffset IssuedAt { get; init; }

    /// <summary>When the credential ends; nothing that runs on it lives longer.</summary>
    public DateTimeOffset ExpiresAt { get; init; } = DateTimeOffset.MaxValue;

    /// <summary>Whether this came from a fresh interactive browser sign-in, and when (<c>auth_time</c>). Tokens carry null: they never approve.</summary>
    public DateTimeOffset? InteractiveSince { get; init; }

    /// <summary><c>issuer:subject</c>.</summary>
    public string Key => field ??= $"{Issuer}:{Subject}";

    /// <summary>The agent as <c>issuer:client</c>, or null; built once.</summary>
    public string? QualifiedAgent => Agent is null ? null : field ??= $"{Issuer}:{Agent}";

    /// <summary>Groups as <c>issuer:value</c>; built once.</summary>
    public FrozenSet<string> QualifiedGroups => field ??= Groups.Select(group => $"{Issuer}:{group}").Concat(OwnGroups.Select(static group => $"gateway:{group}")).ToFrozenSet(StringComparer.Ordinal);

    /// <summary>The same credential with other groups: what its issuer or the gateway says by now.</summary>
    public Identity With(ImmutableArray<string> groups, ImmutableArray<string> ownGroups) => new()
    {
        Issuer = Issuer,
        Subject = Subject,
        Kind = Kind,
        Agent = Agent,
        Groups = groups,
        OwnGroups = ownGroups,
        SessionId = SessionId,
        TokenId = TokenId,
        Family = Family,
        DisplayName = DisplayName,
        Claims = Claims,
        HasLostClaims = HasLostClaims,
        IssuedAt = IssuedAt,
        ExpiresAt = ExpiresAt,
        InteractiveSince = InteractiveSince,
    };
}
