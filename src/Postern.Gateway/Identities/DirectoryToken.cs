using Postern.Gateway.Configuration;

namespace Postern.Gateway.Identities;

/// <summary>The gateway's own token for the directory (OAuth 2.0 client credentials, RFC 6749 section 4.4), used until a minute before its end.</summary>
internal sealed class DirectoryToken(DirectoryOptions options, SigningKeys keys, DocumentClient documents, TimeProvider clock)
{
    private const int MaxLength = 16 * 1024;
    private static readonly TimeSpan Margin = TimeSpan.FromMinutes(1);
    private sealed record Held(string Text, DateTimeOffset Until);

    private Held? _held;

    /// <summary>A token, or null with a reason.</summary>
    public async Task<(string? Token, string? Problem)> CurrentAsync(CancellationToken cancellationToken)
    {
        var now = clock.GetUtcNow();
        if (Volatile.Read(ref _held) is { } held && held.Until > now) return (held.Text, null);
        if (await EndpointAsync(cancellationToken).ConfigureAwait(false) is not { } endpoint) return (null, "the issuer names no token endpoint; write `directory.tokenUrl`");
        var form = new KeyValuePair<string, string>[]
        {
            new("grant_type", "client_credentials"), new("client_id", options.ClientId), new("client_secret", options.ClientSecret), new("scope", options.Scope),
        };
        var (body, problem) = await documents.PostAsync(endpoint, form, cancellationToken).ConfigureAwait(false);
        if (body is null) return (null, problem);
        if (TokenText.Parse(body) is not { } json || TokenText.Text(json, "access_token") is not { Length: > 0 and <= MaxLength } token || token.Any(character => character is <= ' ' or >= '\x7f')
            || !string.Equals(TokenText.Text(json, "token_type"), "Bearer", StringComparison.OrdinalIgnoreCase))
        {
            return (null, "the token endpoint's answer is no bearer token");
        }
        if (json.TryGetProperty("expires_in", out var life) && TokenText.TryInteger(life, out var seconds) && seconds is > 60 and <= 86_400) Volatile.Write(ref _held, new(token, now + TimeSpan.FromSeconds(seconds) - Margin));
        return (token, null);
    }

    /// <summary>This one was not taken.</summary>
    public void Forget(string token)
    {
        if (Volatile.Read(ref _held) is { } held && string.Equals(held.Text, token, StringComparison.Ordinal)) Volatile.Write(ref _held, null);
    }

    private async ValueTask<Uri?> EndpointAsync(CancellationToken cancellationToken) =>
        options.TokenUrl is { } configured ? new Uri(configured) : (await keys.CurrentAsync(cancellationToken).ConfigureAwait(false))?.Metadata.Token;
}
