using Microsoft.AspNetCore.Http;
using Postern.Core.Approvals;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Protocols.Kubernetes.Foresight;
using Postern.Protocols.Kubernetes.Wire;
using Postern.Upstreams;

namespace Postern.Protocols.Kubernetes;

/// <summary>How one request is forwarded, its reply passed back, and how its caller hears no and "held".</summary>
internal sealed class KubernetesExchange(HttpContext http, KubernetesGateway gateway, KubernetesAsk ask, TimeSpan patience) : IExchange
{
    // A kubectl that hears nothing for longer is often ended by whoever runs it; it comes back by itself (decision 0025).
    private static readonly TimeSpan LongestPatience = TimeSpan.FromSeconds(25);

    /// <summary>Why this is not forwarded even where it is permitted; null for what is.</summary>
    public string? Objection { get; init; }

    /// <inheritdoc/>
    public Operation Operation => ask.Operation;

    /// <inheritdoc/>
    public TimeSpan Patience => patience < LongestPatience ? patience : LongestPatience;

    /// <inheritdoc/>
    public IReplySink Replies { get; } = new KubernetesWire(http);

    /// <inheritdoc/>
    public async ValueTask ForwardAsync(Clearance clearance, CancellationToken cancellationToken)
    {
        if (Objection is not null) throw new UpstreamException(RefusalCode.InvalidRequest, Objection) { NothingWasSent = true };
        var isText = ask.Info.Subresource is "log" || !ask.Info.IsResource;
        var accept = KubernetesAccept.For(http.Request.Headers.Accept, withTables: !clearance.Replies.MasksFields)
            ?? throw new UpstreamException(RefusalCode.InvalidRequest, "the client takes no JSON; protobuf and CBOR cannot be masked") { NothingWasSent = true };
        var headers = new List<KeyValuePair<string, string>>(6) { new("Accept", isText ? accept + ", text/plain" : accept) };
        if (!ask.Body.IsEmpty && ask.Request.ContentType is { } type) headers.Add(new("Content-Type", type));
        gateway.Identify(headers, Operation.Connection.Name, clearance.Identity);
        var request = new UpstreamRequest(ask.Request.Method, headers)
        {
            Target = ask.Request.Target,
            Body = ask.Body.IsEmpty ? UpstreamBody.None : UpstreamBody.Of(ask.Body),
            OnlyListens = ask.IsStream,
        };
        await using var response = await gateway.Services.Upstreams.SendAsync(clearance, request, cancellationToken).ConfigureAwait(false);
        using var reply = new KubernetesReply(http, clearance, response, ask.Info is { Resource: "secrets", Group: "" });
        await reply.PassAsync(ask.Info is { IsResource: true, Verb: "watch" }).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public ValueTask<ReadOnlyMemory<byte>> ForeseeAsync(Identity identity, CancellationToken cancellationToken) => new Foreseen(gateway, ask, identity).TakeAsync(cancellationToken);

    /// <inheritdoc/>
    public async ValueTask RefuseAsync(Refusal refusal, CancellationToken cancellationToken)
    {
        if (http.Response.HasStarted)
        {
            // What was begun must not look complete.
            http.Abort();
            return;
        }
        http.Response.Headers.RetryAfter = default;
        await KubernetesStatus.WriteAsync(http, refusal, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public ValueTask PendAsync(Refusal refusal, Hold hold, CancellationToken cancellationToken) => RefuseAsync(refusal, cancellationToken);
}

/// <summary>A request, read: what is judged, and what of it is sent.</summary>
internal sealed record KubernetesAsk(Operation Operation, KubernetesRequest Request, RequestInfo Info, QueryText Query, ReadOnlyMemory<byte> Body)
{
    /// <summary>True when the reply may be silent for as long as the caller stays: a watch, a log that is followed.</summary>
    public bool IsStream => Info.Verb is "watch" || (Info.Subresource is "log" && Request.Target.Contains("follow=", StringComparison.Ordinal));
}
