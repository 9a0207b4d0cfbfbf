using System.Collections.Immutable;
using System.Text.Json;
using Postern.Core.Operations;

namespace Postern.Gateway.Identities;

/// <summary>Verified claims in, an identity out. Only issuer and subject identify; names and e-mail addresses decide nothing (J13).</summary>
internal static class IdentityClaims
{
    private const int MaxNameLength = 200;
    private const int MaxMarkLength = 255;

    /// <summary>Null, with a reason, when a claim has a shape that cannot be understood.</summary>
    /// <param name="issuer">Whose token it is.</param>
    /// <param name="token">The token; its signature holds.</param>
    /// <param name="issuedAt">When it was issued.</param>
    /// <param name="endsAt">When the identity ends.</param>
    /// <param name="interactiveSince">For a sign-in in a browser, when.</param>
    /// <param name="elsewhere">The groups that the directory knows, where the token says that they are not in it.</param>
    /// <param name="fault">Why there is none.</param>
    public static Identity? Read(
        TrustedIssuer issuer, TokenText token, DateTimeOffset issuedAt, DateTimeOffset endsAt, DateTimeOffset? interactiveSince, ImmutableArray<string>? elsewhere, out TokenFault? fault)
    {
        var claims = token.Claims;
        if (!IdentityAgent.TryRead(issuer, claims, out var agent, out fault)) return null;
        if (SubjectOf(issuer, claims, agent, interactiveSince is not null) is not { } subject)
        {
            fault = TokenFault.NoSubject;
            return null;
        }

        var isWorkload = interactiveSince is null && IsWorkload(issuer, claims, agent);

        // app-only by its mark and a person's by its scopes: one of the two is a lie (J15)
        if (isWorkload && TokenRules.HasAny(claims, issuer.Shape.PersonMarks))
        {
            fault = TokenFault.BothKinds;
            return null;
        }

        if (IdentityGroups.Read(issuer, claims, elsewhere) is not { } groups)
        {
            fault = TokenFault.BadGroups;
            return null;
        }

        var name = TokenText.Text(claims, "name");
        return new Identity
        {
            Issuer = issuer.Name,
            Subject = subject,
            Kind = isWorkload ? IdentityKind.Workload : IdentityKind.Person,
            Agent = agent,
            Groups = groups,
            SessionId = Mark(claims, "sid"),

            // Entra's name for the same (its page on access token claims)
            TokenId = Mark(claims, "jti") ?? Mark(claims, "uti"),
            DisplayName = name is { Length: > 0 and <= MaxNameLength } ? name : null,
            Claims = token.ClaimsJson,
            IssuedAt = issuedAt,
            ExpiresAt = endsAt,
            InteractiveSince = interactiveSince,
        };
    }

    // What cannot be named in a revocation is not kept: a longer one ends with its identity alone.
    private static string? Mark(JsonElement claims, string name) => TokenText.Text(claims, name) is { Length: > 0 and <= MaxMarkLength } mark ? mark : null;

    /// <summary>Whether nobody is acted for.</summary>
    public static bool IsWorkload(TrustedIssuer issuer, JsonElement claims, string? agent)
    {
        var shape = issuer.Shape;
        var subject = TokenText.Text(claims, "sub")!;

        // RFC 9068 section 2.2: without a resource owner, `sub` is the client
        if (shape.IsForWorkloadsOnly || string.Equals(subject, agent, StringComparison.Ordinal)) return true;
        if (shape.WorkloadSubjectEnd is { } end && subject.EndsWith(end, StringComparison.Ordinal)) return true;
        if (shape.WorkloadUserName is { } start && agent is not null && TokenText.Text(claims, "preferred_username") is { } user && user.StartsWith(start, StringComparison.Ordinal) && user.AsSpan(start.Length).SequenceEqual(agent)) return true;
        if (TokenRules.HasAny(claims, shape.WorkloadMarks)) return true;
        foreach (var (claim, text) in issuer.WorkloadClaims)
        {
            if (claims.TryGetProperty(claim, out var value) && TokenRules.IsText(value, text)) return true;
        }

        return !shape.PersonMarks.IsEmpty && !TokenRules.HasAny(claims, shape.PersonMarks);
    }

    private static string? SubjectOf(TrustedIssuer issuer, JsonElement claims, string? agent, bool isSignIn)
    {
        var shape = issuer.Shape;
        var name = isSignIn && shape.SignInSubjectClaim is { } other ? other : shape.SubjectClaim;
        var subject = TokenText.Text(claims, name);

        // a person without the stable identifier must not be known by one that changes hands; a program is its client
        if (subject is null && !claims.TryGetProperty(name, out _) && TokenText.Text(claims, "sub") is { } program && string.Equals(program, agent, StringComparison.Ordinal)) subject = program;
        if (!TokenRules.IsUsableSubject(subject)) return null;
        subject = issuer.SubjectOf(subject!, shape.TenantClaim is { } tenant ? TokenText.Text(claims, tenant) : null);
        return TokenRules.IsUsableSubject(subject) ? subject : null;
    }
}
