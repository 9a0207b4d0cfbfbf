using System.Text.Json.Nodes;

namespace Postern.Gateway.Authorization;

/// <summary>What a grant came to: tokens, or an error.</summary>
internal sealed record TokenAnswer(JsonObject? Tokens, OAuthError? Error)
{
    public static TokenAnswer Refuse(string code, string description, int status = 400) => new(null, new OAuthError(code, description) { Status = status });

    /// <summary>RFC 6749 section 5.1. The scope is said always: it may be less than was asked.</summary>
    public static TokenAnswer Of(string token, TimeSpan life, string? refresh = null) => new(
        refresh is null
            ? Bearer(token, life)
            : new JsonObject(Bearer(token, life).ToDictionary(pair => pair.Key, pair => pair.Value?.DeepClone())) { ["refresh_token"] = refresh },
        null);

    private static JsonObject Bearer(string token, TimeSpan life) => new()
    {
        ["access_token"] = token,
        ["token_type"] = "Bearer",
        ["expires_in"] = (int)life.TotalSeconds,
        ["scope"] = OwnIssuer.Scope,
    };
}
