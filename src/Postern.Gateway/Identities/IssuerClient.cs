using System.Text.Json;

namespace Postern.Gateway.Identities;

/// <summary>What an issuer says of itself (OpenID Connect Discovery section 3).</summary>
/// <param name="KeySet">Where its keys are.</param>
/// <param name="Authorization">Where people sign in, or null.</param>
/// <param name="Token">Where codes become tokens, or null.</param>
/// <param name="SaysIssuer">Whether authorization answers carry <c>iss</c> (RFC 9207).</param>
internal sealed record IssuerMetadata(Uri KeySet, Uri? Authorization, Uri? Token, bool SaysIssuer);

/// <summary>
/// What one issuer says of itself, and its small documents.
/// </summary>
internal sealed class IssuerClient : IDisposable
{
    private const string _refusedForm = "the issuer answered with status 400";
    private const string _refusedClient = "the issuer answered with status 401";
    private readonly TrustedIssuer _issuer;
    private readonly DocumentClient _documents;

    public IssuerClient(TrustedIssuer issuer, HttpMessageHandler? handler = null, IssuerDialer? dialer = null)
    {
        _issuer = issuer;
        _documents = new DocumentClient("the issuer", new Uri(issuer.Authority), handler, dialer);
    }

    /// <summary>The issuer's description of itself, or null with a reason.</summary>
    public async Task<(IssuerMetadata? Metadata, string? Problem)> DiscoverAsync(CancellationToken cancellationToken)
    {
        var address = new Uri($"{_issuer.Authority.TrimEnd('/')}/.well-known/openid-configuration");
        var (json, problem) = await GetAsync(address, cancellationToken);
        if (json is null)
        {
            return (null, problem);
        }

        // RFC 8414 section 3.3: otherwise one issuer could lend its name to another's keys
        if (TokenText.Parse(json) is not { } document || TokenText.Text(document, "issuer") != _issuer.Authority)
        {
            return (null, "the discovery document does not name the configured issuer");
        }

        if (Address(document, "jwks_uri") is not { } keySet)
        {
            return (null, "the discovery document names no usable `jwks_uri`");
        }

        var saysIssuer = document.TryGetProperty("authorization_response_iss_parameter_supported", out var says) && says.ValueKind == JsonValueKind.True;
        return (new(keySet, Address(document, "authorization_endpoint"), Address(document, "token_endpoint"), saysIssuer), null);
    }

    /// <summary>True when a problem of <see cref="PostAsync"/> is the issuer's own no (RFC 6749 section 5.2), and not trouble in asking.</summary>
    public static bool IsRefusal(string? problem) => problem is _refusedForm or _refusedClient;

    /// <summary>A small document, or null with a reason.</summary>
    public Task<(byte[]? Body, string? Problem)> GetAsync(Uri address, CancellationToken cancellationToken) => _documents.GetAsync(address, null, cancellationToken);

    /// <summary>A form, answered with a small document; null with a reason otherwise.</summary>
    public Task<(byte[]? Body, string? Problem)> PostAsync(Uri address, IEnumerable<KeyValuePair<string, string>> form, CancellationToken cancellationToken) =>
        _documents.PostAsync(address, form, cancellationToken);

    public void Dispose() => _documents.Dispose();

    private static Uri? Address(JsonElement document, string name) =>
        TokenText.Text(document, name) is { } text && Uri.TryCreate(text, UriKind.Absolute, out var address) && Addresses.MayFetch(address) ? address : null;
}
