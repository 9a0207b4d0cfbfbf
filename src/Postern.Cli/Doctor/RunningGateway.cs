using System.Text.Json;
using System.Text.Json.Nodes;

#pragma warning disable RS0030 // the control plane's own client: it asks a gateway about itself, never a target

namespace Postern.Cli.Doctor;

/// <summary>What a gateway that runs says of itself to everybody: its name, and whether it is ready.</summary>
internal sealed class RunningGateway : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { Timeout = Patience, MaxResponseContentBufferSize = 64 * 1024 };

    /// <summary>What whoever serves at this URL calls itself (RFC 9728); null when it is no gateway, or nobody answers.</summary>
    public async Task<string?> NameAsync(string url, CancellationToken cancellationToken) =>
        (await GetAsync($"{url.TrimEnd('/')}/.well-known/oauth-protected-resource", cancellationToken))?["resource"] is JsonValue value && value.TryGetValue<string>(out var name) ? name : null;

    /// <summary>What keeps it from being ready, by part; null when it did not say.</summary>
    public async Task<IReadOnlyList<KeyValuePair<string, string>>?> ComplaintsAsync(string management, CancellationToken cancellationToken) =>
        (await GetAsync($"{management.TrimEnd('/')}/readyz", cancellationToken))?["complaints"] is JsonObject complaints
            ? [.. complaints.Where(one => one.Value is JsonValue value && value.GetValueKind() == JsonValueKind.String).Select(one => KeyValuePair.Create(one.Key, one.Value!.GetValue<string>()))]
            : null;

    public void Dispose() => _http.Dispose();

    private async Task<JsonObject?> GetAsync(string address, CancellationToken cancellationToken)
    {
        try
        {
            using var response = await _http.GetAsync(new Uri(address), cancellationToken);
            return JsonNode.Parse(await response.Content.ReadAsByteArrayAsync(cancellationToken)) as JsonObject;
        }
        catch (Exception fault) when (fault is HttpRequestException or IOException or JsonException or ArgumentException || (fault is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return null;
        }
    }
}
