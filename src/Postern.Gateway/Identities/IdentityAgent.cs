using System.Text.Json;

namespace Postern.Gateway.Identities;

/// <summary>
/// Who acts: the client that holds the token, or the actor to whom a person delegated (<c>act</c>, RFC 8693 section 4.1). Signed claims
/// alone say so; what a request says of itself changes nothing (J21).
/// </summary>
internal static class IdentityAgent
{
    /// <summary>How many actors a chain may name. Those behind the first are history and decide nothing (RFC 8693 section 4.1).</summary>
    public const int MaxActors = 8;

    private const int MaxLength = 255;

    public static bool TryRead(TrustedIssuer issuer, JsonElement claims, out string? agent, out TokenFault? fault)
    {
        agent = null;
        fault = null;
        foreach (var name in issuer.Shape.AgentClaims)
        {
            if (!claims.TryGetProperty(name, out var value)) continue;

            // two that differ would let one client pass for another
            if (value.ValueKind != JsonValueKind.String || value.GetString() is not { } client || !IsUsable(client) || (agent is not null && !string.Equals(agent, client, StringComparison.Ordinal)))
            {
                fault = TokenFault.TwoClients;
                return false;
            }

            agent = client;
        }

        if (!claims.TryGetProperty("act", out var actor)) return true;
        if (!IsChain(issuer, actor))
        {
            fault = TokenFault.BadActor;
            return false;
        }

        // the actor may be named by its own subject and, besides, by its client
        var acting = actor.TryGetProperty("client_id", out _) ? TokenText.Text(actor, "client_id") : TokenText.Text(actor, "sub");
        if (agent is not null && !string.Equals(agent, acting, StringComparison.Ordinal))
        {
            fault = TokenFault.TwoClients;
            return false;
        }

        agent = acting;
        return true;
    }

    private static bool IsChain(TrustedIssuer issuer, JsonElement actor)
    {
        for (var depth = 0; depth < MaxActors; depth++)
        {
            if (actor.ValueKind != JsonValueKind.Object || !IsUsable(TokenText.Text(actor, "sub"))) return false;
            if (actor.TryGetProperty("client_id", out var client) && !(client.ValueKind == JsonValueKind.String && IsUsable(client.GetString()))) return false;

            // an actor that another issuer vouches for would be known under this one's name
            if (actor.TryGetProperty("iss", out var authority) && !TokenRules.IsText(authority, issuer.Authority)) return false;
            if (!actor.TryGetProperty("act", out actor)) return true;
        }

        return false;
    }

    private static bool IsUsable(string? client) => client is { Length: > 0 and <= MaxLength } && !client.Any(char.IsControl);
}
