using System.Collections.Immutable;
using System.Text.Json;
using Postern.Core.Operations;

namespace Postern.Gateway.Identities;

/// <summary>Verified claims in, an identity out. Only issuer and subject identify; names and e-mail addresses decide nothing (J13).</summary>
internal static class IdentityClaims
{
    private const int MaxNameLength = 200;

    /// <summary>Null, with a reason, when a claim has a shape that cannot be understood.</summary>
    public static Identity? Read(TrustedIssuer issuer, TokenText token, DateTimeOffset issuedAt, DateTimeOffset endsAt, DateTimeOffset? interactiveSince, out string? reason)
    {
        var claims = token.Claims;
        if (!TryAgent(claims, out var agent))
        {
            reason = "token names two clients";
            return null;
        }

        if (!TryGroups(issuer, claims, out var groups))
        {
            reason = "token groups are not a list of text";
            return null;
        }

        var subject = TokenText.Text(claims, "sub")!;
        var name = TokenText.Text(claims, "name");
        reason = null;
        return new Identity
        {
            Issuer = issuer.Name,
            Subject = subject,
            Kind = interactiveSince is null && IsWorkload(issuer, claims, subject, agent) ? IdentityKind.Workload : IdentityKind.Person,
            Agent = agent,
            Groups = groups,
            DisplayName = name is { Length: > 0 and <= MaxNameLength } ? name : null,
            Claims = token.ClaimsJson,
            IssuedAt = issuedAt,
            ExpiresAt = endsAt,
            InteractiveSince = interactiveSince,
        };
    }

    // `client_id` (RFC 9068 section 2.2) or `azp`; two that differ would let one client pass for another
    private static bool TryAgent(JsonElement claims, out string? agent)
    {
        agent = null;
        foreach (var name in (ReadOnlySpan<string>)["client_id", "azp", "appid"])
        {
            if (!claims.TryGetProperty(name, out var value))
            {
                continue;
            }

            if (value.ValueKind != JsonValueKind.String || value.GetString() is not { Length: > 0 } client || (agent is not null && !string.Equals(agent, client, StringComparison.Ordinal)))
            {
                return false;
            }

            agent = client;
        }

        return true;
    }

    private static bool TryGroups(TrustedIssuer issuer, JsonElement claims, out ImmutableArray<string> groups)
    {
        groups = [];
        if (!claims.TryGetProperty(issuer.GroupsClaim, out var value))
        {
            return true;
        }

        if (value.ValueKind != JsonValueKind.Array)
        {
            return false;
        }

        var read = ImmutableArray.CreateBuilder<string>(value.GetArrayLength());
        foreach (var one in value.EnumerateArray())
        {
            if (one.ValueKind != JsonValueKind.String || one.GetString() is not { Length: > 0 } id)
            {
                return false;
            }

            if (issuer.NamesById.TryGetValue(id, out var name))
            {
                read.Add(name);
            }

            // a group whose own text is a name that the configuration gave to another group must not become that group
            if (!issuer.NamesById.Values.Contains(id, StringComparer.Ordinal))
            {
                read.Add(id);
            }
        }

        groups = read.DrainToImmutable();
        return true;
    }

    private static bool IsWorkload(TrustedIssuer issuer, JsonElement claims, string subject, string? agent)
    {
        // RFC 9068 section 2.2: without a resource owner, `sub` is the client
        if (string.Equals(subject, agent, StringComparison.Ordinal))
        {
            return true;
        }

        foreach (var (claim, text) in issuer.WorkloadClaims)
        {
            if (claims.TryGetProperty(claim, out var value) && TokenRules.IsText(value, text))
            {
                return true;
            }
        }

        return false;
    }
}
