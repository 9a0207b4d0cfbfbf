using Postern.Protocols.Mcp.Wire;

namespace Postern.Protocols.Mcp;

/// <summary>What a server asked of one client's session and the client has not answered yet.</summary>
internal sealed class ServerAsks
{
    private const int MaxWaiting = 64;
    private const int MaxOpened = 256;
    private readonly Dictionary<string, ServerAsk> _waiting = new(StringComparer.Ordinal);
    private readonly HashSet<string> _opened = new(StringComparer.Ordinal);

    /// <summary>The word of the policy for a method that servers send, or null for any other; a ping asks for nothing and needs no rule.</summary>
    public static string? WordFor(string method) => method switch
    {
        McpMethods.CreateMessage => "sampling",
        McpMethods.Elicit => "elicitation",
        McpMethods.ListRoots => "roots",
        McpMethods.Ping => McpMethods.Ping,
        _ => null,
    };

    /// <summary>False when the id waits already, or too many do.</summary>
    public bool TryAdd(ServerAsk ask)
    {
        lock (_waiting) return _waiting.Count < MaxWaiting && _waiting.TryAdd(ask.RawId, ask);
    }

    /// <summary>Remembers a link that the client was shown, whose end the server may tell of later.</summary>
    public void Opened(string elicitationId)
    {
        lock (_waiting)
        {
            if (_opened.Count < MaxOpened) _opened.Add(elicitationId);
        }
    }

    /// <summary>True for a link that this session was shown.</summary>
    public bool WasOpened(string? elicitationId)
    {
        lock (_waiting) return elicitationId is not null && _opened.Contains(elicitationId);
    }

    /// <summary>Takes a question back that nobody answered; another that came under the same id since stays.</summary>
    public void Withdraw(ServerAsk ask)
    {
        lock (_waiting)
        {
            if (_waiting.TryGetValue(ask.RawId, out var waiting) && ReferenceEquals(waiting, ask)) _waiting.Remove(ask.RawId);
        }
    }

    /// <summary>Takes the question that an answer belongs to; each is answered once.</summary>
    public ServerAsk? TryTake(string rawId)
    {
        lock (_waiting) return _waiting.Remove(rawId, out var ask) ? ask : null;
    }
}

/// <summary>One question of a server, between the client that sees it and the target that waits for the answer.</summary>
internal sealed class ServerAsk(string rawId)
{
    private readonly TaskCompletionSource<ReadOnlyMemory<byte>> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<bool> _sent = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public string RawId { get; } = rawId;

    /// <summary>The client's answer, as it wrote it.</summary>
    public Task<ReadOnlyMemory<byte>> Answer => _answer.Task;

    /// <summary>Hands the answer over; true once it is on its way to the target, false when the question is void.</summary>
    public Task<bool> AnswerAsync(ReadOnlyMemory<byte> body)
    {
        _answer.TrySetResult(body);
        return _sent.Task;
    }

    public void Finish(bool isSent) => _sent.TrySetResult(isSent);

    /// <summary>The server no longer wants the answer.</summary>
    public void TakeBack() => _answer.TrySetCanceled();
}
