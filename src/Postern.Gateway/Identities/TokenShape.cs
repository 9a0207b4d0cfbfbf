using System.Collections.Frozen;
using System.Collections.Immutable;

namespace Postern.Gateway.Identities;

/// <summary>How a provider writes its access tokens, where it does not follow RFC 9068. What operators may change besides stands in <see cref="TrustedIssuer"/>.</summary>
internal sealed record TokenShape
{
    /// <summary>RFC 9068, and the habits that do no harm.</summary>
    public static readonly TokenShape Standard = new();

    /// <summary>The claim that identifies for good. Where it is absent, <c>sub</c> does for a program whose <c>sub</c> is its client.</summary>
    public string SubjectClaim { get; init; } = "sub";

    /// <summary>The same in the id token of a sign-in, where that differs.</summary>
    public string? SignInSubjectClaim { get; init; }

    /// <summary>True: subjects are unique within a tenant only, so that an identity is <c>subject.tenant</c>.</summary>
    public bool IsTenantInSubject { get; init; }

    /// <summary>The claim that names the tenant: an organisation of a provider that many share.</summary>
    public string? TenantClaim { get; init; }

    /// <summary>Claims that name the client; those that a token has must agree.</summary>
    public ImmutableArray<string> AgentClaims { get; init; } = ["client_id", "azp", "appid"];

    /// <summary>For each entry, an access token has at least one of its claims; id tokens of this provider lack it.</summary>
    public ImmutableArray<ImmutableArray<string>> Marks { get; init; } = [];

    /// <summary>Claims with the one text that an access token of this provider has.</summary>
    public FrozenDictionary<string, string> Fixed { get; init; } = FrozenDictionary<string, string>.Empty;

    /// <summary>Claims that only a token with a person behind it has; without any of them it stands for a program.</summary>
    public ImmutableArray<string> PersonMarks { get; init; } = [];

    /// <summary>Claims that only a program's token has, whatever their text.</summary>
    public ImmutableArray<string> WorkloadMarks { get; init; } = [];

    /// <summary>How <c>sub</c> of a program ends, or null.</summary>
    public string? WorkloadSubjectEnd { get; init; }

    /// <summary>The user name of a program, but for its client's id behind it; or null.</summary>
    public string? WorkloadUserName { get; init; }

    /// <summary>True: nobody but programs gets tokens here.</summary>
    public bool IsForWorkloadsOnly { get; init; }

    /// <summary>True: the provider's access tokens are opaque, and id tokens for the configured audience are taken in their place.</summary>
    public bool TakesIdTokens { get; init; }
}
