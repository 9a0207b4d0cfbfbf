using Microsoft.AspNetCore.Http;
using Postern.Core.Approvals;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Protocols.HttpData;

namespace Postern.Protocols.Http;

/// <summary>One request in flight: forwards it, says no, says "held".</summary>
internal sealed class HttpExchange(ProtocolServices services, HttpContext http, Operation operation, HttpAsk ask, ReadOnlyMemory<byte>? content, ReplyPlace place) : IExchange
{
    private readonly HttpReplyWire _wire = new(http);

    /// <inheritdoc/>
    public Operation Operation => operation;

    /// <inheritdoc/>
    public TimeSpan Patience
    {
        get
        {
            // Only who says so can wait: a client that did not ask for it would take the silence for a broken connection.
            if (PreferWait.Of(http.Request.Headers["Prefer"]) is not { } wait) return TimeSpan.Zero;
            var most = wait < services.LongestWait ? wait : services.LongestWait;
            if (most > TimeSpan.Zero) http.Response.Headers["Preference-Applied"] = $"wait={(int)most.TotalSeconds}";
            return most;
        }
    }

    /// <inheritdoc/>
    public IReplySink Replies => _wire;

    /// <inheritdoc/>
    public ValueTask ForwardAsync(Clearance clearance, CancellationToken cancellationToken) =>
        ask.Upgrade is not null
            ? WebSocketRelay.RunAsync(http, ask, _wire, clearance, services.Upstreams, place, cancellationToken)
            : HttpForwarder.RunAsync(http, ask, content, clearance, services.Upstreams, place, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask RefuseAsync(Refusal refusal, CancellationToken cancellationToken)
    {
        if (http.Response.HasStarted)
        {
            // What was begun must never look complete.
            http.Abort();
            return;
        }
        // The head of a reply may stand there already, of which nothing was sent.
        var applied = http.Response.Headers["Preference-Applied"];
        http.Response.Clear();
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers.XContentTypeOptions = "nosniff";
        if (applied.Count > 0) http.Response.Headers["Preference-Applied"] = applied;
        await Problem.WriteAsync(http, refusal, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public ValueTask PendAsync(Refusal refusal, Hold hold, CancellationToken cancellationToken) => RefuseAsync(refusal, cancellationToken);
}
