using System.Text.Json;
using Postern.Core.Operations;
using Postern.Upstreams;

namespace Postern.Protocols.Kubernetes;

/// <summary>Whether an API server is there and knows the credential.</summary>
internal static class KubernetesTarget
{
    /// <summary>The gateway's own: two readings that every cluster answers.</summary>
    public const string Action = "kubernetes.target.ask";

    // `/version` is open to everybody as a rule; the groups of APIs are for those whom the server knows (`system:discovery`).
    private const string Version = "/version";
    private const string Groups = "/apis";

    public static async ValueTask<TargetAnswer> AskAsync(ProtocolServices services, Connection connection, CancellationToken cancellationToken)
    {
        var version = await GetAsync(services, connection, Version, cancellationToken).ConfigureAwait(false);
        if (version.Status == 0) return TargetErrand.Failed(version.Fault);
        if (version.Status is 401 or 403) return Refused(version.Status);
        if (VersionOf(version.Answer) is not { } name) return new(TargetState.Foreign, $"it does not answer as a Kubernetes API server: status {version.Status} for `{Version}`");
        var groups = await GetAsync(services, connection, Groups, cancellationToken).ConfigureAwait(false);
        return groups.Status switch
        {
            200 => new(TargetState.Good, $"Kubernetes {name} answers, and knows the credential"),
            0 => TargetErrand.Failed(groups.Fault),
            401 or 403 => Refused(groups.Status),
            var status => new(TargetState.Foreign, $"it does not answer as a Kubernetes API server: status {status} for `{Groups}`"),
        };
    }

    private static TargetAnswer Refused(int status) => new(TargetState.Refused, $"it does not let the gateway in: status {status}");

    private static ValueTask<TargetErrand> GetAsync(ProtocolServices services, Connection connection, string path, CancellationToken cancellationToken) =>
        new TargetErrand(services, TargetErrand.Of(connection, Action, services.Clock.GetUtcNow()), new UpstreamRequest("GET", [new("Accept", "application/json")]) { Target = path }).RunAsync(cancellationToken);

    private static string? VersionOf(ReadOnlyMemory<byte> answer)
    {
        try
        {
            using var document = JsonDocument.Parse(answer);
            return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("gitVersion", out var version) && version.ValueKind == JsonValueKind.String ? Core.Recording.VisibleText.OfLine(version.GetString()!) : null;
        }
        catch (Exception unreadable) when (unreadable is JsonException or InvalidOperationException)
        {
            return null;
        }
    }
}
