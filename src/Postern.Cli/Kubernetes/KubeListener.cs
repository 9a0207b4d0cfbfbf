using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;

#pragma warning disable RS0030 // asks the gateway itself, never a target

namespace Postern.Cli.Kubernetes;

/// <summary>Where kubectl finds the gateway, and whom it must trust there.</summary>
/// <param name="Url">The base of the clusters' URLs; no trailing slash.</param>
/// <param name="Authority">The certificate authority in PEM; null when the system's own are meant.</param>
/// <param name="Connections">The clusters.</param>
internal sealed record KubeListener(string Url, string? Authority, IReadOnlyList<string> Connections)
{
    private const string WellKnown = "/.well-known/postern-kubernetes";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <exception cref="CommandException">There is no gateway, or it serves no cluster.</exception>
    public static async Task<KubeListener> AskAsync(Uri gateway, CancellationToken cancellationToken)
    {
        using var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { Timeout = Patience, MaxResponseContentBufferSize = 1024 * 1024 };
        try
        {
            using var response = await http.GetAsync(new Uri(gateway.AbsoluteUri.TrimEnd('/') + WellKnown), cancellationToken);
            if (response.StatusCode == System.Net.HttpStatusCode.NotFound) throw new CommandException(ExitCode.NotFound, $"the gateway at `{gateway}` serves no cluster; its administrator adds a connection with `protocol: kubernetes`");
            var answer = response.IsSuccessStatusCode ? await response.Content.ReadFromJsonAsync<JsonObject>(cancellationToken) : null;
            if ((string?)answer?["url"] is not { } url || answer["connections"] is not JsonArray connections) throw NotUnderstood(gateway);
            return new KubeListener(url.TrimEnd('/'), (string?)answer["certificateAuthority"], [.. connections.Select(each => (string?)each).OfType<string>()]);
        }
        catch (HttpRequestException)
        {
            throw new CommandException(ExitCode.Unreachable, $"no gateway answers at `{gateway}`; start one with `postern serve`, or name another with `--gateway`");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw NotUnderstood(gateway);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new CommandException(ExitCode.Unreachable, $"the gateway at `{gateway}` did not answer within {Patience.TotalSeconds:0} seconds; try again");
        }
    }

    private static CommandException NotUnderstood(Uri gateway) => new(ExitCode.Failure, $"`{gateway}` answers, but not as a Postern gateway does; check the URL");
}
