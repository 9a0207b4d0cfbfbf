using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Postern.Core.Operations;
using Postern.Gateway.Configuration;

namespace Postern.Gateway.Identities;

/// <summary>
/// What a token becomes, or why it is refused and what to change: judged by the gateway's own code, without a gateway. Neither the token
/// nor its signature is in the answer.
/// </summary>
public static class TokenTrial
{
    private const int MaxShown = 200;

    /// <summary>Judges one token. Reads discovery documents, keys and, where one is configured, the directory; changes nothing.</summary>
    /// <param name="options">The issuers, and what the gateway is called.</param>
    /// <param name="token">The token.</param>
    /// <param name="clock">All time.</param>
    /// <param name="logs">Learns why an issuer or a directory could not be asked.</param>
    /// <param name="cancellationToken">Interrupt.</param>
    /// <exception cref="ArgumentException">An issuer's settings would trust too much.</exception>
    public static async Task<JsonObject> RunAsync(GatewayOptions options, string token, TimeProvider clock, ILoggerFactory logs, CancellationToken cancellationToken)
    {
        var publicUrl = options.PublicUrl ?? options.Url;
        var issuers = options.Issuers.SelectMany(issuer => TrustedIssuer.AllFrom(issuer, publicUrl)).ToList();
        using var authenticator = new TokenAuthenticator(issuers, clock, logs);
        return await RunAsync(authenticator, publicUrl, token, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The same with the issuers of a gateway that runs; nobody counts as seen for it.</summary>
    internal static async Task<JsonObject> RunAsync(TokenAuthenticator authenticator, string publicUrl, string token, CancellationToken cancellationToken)
    {
        var text = TokenText.TryRead(token, out _);
        var audiences = text is null ? [] : TokenRules.Audiences(text.Claims) ?? [];

        // A token for one connection (RFC 8707) is good there alone, and is judged there.
        var resource = audiences.FirstOrDefault(audience => audience.StartsWith(publicUrl + "/", StringComparison.Ordinal)) ?? publicUrl;
        var answer = await authenticator.TryOutAsync(token, resource, cancellationToken).ConfigureAwait(false);
        var issuer = text is null ? null : authenticator.IssuerOf(TokenText.Text(text.Claims, "iss"));
        return answer is Authentication.Accepted accepted ? Accepted(accepted.Identity, audiences, resource == publicUrl ? null : resource) : Refused((Authentication.Refused)answer, text, issuer, authenticator);
    }

    private static JsonObject Accepted(Identity identity, string[] audiences, string? only) => new()
    {
        ["accepted"] = true,
        ["issuer"] = identity.Issuer,
        ["identity"] = identity.Key,
        ["kind"] = identity.Kind == IdentityKind.Workload ? "workload" : "person",
        ["person"] = identity.Kind == IdentityKind.Person ? identity.Key : null,
        ["name"] = identity.DisplayName,
        ["agent"] = identity.QualifiedAgent,
        ["groups"] = Texts(identity.QualifiedGroups.Order(StringComparer.Ordinal)),
        ["audiences"] = Texts(audiences),
        ["onlyAt"] = only,
        ["issuedAt"] = Instant(identity.IssuedAt),
        ["expiresAt"] = Instant(identity.ExpiresAt),
    };

    private static JsonObject Refused(Authentication.Refused refused, TokenText? text, TrustedIssuer? issuer, TokenAuthenticator authenticator) => new()
    {
        ["accepted"] = false,
        ["issuer"] = issuer?.Name,
        ["reason"] = refused.Reason,
        ["change"] = TokenFault.AdviceOn(refused.Reason),
        ["expected"] = Texts(Expected(refused.Reason, issuer, authenticator)),
        ["mayPass"] = refused.IsTransient,
        ["says"] = text is null ? null : Says(text),
    };

    /// <summary>What the configuration wants in the place where the token has something else.</summary>
    private static IEnumerable<string> Expected(string reason, TrustedIssuer? issuer, TokenAuthenticator authenticator) =>
        reason == TokenFault.OtherIssuer.Reason ? authenticator.Issuers.Select(known => known.Authority)
        : issuer is null ? []
        : reason == TokenFault.OtherAudience.Reason ? issuer.Audiences
        : reason == TokenFault.OtherType.Reason ? issuer.Types
        : reason == TokenFault.OtherAlgorithm.Reason ? issuer.Algorithms
        : reason == TokenFault.OtherTenant.Reason ? issuer.Tenants
        : reason == TokenFault.LacksClaim.Reason ? issuer.RequiredClaims.Select(claim => $"{claim.Key}: {claim.Value}")
        : reason == TokenFault.LacksScope.Reason ? issuer.Scopes
        : reason == TokenFault.LacksMark.Reason ? [.. issuer.Shape.Fixed.Select(claim => $"{claim.Key}: {claim.Value}"), .. issuer.Shape.Marks.Select(marks => string.Join(" or ", marks))]
        : reason == TokenFault.NoSubject.Reason ? [issuer.Shape.SubjectClaim]
        : [];

    /// <summary>What an unbelieved token says of where it comes from and what it is for; nothing by which it could be used.</summary>
    private static JsonObject Says(TokenText text)
    {
        var says = new JsonObject { ["typ"] = text.Type, ["alg"] = text.Algorithm, ["kid"] = Short(text.KeyId) };
        foreach (var name in (string[])["iss", "ver", "tid"])
        {
            if (TokenText.Text(text.Claims, name) is { } value) says[name] = Short(value);
        }
        says["aud"] = Texts((TokenRules.Audiences(text.Claims) ?? []).Select(Short));
        foreach (var name in (string[])["iat", "nbf", "exp"])
        {
            if (TokenRules.TryInstant(text.Claims, name, out var instant)) says[name] = Instant(instant);
        }
        says["claims"] = Texts(text.Claims.EnumerateObject().Select(claim => Short(claim.Name)).Order(StringComparer.Ordinal));
        return says;
    }

    private static string Short(string text) => text.Length <= MaxShown ? text : text[..MaxShown] + "…";

    private static string Instant(DateTimeOffset instant) => instant.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static JsonArray Texts(IEnumerable<string> texts) => [.. texts.Select(text => JsonValue.Create(text))];
}
