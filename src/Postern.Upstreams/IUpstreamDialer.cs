using Postern.Core.Pipeline;

namespace Postern.Upstreams;

/// <summary>
/// Opens an authenticated stream to a target and lends the target's credential. Takes a <see cref="Clearance"/>, whose one
/// use it spends: no target is dialled without a decision. The caller's own credential never travels.
/// </summary>
public interface IUpstreamDialer
{
    /// <summary>Sends one HTTP request whose body is the judged bytes; returns when the response's head has arrived.</summary>
    /// <exception cref="UpstreamException">The target cannot be reached, or its answer cannot be read.</exception>
    ValueTask<UpstreamResponse> SendAsync(Clearance clearance, UpstreamRequest request, CancellationToken cancellationToken);
}

/// <summary>One HTTP request to a connection's target; the body is <c>clearance.Operation.Request</c> unless the method has none.</summary>
/// <param name="Method">Exact method.</param>
/// <param name="Headers">Only these are sent, besides framing, host and the lent credential.</param>
public sealed record UpstreamRequest(string Method, IReadOnlyList<KeyValuePair<string, string>> Headers)
{
    /// <summary>
    /// Sent in the opening request's place: input that came later under the same clearance, and passed its
    /// <see cref="Clearance.Inputs"/> gate. Null for the opening request.
    /// </summary>
    public ReadOnlyMemory<byte>? Input { get; init; }
}

/// <summary>The head of a response, and its body as it arrives.</summary>
public abstract class UpstreamResponse : IAsyncDisposable
{
    /// <summary>The status code.</summary>
    public abstract int Status { get; }

    /// <summary>The single value of a header; null when it is absent.</summary>
    /// <exception cref="UpstreamException">It stands there more than once.</exception>
    public abstract string? Header(string name);

    /// <summary>The body, decoded from its framing, as it arrives.</summary>
    public abstract Stream Body { get; }

    /// <inheritdoc/>
    public abstract ValueTask DisposeAsync();
}
