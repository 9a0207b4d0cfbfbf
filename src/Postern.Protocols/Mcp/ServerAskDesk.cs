using System.Text;
using System.Text.Json;
using Postern.Core.Json;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Protocols.Mcp.Wire;

namespace Postern.Protocols.Mcp;

/// <summary>
/// What a target asks of the client while one operation runs. Each question is an operation of the caller's identity, a child
/// of the one that provoked it: judged by <c>server_asks</c>, recorded, and answered with a refusal unless a rule names it.
/// </summary>
internal sealed class ServerAskDesk(McpGateway gateway, Identity identity, McpOrigin origin, McpCall call, McpWire wire, OperationId parent) : IDisposable
{
    private readonly CancellationTokenSource _over = new();
    private readonly List<Task> _running = [];

    /// <summary>Takes a question out of an event stream (sessions era). It is asked, answered and recorded beside the stream.</summary>
    public FrameVerdict Take(ReadOnlyMemory<byte> data, in JsonRpcMessage message, CancellationToken ended)
    {
        if (call.Session is null) return FrameVerdict.Drop("a request of a server without a session, to which no answer could be matched");
        if (ServerAsks.WordFor(message.Method!) is not { } word) return FrameVerdict.Drop("a request that servers do not have");
        var copy = data.ToArray();
        var operation = McpOperations.OfServerAsk(origin, word, copy, message.Params.Of(copy.AsMemory()), parent, gateway.Services.Clock.GetUtcNow());
        var exchange = new ServerAskExchange(gateway, call, wire, operation, word, Encoding.UTF8.GetString(message.Id.Of(data.Span)), _over.Token);
        _running.Add(gateway.Services.Pipeline.RunAsync(exchange, identity, ended).AsTask());
        return FrameVerdict.Ask();
    }

    /// <summary>Judges what a result of the stateless era asks for; the result is passed on only when all of it is permitted.</summary>
    /// <exception cref="UpstreamException">Something is not.</exception>
    public async ValueTask RequireAsync(ReadOnlyMemory<byte> inputRequests, CancellationToken cancellationToken)
    {
        foreach (var (word, content) in Read(inputRequests)) await RequireAsync(word, content, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Judges an error that asks the client to follow links (2025-11-25, <c>-32042</c>) as the question that it is.</summary>
    /// <exception cref="UpstreamException">A link is not what it seems, or no rule permits the question.</exception>
    public async ValueTask RequireLinksAsync(ReadOnlyMemory<byte> error, CancellationToken cancellationToken)
    {
        using var document = JsonDocument.Parse(error);
        if (StrictJson.Check(error.Span) is not null || !document.RootElement.TryGetProperty("data", out var data) || data.ValueKind != JsonValueKind.Object
            || !data.TryGetProperty("elicitations", out var links) || links.ValueKind != JsonValueKind.Array || links.GetArrayLength() == 0)
            throw new UpstreamException(RefusalCode.UpstreamInvalid, "the target asks for a link that it does not give");
        foreach (var link in links.EnumerateArray())
        {
            await RequireAsync(Elicitation.Word, Encoding.UTF8.GetBytes($$"""{"method":"{{McpMethods.Elicit}}","params":{{link.GetRawText()}}}"""), cancellationToken).ConfigureAwait(false);
            if (Elicitation.IdOf(link) is { } id) call.Session?.Asks.Opened(id);
        }
    }

    private async ValueTask RequireAsync(string word, ReadOnlyMemory<byte> question, CancellationToken cancellationToken)
    {
        var operation = McpOperations.OfServerAsk(origin, word, question, ParamsOf(question), parent, gateway.Services.Clock.GetUtcNow());
        var verdict = new AskVerdict(operation, word, wire);
        await gateway.Services.Pipeline.RunAsync(verdict, identity, cancellationToken).ConfigureAwait(false);
        if (!verdict.IsPermitted) throw new UpstreamException(RefusalCode.UpstreamInvalid, "the target asks the client for something that no rule permits, or that nobody may ask for");
    }

    /// <summary>Ends the questions that are still open, and returns when nothing of them writes any more.</summary>
    public async ValueTask CancelAsync()
    {
        await _over.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(_running).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public void Dispose() => _over.Dispose();

    private static ReadOnlyMemory<byte> ParamsOf(ReadOnlyMemory<byte> question)
    {
        using var document = JsonDocument.Parse(question);
        return document.RootElement.TryGetProperty("params", out var parameters) ? Encoding.UTF8.GetBytes(parameters.GetRawText()) : default;
    }

    private static List<(string Word, ReadOnlyMemory<byte> Content)> Read(ReadOnlyMemory<byte> inputRequests)
    {
        var asks = new List<(string, ReadOnlyMemory<byte>)>();
        using var document = JsonDocument.Parse(inputRequests);
        if (document.RootElement.ValueKind != JsonValueKind.Object) throw new UpstreamException(RefusalCode.UpstreamInvalid, "`inputRequests` is no object");
        foreach (var ask in document.RootElement.EnumerateObject())
        {
            var word = ask.Value.ValueKind == JsonValueKind.Object && ask.Value.TryGetProperty("method", out var method) && method.ValueKind == JsonValueKind.String
                ? ServerAsks.WordFor(method.GetString()!)
                : null;
            if (word is null or McpMethods.Ping) throw new UpstreamException(RefusalCode.UpstreamInvalid, "`inputRequests` asks for what the revision does not have");
            asks.Add((word, Encoding.UTF8.GetBytes(ask.Value.GetRawText())));
        }
        return asks;
    }

    /// <summary>Only the decision is wanted: what is permitted goes on inside its parent's reply.</summary>
    private sealed class AskVerdict(Operation operation, string word, McpWire wire) : IExchange
    {
        public bool IsPermitted { get; private set; }

        public Operation Operation => operation;

        public TimeSpan Patience => TimeSpan.Zero;

        public IReplySink Replies => wire;

        public ValueTask ForwardAsync(Clearance clearance, CancellationToken cancellationToken)
        {
            if (Elicitation.FaultOf(word, operation.Request, out _) is { } fault) throw new UpstreamException(RefusalCode.UpstreamInvalid, fault);
            IsPermitted = true;
            return default;
        }

        public ValueTask RefuseAsync(Refusal refusal, CancellationToken cancellationToken) => default;

        public ValueTask PendAsync(Refusal refusal, Core.Approvals.Hold hold, CancellationToken cancellationToken) => default;
    }
}
