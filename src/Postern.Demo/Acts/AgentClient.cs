using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Postern.Demo.Acts;

/// <summary>What a call gave the agent.</summary>
/// <param name="Result">The JSON-RPC result.</param>
/// <param name="Time">From the first byte sent to the last received.</param>
internal sealed record AgentReply(JsonObject Result, TimeSpan Time)
{
    /// <summary>True when the tool, or the gateway in its place, said no.</summary>
    public bool IsError => (bool?)Result["isError"] ?? false;

    /// <summary>What the gateway says of its decision; null when the tool itself answered.</summary>
    public JsonObject? Decision => Result["_meta"]?["postern/decision"] as JsonObject;

    /// <summary>The text that a model would read.</summary>
    public string Text => (string?)Result["content"]?[0]?["text"] ?? "";

    /// <summary>The data that a program would read.</summary>
    public JsonObject? Data => Result["structuredContent"] as JsonObject;
}

/// <summary>The demo's AI agent: a plain MCP client over Streamable HTTP that knows nothing of Postern but a URL and a token.</summary>
internal sealed class AgentClient : IDisposable
{
    private const string Revision = "2025-11-25";

    // As the official clients: a call that people must agree to first is waited for, but not for ever.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly LoopbackHttp _http = new(Patience);
    private readonly Uri _endpoint;
    private readonly TimeProvider _clock;
    private readonly AuthenticationHeaderValue _token;
    private string? _session;
    private int _lastId;

    public AgentClient(Uri endpoint, string token, TimeProvider clock)
    {
        _endpoint = endpoint;
        _clock = clock;
        _token = new AuthenticationHeaderValue("Bearer", token);
    }

    /// <summary>Begins a session.</summary>
    public async Task ConnectAsync(CancellationToken cancellationToken)
    {
        _ = await AskAsync("initialize", new JsonObject
        {
            ["protocolVersion"] = Revision,
            ["capabilities"] = new JsonObject(),
            ["clientInfo"] = new JsonObject { ["name"] = "demo-agent", ["version"] = "1.0" },
        }, cancellationToken);
        using var accepted = await PostAsync(new JsonObject { ["jsonrpc"] = "2.0", ["method"] = "notifications/initialized" }, cancellationToken);
    }

    /// <summary>The names of the tools that this agent is shown.</summary>
    public async Task<IReadOnlyList<string>> ToolsAsync(CancellationToken cancellationToken)
    {
        var reply = await AskAsync("tools/list", [], cancellationToken);
        return [.. reply.Result["tools"]!.AsArray().Select(tool => (string)tool!["name"]!)];
    }

    /// <summary>Calls a tool.</summary>
    public Task<AgentReply> CallAsync(string tool, JsonObject arguments, CancellationToken cancellationToken) =>
        AskAsync("tools/call", new JsonObject { ["name"] = tool, ["arguments"] = arguments }, cancellationToken);

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private async Task<AgentReply> AskAsync(string method, JsonObject parameters, CancellationToken cancellationToken)
    {
        var id = ++_lastId;
        var started = _clock.GetTimestamp();
        using var response = await PostAsync(new JsonObject { ["jsonrpc"] = "2.0", ["id"] = id, ["method"] = method, ["params"] = parameters }, cancellationToken);
        var body = await response.Content.ReadAsStringAsync(cancellationToken);
        var time = _clock.GetElapsedTime(started);
        if (response.Headers.TryGetValues("Mcp-Session-Id", out var session)) _session = session.Single();
        if (response.StatusCode != HttpStatusCode.OK) throw new DemoException($"{method}: the gateway answered {(int)response.StatusCode} {Start(body)}");
        foreach (var message in Messages(response, body))
        {
            if (message["id"] is not JsonValue answered || !answered.TryGetValue<int>(out var number) || number != id) continue;
            if (message["result"] is JsonObject result) return new AgentReply(result, time);
            throw new DemoException($"{method}: {message["error"]?["message"]}");
        }
        throw new DemoException($"{method}: the stream ended without an answer");
    }

    private async Task<HttpResponseMessage> PostAsync(JsonObject message, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, _endpoint) { Content = new StringContent(message.ToJsonString(), Encoding.UTF8) };
        request.Headers.Authorization = _token;
        request.Headers.Accept.ParseAdd("application/json, text/event-stream");
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        if (_session is not null)
        {
            request.Headers.Add("Mcp-Session-Id", _session);
            request.Headers.Add("MCP-Protocol-Version", Revision);
        }
        return await _http.SendAsync(request, cancellationToken);
    }

    private static IEnumerable<JsonObject> Messages(HttpResponseMessage response, string body)
    {
        var texts = response.Content.Headers.ContentType?.MediaType == "text/event-stream"
            ? body.Split('\n').Where(line => line.StartsWith("data:", StringComparison.Ordinal)).Select(line => line[5..].Trim()).Where(data => data.Length > 0)
            : [body];
        foreach (var text in texts)
        {
            JsonNode? node;
            try
            {
                node = JsonNode.Parse(text);
            }
            catch (JsonException)
            {
                throw new DemoException($"the answer is not JSON: {Start(text)}");
            }
            if (node is JsonObject message) yield return message;
        }
    }

    private static string Start(string text) => text.Length <= 160 ? text : text[..160] + " …";
}
