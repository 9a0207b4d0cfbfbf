using System.Text.Json;
using ModelContextProtocol;
using ModelContextProtocol.Client;

namespace Postern.Conformance.Clients;

/// <summary>The official C# client.</summary>
internal sealed class SdkAgent : IAgent
{
    private readonly McpClient _client;

    private SdkAgent(McpClient client) => _client = client;

    /// <summary>The client itself, for what only some tests ask.</summary>
    public McpClient Client => _client;

    public static async Task<SdkAgent> ConnectAsync(string url, string token, CancellationToken cancellationToken, string? version = null)
    {
        var transport = new HttpClientTransport(new HttpClientTransportOptions
        {
            Endpoint = new Uri(url),
            TransportMode = HttpTransportMode.StreamableHttp,
            AdditionalHeaders = new Dictionary<string, string>(StringComparer.Ordinal) { ["Authorization"] = $"Bearer {token}" },
        });
        return new SdkAgent(await McpClient.CreateAsync(transport, new McpClientOptions { ProtocolVersion = version }, cancellationToken: cancellationToken));
    }

    public async Task<IReadOnlyList<string>> ListAsync(CancellationToken cancellationToken) =>
        [.. (await _client.ListToolsAsync(cancellationToken: cancellationToken)).Select(tool => tool.Name)];

    public async Task<AgentResult> CallAsync(string tool, object arguments, CancellationToken cancellationToken)
    {
        var given = JsonSerializer.SerializeToElement(arguments).EnumerateObject().ToDictionary(each => each.Name, each => (object?)each.Value, StringComparer.Ordinal);
        try
        {
            var result = await _client.CallToolAsync(tool, given, cancellationToken: cancellationToken);
            return AgentResult.Read(JsonSerializer.SerializeToElement(result, McpJsonUtilities.DefaultOptions));
        }
        catch (McpException refused)
        {
            return new AgentResult(refused.Message, IsError: true, refused.Message);
        }
    }

    public ValueTask DisposeAsync() => _client.DisposeAsync();
}
