using System.Text.Json;
using System.Text.Json.Nodes;

// the command line's own client: it asks gateways and issuers, never targets
#pragma warning disable RS0030

namespace Postern.Cli.SignIn;

/// <summary>An issuer's endpoints (RFC 8414, OpenID Connect Discovery).</summary>
internal sealed record IssuerEndpoints(string Issuer, Uri? Authorization, Uri Token, Uri? Device, Uri? Revocation, bool SaysIssuer, bool OffersRefresh);

/// <summary>Asks gateways and issuers: small JSON documents, no redirects, https or this machine.</summary>
internal sealed class OAuthClient : IDisposable
{
    private const int MaxAnswer = 256 * 1024;
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 16 };
    private readonly HttpClient _http;

    public OAuthClient(HttpMessageHandler? handler = null) =>
        _http = new(handler ?? new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false })
        {
            Timeout = TimeSpan.FromSeconds(15),
            MaxResponseContentBufferSize = MaxAnswer,
        };

    /// <summary>Which issuer vouches for people at this gateway (RFC 9728), and under which audience.</summary>
    /// <param name="gateway">As the person wrote it.</param>
    /// <param name="wanted">The issuer's URL when the gateway trusts several; null for the only one.</param>
    /// <param name="cancellationToken">Interrupt.</param>
    public async Task<(string Resource, string Issuer)> AskGatewayAsync(Uri gateway, string? wanted, CancellationToken cancellationToken)
    {
        var document = await GetAsync(new Uri($"{gateway.GetLeftPart(UriPartial.Authority)}/.well-known/oauth-protected-resource{gateway.AbsolutePath.TrimEnd('/')}"), "gateway", cancellationToken);

        // RFC 9728 section 3.3: otherwise the token could be meant for, and sent to, someone else
        var resource = Text(document, "resource");
        if (resource != SignInStore.Name(gateway))
        {
            throw new SignInException($"the gateway calls itself `{resource}`, not `{SignInStore.Name(gateway)}`; use that URL");
        }

        var servers = (document["authorization_servers"] as JsonArray)?.Select(server => server is JsonValue value && value.TryGetValue<string>(out var text) ? text : null).OfType<string>().ToArray() ?? [];
        return (servers, wanted) switch
        {
            ([var only], null) => (resource, only),
            ([], _) => throw new SignInException("the gateway names no issuer"),
            (_, null) => throw new SignInException($"the gateway trusts several issuers; choose one with `--issuer`: {string.Join(", ", servers)}"),
            _ when servers.Contains(wanted, StringComparer.Ordinal) => (resource, wanted),
            _ => throw new SignInException($"the gateway does not trust `{wanted}`; it trusts {string.Join(", ", servers)}"),
        };
    }

    /// <summary>The issuer's endpoints.</summary>
    public async Task<IssuerEndpoints> DiscoverAsync(string issuer, CancellationToken cancellationToken)
    {
        if (!Uri.TryCreate(issuer, UriKind.Absolute, out var root))
        {
            throw new SignInException("the gateway names an issuer that is no URL");
        }

        var document = await GetAsync(new Uri($"{root.AbsoluteUri.TrimEnd('/')}/.well-known/openid-configuration"), "issuer", cancellationToken);
        if (Text(document, "issuer") != issuer || Address(document, "token_endpoint") is not { } token)
        {
            throw new SignInException($"`{issuer}` does not describe itself as an OpenID issuer");
        }

        return new(
            issuer,
            Address(document, "authorization_endpoint"),
            token,
            Address(document, "device_authorization_endpoint"),
            Address(document, "revocation_endpoint"),
            document["authorization_response_iss_parameter_supported"] is JsonValue says && says.TryGetValue<bool>(out var yes) && yes,
            document["scopes_supported"] is JsonArray scopes && scopes.Any(scope => scope?.ToString() == "offline_access"));
    }

    /// <summary>Posts a form; the answer, and the OAuth error code when it is one.</summary>
    public async Task<(JsonObject Answer, string? Error)> PostAsync(Uri endpoint, IEnumerable<KeyValuePair<string, string>> form, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, endpoint) { Content = new FormUrlEncodedContent(form) };
        var (status, answer) = await SendAsync(request, "issuer", cancellationToken);
        return (answer, status == System.Net.HttpStatusCode.OK ? null : ErrorOf(answer));
    }

    private static string ErrorOf(JsonObject answer) => Text(answer, "error") is { Length: > 0 and <= 64 } code && code.All(c => char.IsAsciiLetterLower(c) || c == '_') ? code : "unknown_error";

    /// <summary>Takes a token back (RFC 7009); null when that worked, the error code otherwise. The answer to success has no body.</summary>
    public async Task<string?> RevokeAsync(Uri endpoint, IEnumerable<KeyValuePair<string, string>> form, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, endpoint) { Content = new FormUrlEncodedContent(form) };
        try
        {
            using var answer = await _http.SendAsync(request, cancellationToken);
            return answer.StatusCode == System.Net.HttpStatusCode.OK ? null : ErrorOf(JsonNode.Parse(await answer.Content.ReadAsByteArrayAsync(cancellationToken), documentOptions: Strict) as JsonObject ?? []);
        }
        catch (Exception fault) when (fault is JsonException or ArgumentException)
        {
            return "unknown_error";
        }
        catch (Exception fault) when (fault is HttpRequestException or IOException || (fault is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return "it cannot be reached";
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    public static string? Text(JsonObject json, string name) => json[name] is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;

    public static int? Number(JsonObject json, string name) => json[name] is JsonValue value && value.TryGetValue<int>(out var number) ? number : null;

    private static Uri? Address(JsonObject json, string name) => Uri.TryCreate(Text(json, name), UriKind.Absolute, out var address) && MayAsk(address) ? address : null;

    // tokens and codes travel in the clear to this machine alone
    private static bool MayAsk(Uri address) => address.UserInfo.Length == 0 && (address.Scheme == Uri.UriSchemeHttps || (address.Scheme == Uri.UriSchemeHttp && address.IsLoopback));

    private async Task<JsonObject> GetAsync(Uri address, string whom, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        var (status, answer) = await SendAsync(request, whom, cancellationToken);
        return status == System.Net.HttpStatusCode.OK ? answer : throw new SignInException($"the {whom} at `{address.GetLeftPart(UriPartial.Authority)}` answered with status {(int)status}; is the URL right?");
    }

    private async Task<(System.Net.HttpStatusCode Status, JsonObject Answer)> SendAsync(HttpRequestMessage request, string whom, CancellationToken cancellationToken)
    {
        var address = request.RequestUri!;
        if (!MayAsk(address))
        {
            throw new SignInException($"expected https (or http on this machine), found `{address.GetLeftPart(UriPartial.Authority)}`");
        }

        try
        {
            using var answer = await _http.SendAsync(request, cancellationToken);
            var body = await answer.Content.ReadAsByteArrayAsync(cancellationToken);
            return (answer.StatusCode, JsonNode.Parse(body, documentOptions: Strict) as JsonObject ?? throw new JsonException());
        }
        catch (Exception fault) when (fault is JsonException or ArgumentException)
        {
            throw new SignInException($"the {whom} at `{address.GetLeftPart(UriPartial.Authority)}` did not answer with a JSON object; is the URL right?");
        }
        catch (Exception fault) when (fault is HttpRequestException or IOException || (fault is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            throw new SignInException($"the {whom} at `{address.GetLeftPart(UriPartial.Authority)}` cannot be reached");
        }
    }
}
