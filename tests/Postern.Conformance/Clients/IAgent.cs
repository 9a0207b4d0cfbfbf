using System.Text.Json;

namespace Postern.Conformance.Clients;

/// <summary>A real MCP client program, as an agent uses one.</summary>
internal interface IAgent : IAsyncDisposable
{
    /// <summary>The names of the tools it sees.</summary>
    Task<IReadOnlyList<string>> ListAsync(CancellationToken cancellationToken);

    /// <summary>Calls a tool; an error of the protocol comes back as an <see cref="AgentResult"/> too.</summary>
    Task<AgentResult> CallAsync(string tool, object arguments, CancellationToken cancellationToken);
}

/// <summary>What a call came to.</summary>
/// <param name="Text">All text blocks of the result, or the error's message.</param>
/// <param name="IsError">The result's own flag, or true for a protocol error.</param>
/// <param name="Json">Everything that the client handed out.</param>
internal sealed record AgentResult(string Text, bool IsError, string Json)
{
    /// <summary>Reads a result object as it stood on the wire.</summary>
    public static AgentResult Read(JsonElement result)
    {
        var blocks = result.TryGetProperty("content", out var content)
            ? content.EnumerateArray().Where(block => block.GetProperty("type").GetString() == "text").Select(block => block.GetProperty("text").GetString())
            : [];
        return new AgentResult(string.Join('\n', blocks), result.TryGetProperty("isError", out var flag) && flag.ValueKind == JsonValueKind.True, result.GetRawText());
    }
}
