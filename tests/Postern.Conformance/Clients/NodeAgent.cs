using System.Text.Json;
using Postern.Conformance.Peers;

namespace Postern.Conformance.Clients;

/// <summary>One of the official TypeScript clients, in a process of its own (tests/node/clients).</summary>
internal sealed class NodeAgent : IAgent
{
    private readonly Child _child;
    private readonly SemaphoreSlim _turn = new(1);

    private NodeAgent(Child child) => _child = child;

    /// <summary>Starts <c>v1</c> or <c>v2</c> and connects it.</summary>
    /// <param name="version">Which client.</param>
    /// <param name="url">The server.</param>
    /// <param name="token">Its bearer token.</param>
    /// <param name="era"><c>auto</c> or <c>legacy</c>; version 1 knows only the latter.</param>
    /// <param name="cancellationToken">Ends the start.</param>
    public static async Task<NodeAgent> ConnectAsync(string version, string url, string token, string era, CancellationToken cancellationToken)
    {
        var environment = new Dictionary<string, string> { ["URL"] = url, ["TOKEN"] = token, ["ERA"] = era };
        var child = Child.Start(Checkout.NodeExecutable, [Path.Combine(Checkout.Node, "clients", $"{version}.mjs")], environment);
        if (await child.ReadLineAsync(cancellationToken) is { } line && line.Contains("\"ready\":true", StringComparison.Ordinal)) return new NodeAgent(child);
        await child.DisposeAsync();
        throw new InvalidOperationException($"the {version} client did not connect: {child.Errors}");
    }

    public async Task<IReadOnlyList<string>> ListAsync(CancellationToken cancellationToken)
    {
        var answer = await AskAsync(new { @do = "list" }, cancellationToken);
        return answer.TryGetProperty("names", out var names) ? [.. names.EnumerateArray().Select(name => name.GetString()!)] : throw new InvalidOperationException(answer.GetRawText());
    }

    public async Task<AgentResult> CallAsync(string tool, object arguments, CancellationToken cancellationToken)
    {
        var answer = await AskAsync(new { @do = "call", name = tool, arguments }, cancellationToken);
        return answer.TryGetProperty("result", out var result) ? AgentResult.Read(result) : new AgentResult(answer.GetProperty("error").GetString()!, IsError: true, answer.GetRawText());
    }

    /// <summary>One order of tests/node/clients/driver.mjs, and its answer.</summary>
    public async Task<JsonElement> AskAsync(object order, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            await _child.WriteLineAsync(JsonSerializer.Serialize(order));
            var line = await _child.ReadLineAsync(cancellationToken) ?? throw new InvalidOperationException($"the client ended: {_child.Errors}");
            return JsonDocument.Parse(line).RootElement;
        }
        finally
        {
            _turn.Release();
        }
    }

    public ValueTask DisposeAsync() => _child.DisposeAsync();
}
