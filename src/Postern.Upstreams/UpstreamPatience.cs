namespace Postern.Upstreams;

/// <summary>
/// How long a target may take. A target that hangs, stalls or trickles is hostile or broken, and must not hold a caller, a
/// connection and memory for ever. Enforced to within <see cref="DeadlineWatch.SweepInterval"/>.
/// </summary>
public sealed record UpstreamPatience
{
    /// <summary>Until a connection stands, TLS included.</summary>
    public TimeSpan Connect { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>From the sending of a request to the whole head of its response.</summary>
    public TimeSpan Head { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Between two pieces of a message that has begun.</summary>
    public TimeSpan Idle { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>From the first wait for a message that has begun to its last byte: against a target that trickles.</summary>
    public TimeSpan Message { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Between two messages of a stream that answers a request; signs of life count. Streams that only listen may be silent for ever.</summary>
    public TimeSpan Silence { get; init; } = TimeSpan.FromMinutes(10);
}
