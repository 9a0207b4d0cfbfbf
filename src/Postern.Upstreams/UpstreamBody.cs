using Postern.Core.Pipeline;

namespace Postern.Upstreams;

/// <summary>What is sent as the body of a request whose body is not the operation's whole <c>Request</c>. A closed set.</summary>
public abstract class UpstreamBody
{
    private UpstreamBody()
    {
    }

    /// <summary>No body, and nothing said of one.</summary>
    public static UpstreamBody None { get; } = new Whole(null);

    /// <summary>These bytes, which are part of what was judged.</summary>
    public static UpstreamBody Of(ReadOnlyMemory<byte> bytes) => new Whole(bytes);

    /// <summary>Bytes that arrive while they are sent; each piece passes the clearance's input gate on its way into the sink.</summary>
    /// <param name="length">How many, where that is known; chunked otherwise.</param>
    /// <param name="pump">Sends all of them. When it throws, the target never sees the end of the body.</param>
    public static UpstreamBody Of(long? length, Func<UploadSink, ValueTask> pump) => new Streamed(length, pump);

    internal sealed class Whole(ReadOnlyMemory<byte>? bytes) : UpstreamBody
    {
        public ReadOnlyMemory<byte>? Bytes => bytes;
    }

    internal sealed class Streamed(long? length, Func<UploadSink, ValueTask> pump) : UpstreamBody
    {
        public long? Length => length;

        public Func<UploadSink, ValueTask> Pump => pump;
    }
}

/// <summary>Where the pieces of a body go on their way to a target.</summary>
public abstract class UploadSink : IInputSink
{
    /// <summary>
    /// What stands behind the body; set before its end. Lower-case names, values of visible ASCII. Left out where there is no room for it: behind
    /// a body whose length was announced over HTTP/1.1, and over HTTP/2.
    /// </summary>
    public IReadOnlyList<KeyValuePair<string, string>> Trailers { get; set; } = [];

    /// <summary>Fires when nothing more of the body is wanted, because the target has answered in full or is gone.</summary>
    public virtual CancellationToken Over => CancellationToken.None;

    /// <inheritdoc/>
    public abstract ValueTask WriteAsync(ReadOnlyMemory<byte> content, CancellationToken cancellationToken);
}
