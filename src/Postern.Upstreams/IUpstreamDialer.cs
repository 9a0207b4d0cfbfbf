using Postern.Core.Pipeline;

namespace Postern.Upstreams;

/// <summary>
/// Opens an authenticated stream to a target and lends the target's credential. Takes a <see cref="Clearance"/>, whose one
/// use it spends: no target is dialled without a decision. The caller's own credential never travels.
/// </summary>
public interface IUpstreamDialer
{
    /// <summary>Sends one HTTP request whose body is the judged bytes; returns when the response's head has arrived.</summary>
    /// <param name="clearance">The right to send it; spent by this.</param>
    /// <param name="request">What is sent.</param>
    /// <param name="cancellationToken">Ends the sending, and the reading of the response's body.</param>
    /// <exception cref="UpstreamException">The target cannot be reached, took longer than <see cref="UpstreamPatience"/> allows, or its answer cannot be read.</exception>
    ValueTask<UpstreamResponse> SendAsync(Clearance clearance, UpstreamRequest request, CancellationToken cancellationToken);

    /// <summary>Ends whatever is kept open at targets for this identity alone. Pooled connections carry nobody's state and stay.</summary>
    /// <param name="identityKey"><c>issuer:subject</c>.</param>
    void End(string identityKey)
    {
    }
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

    /// <summary>True for a request that only listens: the target may be silent, head and body, for as long as the caller stays.</summary>
    public bool OnlyListens { get; init; }

    /// <summary>Canonical path and query, beginning with <c>/</c>, that goes behind the path of the connection's URL; null for that URL itself.</summary>
    public string? Target { get; init; }

    /// <summary>The body, where it is not what the record's <c>clearance.Operation.Request</c> says; null for that.</summary>
    public UpstreamBody? Body { get; init; }

    /// <summary>True when the target is told that trailers of its response are taken (RFC 9110 section 10.1.4).</summary>
    public bool TakesTrailers { get; init; }

    /// <summary>The protocol that the connection is to be switched to (RFC 9110 section 7.8); null for none.</summary>
    public string? Upgrade { get; init; }
}

/// <summary>The head of a response, and its body as it arrives.</summary>
public abstract class UpstreamResponse : IAsyncDisposable
{
    /// <summary>The status code.</summary>
    public abstract int Status { get; }

    /// <summary>The single value of a header; null when it is absent.</summary>
    /// <exception cref="UpstreamException">It stands there more than once.</exception>
    public abstract string? Header(string name);

    /// <summary>Every header, in the target's order; names as the target wrote them, values of visible characters and spaces.</summary>
    public virtual IReadOnlyList<KeyValuePair<string, string>> Headers => [];

    /// <summary>What stood behind the body, once it was read to its end: a read that gave 0.</summary>
    public virtual IReadOnlyList<KeyValuePair<string, string>> Trailers => [];

    /// <summary>True when <see cref="Trailers"/> may stand behind the body, even one whose length is known.</summary>
    public virtual bool MayTrail => false;

    /// <summary>Sends bytes over a connection that was switched to <see cref="UpstreamRequest.Upgrade"/>. One writer at a time, beside one reader.</summary>
    /// <exception cref="InvalidOperationException">It was not switched.</exception>
    public virtual ValueTask WriteAsync(ReadOnlyMemory<byte> bytes) => throw new InvalidOperationException("the connection was not switched");

    /// <summary>Reads what has arrived of the body, decoded from its framing; 0 at its end. One reader at a time.</summary>
    /// <param name="into">Where to.</param>
    /// <param name="isMidMessage">
    /// True while a message has begun and is not whole: the target must go on with it. False between messages, where a stream may be silent.
    /// </param>
    /// <exception cref="UpstreamException">The body broke off, or the target was silent for longer than <see cref="UpstreamPatience"/> allows.</exception>
    /// <exception cref="OperationCanceledException">The token that the request was sent with fired.</exception>
    public abstract ValueTask<int> ReadAsync(Memory<byte> into, bool isMidMessage);

    /// <inheritdoc/>
    public abstract ValueTask DisposeAsync();
}
