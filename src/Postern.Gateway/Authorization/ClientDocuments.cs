// the control plane asks for what describes a client; no operation travels here
#pragma warning disable RS0030

using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;
using Postern.Gateway.Identities;

namespace Postern.Gateway.Authorization;

/// <summary>
/// Clients that a document at their <c>client_id</c> describes (Client ID Metadata Documents). Whoever sends a person here makes the
/// gateway fetch an address of their choice: so only hosts that an operator named are asked, over https, at addresses that are
/// everybody's, without redirects, for a small answer, soon, and not many at once.
/// </summary>
internal sealed partial class ClientDocuments : IDisposable
{
    /// <summary>The largest document, in bytes.</summary>
    public const int MaxDocument = 16 * 1024;

    /// <summary>How long one may take.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>How long one is used before it is read again.</summary>
    public static readonly TimeSpan Life = TimeSpan.FromMinutes(10);

    /// <summary>How long it is remembered that there is none.</summary>
    public static readonly TimeSpan MissLife = TimeSpan.FromMinutes(1);

    private const int Capacity = 1000;
    private const int AtOnce = 8;
    private const int MaxRedirects = 20;
    private const int MaxName = 80;
    private readonly ImmutableArray<string> _hosts;
    private readonly HttpMessageInvoker _http;
    private readonly TimeProvider _clock;
    private readonly ILogger _log;
    private readonly SemaphoreSlim _turns = new(AtOnce);
    private readonly ConcurrentDictionary<string, (OAuthClient? Client, DateTimeOffset Until)> _known = new(StringComparer.Ordinal);

