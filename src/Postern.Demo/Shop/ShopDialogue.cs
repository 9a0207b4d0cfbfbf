using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace Postern.Demo.Shop;

/// <summary>
/// The shop's side of MCP, both eras on one URL: revisions that begin with <c>initialize</c> and keep a session, and the
/// stateless 2026-07-28, where every message carries its revision and headers repeat what intermediaries need.
/// </summary>
internal sealed class ShopDialogue(ShopTools tools)
{
    private const string Stateless = "2026-07-28";
    private const string NewestWithSession = "2025-11-25";
    private static readonly string[] WithSession = ["2025-03-26", "2025-06-18", NewestWithSession];

    private readonly ConcurrentDictionary<string, string> _sessions = new(StringComparer.Ordinal);

    /// <summary>Answers one message.</summary>
    public ShopReply Answer(ShopMessage message, IHeaderDictionary headers)
    {
        var version = headers["MCP-Protocol-Version"].ToString();
        if (message.Version is not null || version == Stateless) return AnswerStateless(message, headers, version);
        if (message.Method == "initialize") return Initialize(message);
        return AnswerInSession(message, headers, version);
    }

    /// <summary>Ends a session; false when there is none of this id.</summary>
    public bool End(string session) => _sessions.TryRemove(session, out _);

    private ShopReply Initialize(ShopMessage message)
    {
        if (message.Id is null) return ShopReply.Error(400, null, -32600, "initialize is a request; it needs an id");
        var asked = ShopMessage.TextOf(message.Parameters, "protocolVersion");
        if (asked is null) return ShopReply.Error(200, message.Id, -32602, "initialize needs protocolVersion");
        var agreed = WithSession.Contains(asked) ? asked : NewestWithSession;
        var session = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        _sessions[session] = agreed;
        return ShopReply.Result(message.Id, new JsonObject
        {
            ["protocolVersion"] = agreed,
            ["capabilities"] = Capabilities(),
            ["serverInfo"] = ServerInfo(),
            ["instructions"] = Instructions,
        }) with { Session = session };
    }

    private ShopReply AnswerInSession(ShopMessage message, IHeaderDictionary headers, string version)
    {
        var session = headers["Mcp-Session-Id"].ToString();
        if (session.Length == 0) return ShopReply.Error(400, message.Id, -32600, "Mcp-Session-Id is missing; begin with initialize");
        if (!_sessions.TryGetValue(session, out var agreed)) return ShopReply.Error(404, message.Id, -32600, "this session is not known; begin again with initialize");
        if (version.Length > 0 && version != agreed) return ShopReply.Error(400, message.Id, -32600, $"MCP-Protocol-Version must be {agreed}, as agreed");
        if (message.Id is null) return new ShopReply(202);
        return message.Method switch
        {
            "ping" => ShopReply.Result(message.Id, []),
            "tools/list" => ShopReply.Result(message.Id, ToolList()),
            "tools/call" => Call(message),
            _ => ShopReply.Error(200, message.Id, -32601, "method not found"),
        };
    }

    private ShopReply AnswerStateless(ShopMessage message, IHeaderDictionary headers, string version)
    {
        if (message.Version is not { } stated) return ShopReply.Error(400, message.Id, -32602, "_meta must state the protocol version");
        if (version != stated) return ShopReply.Error(400, message.Id, -32020, "MCP-Protocol-Version and _meta differ");
        if (stated != Stateless)
        {
            return ShopReply.Error(400, message.Id, -32022, "unsupported protocol version",
                new JsonObject { ["supported"] = new JsonArray(Stateless), ["requested"] = stated });
        }
        if (headers["Mcp-Method"].ToString() != message.Method) return ShopReply.Error(400, message.Id, -32020, "Mcp-Method and method differ");
        if (message.Method == "tools/call" && headers["Mcp-Name"].ToString() != message.Tool) return ShopReply.Error(400, message.Id, -32020, "Mcp-Name and params.name differ");
        if (message.Id is null) return new ShopReply(202);
        if (!message.HasCapabilities) return ShopReply.Error(400, message.Id, -32602, "_meta must state the client's capabilities");
        var reply = message.Method switch
        {
            "server/discover" => ShopReply.Result(message.Id, Cacheable(Discovery())),
            "tools/list" => ShopReply.Result(message.Id, Cacheable(ToolList())),
            "tools/call" => Call(message),
            _ => ShopReply.Error(404, message.Id, -32601, "method not found"),
        };
        if (reply.Message?["result"] is JsonObject result) result["resultType"] = "complete";
        return reply;
    }

    private ShopReply Call(ShopMessage message)
    {
        if (message.Tool is not { } name || tools.Call(name, message.Arguments) is not { } result) return ShopReply.Error(200, message.Id, -32602, "unknown tool");
        var reply = ShopReply.Result(message.Id, result);
        if (message.ProgressToken is not { } token) return reply;
        return reply with
        {
            Progress = new JsonObject
            {
                ["jsonrpc"] = "2.0",
                ["method"] = "notifications/progress",
                ["params"] = new JsonObject { ["progressToken"] = ShopReply.Node(token), ["progress"] = 1, ["total"] = 2 },
            },
        };
    }

    private static JsonObject Discovery() => new()
    {
        ["supportedVersions"] = new JsonArray(Stateless),
        ["capabilities"] = Capabilities(),
        ["instructions"] = Instructions,
        ["_meta"] = new JsonObject { ["io.modelcontextprotocol/serverInfo"] = ServerInfo() },
    };

    private static JsonObject ToolList() => new() { ["tools"] = new JsonArray([.. ToolDefinitions.All.Select(tool => tool.DeepClone())]) };

    private static JsonObject Cacheable(JsonObject result)
    {
        result["ttlMs"] = 60_000;
        result["cacheScope"] = "public";
        return result;
    }

    private static JsonObject Capabilities() => new() { ["tools"] = new JsonObject() };

    private static JsonObject ServerInfo() => new() { ["name"] = "shop", ["title"] = "Demo shop", ["version"] = "1.0.0" };

    private const string Instructions = "Orders, customers and refunds of a small furniture shop. Money is in euro.";
}
