using System.Buffers;
using System.Text.Json;
using Postern.Core.Operations;
using Postern.Protocols.Mcp.Wire;
using Postern.Upstreams;

namespace Postern.Protocols.Mcp;

/// <summary>What a target defines: its tools and prompts, as it wrote them.</summary>
internal sealed record McpCatalogue(List<McpListItem> Tools, List<McpListItem> Prompts);

/// <summary>Reads what a target defines, as the gateway's own identity, every message through the pipeline.</summary>
internal sealed class McpDefinitionReader(ProtocolServices services, Connection connection)
{
    private const int MaxPages = 100;

    private string _version = McpVersions.Stateless;
    private string? _session;
    private int _id;

    /// <summary>What came of the last message that wanted an answer: says why nothing could be read.</summary>
    public GatewayExchange? Last { get; private set; }

    /// <summary>Reads everything, or returns null when the target cannot be read at the moment.</summary>
    public async ValueTask<McpCatalogue?> ReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            var tools = await ListAsync(McpMethods.ToolsList, cancellationToken).ConfigureAwait(false);
            if (tools is null)
            {
                // Not a server of the stateless era, or one without tools: open a session as the older revisions want.
                if (!await TryInitializeAsync(cancellationToken).ConfigureAwait(false)) return null;
                tools = await ListAsync(McpMethods.ToolsList, cancellationToken).ConfigureAwait(false);
            }
            var prompts = await ListAsync(McpMethods.PromptsList, cancellationToken).ConfigureAwait(false);
            // A session that answers neither list has neither; a target that was never reached is not a target without tools.
            return new McpCatalogue(tools ?? [], prompts ?? []);
        }
        catch (Core.Pipeline.UpstreamException)
        {
            return null;
        }
        finally
        {
            if (_session is not null) await SendAsync("DELETE", method: null, default, cancellationToken).ConfigureAwait(false);
        }
    }

    private async ValueTask<List<McpListItem>?> ListAsync(string method, CancellationToken cancellationToken)
    {
        var items = new List<McpListItem>();
        string? cursor = null;
        for (var page = 0; page < MaxPages; page++)
        {
            var exchange = await SendAsync("POST", method, Request(method, cursor), cancellationToken).ConfigureAwait(false);
            if (SaysOurVersionIsServed(exchange)) exchange = await SendAsync("POST", method, Request(method, cursor), cancellationToken).ConfigureAwait(false);
            if (exchange.Response is not { } response) return null;
            var message = JsonRpcReader.Read(response.Span);
            if (message.Kind != JsonRpcKind.Result || message.Items.IsEmpty) return null;
            using var result = JsonDocument.Parse(message.Result.Of(response));
            // 2026-07-28 gives every result a type. A server that leaves it out is an older one that answers before it knows who asks;
            // what it defines within a session may be more.
            if (_version == McpVersions.Stateless && !result.RootElement.TryGetProperty("resultType", out _)) return null;
            items.AddRange(McpList.Read(message.Items.Of(response), McpList.NameMember(method)));
            cursor = result.RootElement.TryGetProperty("nextCursor", out var next) && next.ValueKind == JsonValueKind.String ? next.GetString() : null;
            if (cursor is null) return items;
        }
        return null;
    }

    /// <summary>A refusal of the version (2026-07-28, <c>-32022</c>) that lists the very version: a server in change; once more, before the older way.</summary>
    private bool SaysOurVersionIsServed(GatewayExchange exchange)
    {
        if (exchange.Response is not { } response) return false;
        var message = JsonRpcReader.Read(response.Span);
        if (message.Kind != JsonRpcKind.Error || McpReplies.CodeOf(message.Error.Of(response)) != JsonRpcCodes.UnsupportedVersion) return false;
        using var error = JsonDocument.Parse(message.Error.Of(response));
        return error.RootElement.TryGetProperty("data", out var data) && data.ValueKind == JsonValueKind.Object
            && data.TryGetProperty("supported", out var supported) && supported.ValueKind == JsonValueKind.Array
            && supported.EnumerateArray().Any(version => version.ValueKind == JsonValueKind.String && version.ValueEquals(_version));
    }

    private async ValueTask<bool> TryInitializeAsync(CancellationToken cancellationToken)
    {
        _version = McpVersions.NewestOfSessions;
        var exchange = await SendAsync("POST", McpMethods.Initialize, Initialize(), cancellationToken).ConfigureAwait(false);
        if (exchange.Response is not { } response) return false;
        var message = JsonRpcReader.Read(response.Span);
        if (message.Kind != JsonRpcKind.Result) return false;
        _session = exchange.SessionId;
        using (var result = JsonDocument.Parse(message.Result.Of(response)))
        {
            if (result.RootElement.ValueKind == JsonValueKind.Object && result.RootElement.TryGetProperty("protocolVersion", out var version) && version.ValueKind == JsonValueKind.String)
                _version = version.GetString()!;
        }
        if (!McpVersions.IsOfSessions(_version)) return false;
        await SendAsync("POST", McpMethods.Initialized, """{"jsonrpc":"2.0","method":"notifications/initialized"}"""u8.ToArray(), cancellationToken).ConfigureAwait(false);
        return true;
    }

    private async ValueTask<GatewayExchange> SendAsync(string httpMethod, string? method, ReadOnlyMemory<byte> body, CancellationToken cancellationToken)
    {
        var headers = new List<KeyValuePair<string, string>>
        {
            new("Accept", "application/json, text/event-stream"),
        };
        if (httpMethod == "POST") headers.Add(new("Content-Type", "application/json"));
        if (method is not McpMethods.Initialize) headers.Add(new(McpHeaders.ProtocolVersion, _version));
        if (_version == McpVersions.Stateless && method is not null) headers.Add(new(McpHeaders.Method, method));
        if (_session is not null) headers.Add(new(McpHeaders.SessionId, _session));
        var operation = McpOperations.OfGateway(connection, McpActions.ReadDefinitions, body, parent: null, services.Clock.GetUtcNow());
        var exchange = new GatewayExchange(services, operation, new UpstreamRequest(httpMethod, headers));
        await services.Pipeline.RunAsync(exchange, GatewayExchange.Self, cancellationToken).ConfigureAwait(false);
        if (httpMethod == "POST") Last = exchange;
        return exchange;
    }

    private ReadOnlyMemory<byte> Request(string method, string? cursor) => Compose(method, writer =>
    {
        if (cursor is not null) writer.WriteString("cursor", cursor);
        if (_version != McpVersions.Stateless) return;
        writer.WriteStartObject("_meta");
        writer.WriteString("io.modelcontextprotocol/protocolVersion", _version);
        writer.WriteStartObject("io.modelcontextprotocol/clientCapabilities");
        writer.WriteEndObject();
        writer.WritePropertyName("io.modelcontextprotocol/clientInfo");
        WriteSelf(writer);
        writer.WriteEndObject();
    });

    private ReadOnlyMemory<byte> Initialize() => Compose(McpMethods.Initialize, writer =>
    {
        writer.WriteString("protocolVersion", _version);
        writer.WriteStartObject("capabilities");
        writer.WriteEndObject();
        writer.WritePropertyName("clientInfo");
        WriteSelf(writer);
    });

    private static void WriteSelf(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("name", "postern");
        writer.WriteString("version", typeof(McpDefinitionReader).Assembly.GetName().Version?.ToString(3) ?? "0");
        writer.WriteEndObject();
    }

    private ReadOnlyMemory<byte> Compose(string method, Action<Utf8JsonWriter> writeParams)
    {
        var output = new ArrayBufferWriter<byte>();
        using var writer = new Utf8JsonWriter(output);
        writer.WriteStartObject();
        writer.WriteString("jsonrpc", "2.0");
        writer.WriteNumber("id", ++_id);
        writer.WriteString("method", method);
        writer.WriteStartObject("params");
        writeParams(writer);
        writer.WriteEndObject();
        writer.WriteEndObject();
        writer.Flush();
        return output.WrittenMemory;
    }
}
