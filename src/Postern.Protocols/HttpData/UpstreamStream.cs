using Postern.Upstreams;

namespace Postern.Protocols.HttpData;

/// <summary>
/// The connection to a target that was switched, as the stream that the platform's WebSocket reads and writes. The response owns it.
/// It goes forward only, and nothing may wait on it with a thread: what a stream of that kind has to refuse, it refuses.
/// </summary>
internal sealed class UpstreamStream(UpstreamResponse response) : Stream
{
    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw Refused();

    public override long Position
    {
        get => throw Refused();
        set => throw Refused();
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => response.ReadAsync(buffer, isMidMessage: false);

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => response.WriteAsync(buffer);

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw Refused();

    public override void Write(byte[] buffer, int offset, int count) => throw Refused();

    public override long Seek(long offset, SeekOrigin origin) => throw Refused();

    public override void SetLength(long value) => throw Refused();

    private static NotSupportedException Refused() => new("a connection to a target has no position and no length, and no thread waits on it; expected `ReadAsync` and `WriteAsync`");
}