    /// <param name="hosts">Whose documents are read.</param>
    /// <param name="allowsInside">Whether they may have addresses inside the organisation.</param>
    /// <param name="clock">All time.</param>
    /// <param name="log">Learns why a document is no client.</param>
    /// <param name="handler">Answers in place of the network.</param>
    /// <param name="dialer">Connects; by default to the machine's own resolution of names.</param>
    public ClientDocuments(ImmutableArray<string> hosts, bool allowsInside, TimeProvider clock, ILogger log, HttpMessageHandler? handler = null, IssuerDialer? dialer = null)
    {
        (_hosts, _clock, _log) = (hosts, clock, log);
        _http = new HttpMessageInvoker(handler ?? new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,

            // Through a proxy the name would be resolved, and connected to, where nobody judges the address.
            UseProxy = false,
            MaxConnectionsPerServer = 2,
            MaxResponseHeadersLength = 16,
            ConnectTimeout = Patience,
            ConnectCallback = (dialer ?? new IssuerDialer(mayBeInside: allowsInside)).DialAsync,
            PooledConnectionLifetime = TimeSpan.FromMinutes(1),
        });
    }

    /// <summary>True for what <c>clientDocuments.hosts</c> may hold.</summary>
    public static bool IsHostPattern(string host) => host == "*" || HostPattern().IsMatch(host);

    /// <summary>The client that the document at this address describes, or null.</summary>
    public async ValueTask<OAuthClient?> FindAsync(string id, CancellationToken cancellationToken)
    {
        if (Complaint(id) is { } complaint)
        {
            LogNone(_log, id, complaint);
            return null;
        }
        var now = _clock.GetUtcNow();
        if (_known.TryGetValue(id, out var known) && known.Until > now) return known.Client;

        // Nobody waits in line for what a stranger asked for.
        if (!await _turns.WaitAsync(TimeSpan.Zero, cancellationToken).ConfigureAwait(false)) return known.Client;
        try
        {
            var (client, problem) = await FetchAsync(id, cancellationToken).ConfigureAwait(false);
            if (problem is not null) LogNone(_log, id, problem);
            if (_known.Count >= Capacity) DropOver(now);
            if (_known.Count < Capacity || _known.ContainsKey(id)) _known[id] = (client, now + (client is null ? MissLife : Life));
            return client;
        }
        finally
        {
            _turns.Release();
        }
    }

    public void Dispose()
    {
        _http.Dispose();
        _turns.Dispose();
    }

    /// <summary>Null when this may be asked; otherwise why not.</summary>
    private string? Complaint(string id)
    {
        if (!Uri.TryCreate(id, UriKind.Absolute, out var uri) || uri.Scheme != Uri.UriSchemeHttps) return "it is no https URL";

        // One spelling: what is fetched is what is compared, shown and agreed to.
        if (!string.Equals(uri.AbsoluteUri, id, StringComparison.Ordinal) || uri.UserInfo.Length > 0 || id.AsSpan().ContainsAny("#?\\@") || uri.AbsolutePath.Length < 2 || !uri.IsDefaultPort || id.Contains("%2", StringComparison.Ordinal)) return "it is not in its one spelling: https, host, a path, and nothing else";
        if (IPAddress.TryParse(uri.Host.Trim('[', ']'), out _)) return "it names an address instead of a host";
        return _hosts.Any(pattern => IsOn(pattern, uri.IdnHost)) ? null : "its host is none whose documents are read";
    }

    private static bool IsOn(string pattern, string host) =>
        pattern == "*" || string.Equals(pattern, host, StringComparison.OrdinalIgnoreCase)
        || (pattern.StartsWith("*.", StringComparison.Ordinal) && host.Length > pattern.Length - 1 && host.EndsWith(pattern[1..], StringComparison.OrdinalIgnoreCase));

    private async Task<(OAuthClient? Client, string? Problem)> FetchAsync(string id, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Patience);
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, id);
            request.Headers.TryAddWithoutValidation("Accept", "application/json");
            using var answer = await _http.SendAsync(request, limit.Token).ConfigureAwait(false);
            if (answer.StatusCode != HttpStatusCode.OK) return (null, $"it answers with status {(int)answer.StatusCode}");
            var type = answer.Content.Headers.ContentType?.MediaType;
            if (type is not "application/json" && type?.EndsWith("+json", StringComparison.Ordinal) != true) return (null, "it is no JSON");
            await using var body = await answer.Content.ReadAsStreamAsync(limit.Token).ConfigureAwait(false);
            var buffer = new byte[MaxDocument + 1];
            var length = await body.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, limit.Token).ConfigureAwait(false);
            return length > MaxDocument ? (null, "it is too large") : Read(id, buffer.AsSpan(0, length));
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return (null, "it did not come in time");
        }
        catch (Exception fault) when (fault is HttpRequestException or IOException or InvalidOperationException)
        {
            return (null, "it cannot be fetched");
        }
    }

    private static (OAuthClient? Client, string? Problem) Read(string id, ReadOnlySpan<byte> json)
    {
        if (TokenText.Parse(json) is not { } document) return (null, "it is no strict JSON object");

        // Otherwise one host could describe another's client.
        if (TokenText.Text(document, "client_id") != id) return (null, "it describes another client");
        if (document.TryGetProperty("client_secret", out _) || document.TryGetProperty("client_secret_expires_at", out _)) return (null, "it publishes a secret");
        var host = new Uri(id).IdnHost;
        if (!document.TryGetProperty("redirect_uris", out var uris) || uris.ValueKind != JsonValueKind.Array || uris.GetArrayLength() is 0 or > MaxRedirects) return (null, "it names no redirect URIs, or too many");
        var redirects = ImmutableArray.CreateBuilder<string>();
        foreach (var uri in uris.EnumerateArray())
        {
            // Whoever runs the host vouches for the host alone, and for what runs on a person's own machine nobody does.
            if (uri.ValueKind != JsonValueKind.String || uri.GetString() is not { } redirect || RedirectRules.Complaint(redirect, allowsPrivateSchemes: false) is not null) continue;
            if (RedirectRules.IsLoopback(redirect) || string.Equals(new Uri(redirect).IdnHost, host, StringComparison.OrdinalIgnoreCase)) redirects.Add(redirect);
        }
        if (redirects.Count == 0) return (null, "none of its redirect URIs is on its own host or on the person's machine");
        var name = TokenText.Text(document, "client_name") is { Length: > 0 } said ? said[..Math.Min(said.Length, MaxName)] : host;
        var client = new OAuthClient(id, name, ClientOrigin.Document) { Redirects = redirects.DrainToImmutable() };
        switch (TokenText.Text(document, "token_endpoint_auth_method"))
        {
            case null or "none":
                return (client, null);
            case "private_key_jwt" when document.TryGetProperty("jwks", out var keys) && IssuerKey.ReadSet(System.Text.Encoding.UTF8.GetBytes(keys.GetRawText())) is { IsEmpty: false } set:
                return (client with { Proof = ClientProof.Key, Keys = set }, null);
            default:
                return (null, "it wants to authenticate in a way that is not read: expected `none`, or `private_key_jwt` with `jwks` in it");
        }
    }

    private void DropOver(DateTimeOffset now)
    {
        foreach (var (id, known) in _known)
        {
            if (known.Until <= now) _known.TryRemove(id, out _);
        }
    }

    [GeneratedRegex(@"^(\*\.)?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+\z", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant)]
    private static partial Regex HostPattern();

    [LoggerMessage(Level = LogLevel.Warning, Message = "no client at {Id}: {Problem}")]
    private static partial void LogNone(ILogger log, string id, string problem);
}
