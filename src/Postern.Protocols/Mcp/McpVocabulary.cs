using System.Buffers;
using System.Collections.Immutable;
using System.Text.Json;
using Postern.Core.Operations;
using Postern.Protocols.Mcp.Wire;

namespace Postern.Protocols.Mcp;

/// <summary>The words that a policy may use for MCP, and the fact that each reads (policy.md section 4).</summary>
public sealed class McpVocabulary : Vocabulary
{
    /// <summary>Exact tool names.</summary>
    public const string Tool = "tool";

    /// <summary>Exact prompt names.</summary>
    public const string Prompt = "prompt";

    /// <summary>Resource URIs as written.</summary>
    public const string Uri = "uri";

    /// <summary>What the server asks the client for: <c>sampling</c>, <c>elicitation</c> or <c>roots</c>.</summary>
    public const string ServerAsk = "server_ask";

    /// <summary>Methods beyond those of the specification.</summary>
    public const string Extension = "extension";

    /// <summary>The variable that holds a call's arguments.</summary>
    public const string Args = "args";

    /// <summary>The one instance; it has no state.</summary>
    public static McpVocabulary Instance { get; } = new();

    private McpVocabulary()
    {
    }

    /// <inheritdoc/>
    public override string Name => McpProtocol.ProtocolName;

    /// <inheritdoc/>
    public override ImmutableArray<string> Protocols { get; } = [McpProtocol.ProtocolName];

    /// <inheritdoc/>
    public override ImmutableArray<SelectorKey> Keys { get; } =
    [
        new("tools", Tool) { PatternsNeedDefinition = true },
        new("prompts", Prompt) { PatternsNeedDefinition = true },
        new("uris", Uri) { Segment = '/' },
        new("server_asks", ServerAsk) { ByNameOnly = true, ClosedValues = ["sampling", "elicitation", "roots"] },
        new("extensions", Extension) { ByNameOnly = true },
    ];

    /// <inheritdoc/>
    public override ImmutableArray<ImmutableArray<string>> RequiredKeys { get; } = [["tools"], ["prompts"], ["uris"], ["server_asks"], ["extensions"]];

    /// <inheritdoc/>
    public override ImmutableArray<ImmutableArray<string>> ExclusiveKeys { get; } = [["tools", "prompts", "uris", "server_asks", "extensions"]];

    /// <inheritdoc/>
    public override ImmutableArray<WhenVariable> Variables { get; } = [new(Args, WhenType.Map) { SchemaFact = Tool }];

    /// <inheritdoc/>
    public override ImmutableArray<string> AskKeys { get; } = ["tool", "prompt", "uri", "args"];

    /// <inheritdoc/>
    public override ImmutableArray<string> OwnActions { get; } = [McpActions.ReadDefinitions, McpActions.RefuseServerAsk];

    /// <inheritdoc/>
    public override Operation ReadAsk(Connection connection, IReadOnlyDictionary<string, JsonElement> ask, IDefinitionCatalogue definitions, DateTimeOffset now)
    {
        var kinds = ask.Keys.Where(key => key is not "args").ToArray();
        if (kinds.Length != 1 || kinds[0] is not ("tool" or "prompt" or "uri"))
            throw new FormatException("expected exactly one of `tool`, `prompt` and `uri` in `ask`");
        var kind = kinds[0];
        if (ask[kind].ValueKind != JsonValueKind.String) throw new FormatException($"expected text at `{kind}`, found {Describe(ask[kind])}");
        if (ask.TryGetValue("args", out var args) && args.ValueKind != JsonValueKind.Object)
            throw new FormatException($"expected a map at `args`, found {Describe(args)}");
        if (kind is "uri" && args.ValueKind != JsonValueKind.Undefined) throw new FormatException("`args` does not go with `uri`");

        // The very message that a client would send is read the very way that a client's is.
        var body = Compose(kind, ask[kind].GetString()!, args);
        var message = JsonRpcReader.Read(body.Span);
        var pin = kind switch
        {
            "tool" => Pin(Tool),
            "prompt" => Pin(Prompt),
            _ => default,
        };
        return McpOperations.TryRead(new McpOrigin(connection, ClientRun: null, message.ClientName), McpEra.Sessions, message, body, pin, now, out var operation, out var fault)
            ? operation
            : throw new FormatException(fault.Message);

        McpPin Pin(string fact) => new(definitions.Find(connection.Name, fact, message.Name ?? "")?.Hash, definitions.IsQuarantined(connection.Name, fact, message.Name ?? ""));
    }

    private static string Describe(JsonElement element) => $"{element.ValueKind}".ToLowerInvariant();

    private static ReadOnlyMemory<byte> Compose(string kind, string name, JsonElement args)
    {
        var output = new ArrayBufferWriter<byte>();
        using var writer = new Utf8JsonWriter(output);
        writer.WriteStartObject();
        writer.WriteString("jsonrpc", "2.0");
        writer.WriteNumber("id", 1);
        writer.WriteString("method", kind switch { "tool" => McpMethods.ToolsCall, "prompt" => McpMethods.PromptsGet, _ => McpMethods.ResourcesRead });
        writer.WriteStartObject("params");
        writer.WriteString(kind is "uri" ? "uri" : "name", name);
        if (args.ValueKind == JsonValueKind.Object)
        {
            writer.WritePropertyName("arguments");
            writer.WriteRawValue(args.GetRawText());
        }
        writer.WriteEndObject();
        writer.WriteEndObject();
        writer.Flush();
        return output.WrittenMemory;
    }
}
