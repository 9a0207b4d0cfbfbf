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
    public static UpstreamBody Of(long? length, Func<IInputSink, ValueTask> pump) => new Streamed(length, pump);

    internal sealed class Whole(ReadOnlyMemory<byte>? bytes) : UpstreamBody
    {
        public ReadOnlyMemory<byte>? Bytes => bytes;
    }

    internal sealed class Streamed(long? length, Func<IInputSink, ValueTask> pump) : UpstreamBody
    {
        public long? Length => length;

        public Func<IInputSink, ValueTask> Pump => pump;
    }
}
