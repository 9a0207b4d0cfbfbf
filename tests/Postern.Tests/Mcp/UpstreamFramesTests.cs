using System.Buffers;
using System.Runtime.InteropServices;
using Postern.Protocols.Mcp;
using Postern.Upstreams;

namespace Postern.Tests.Mcp;

public sealed class UpstreamFramesTests
{
    [Theory]
    [Guarantee("G14")]
    [InlineData("application/json")]
    [InlineData("text/event-stream")]
    public async Task What_a_read_under_way_may_still_write_to_is_never_handed_to_another(string type)
    {
        await using var silent = new SilentResponse(type);
        var frames = UpstreamFrames.Of(silent)!;
        _ = frames.NextAsync();
        Assert.True(MemoryMarshal.TryGetArray<byte>(silent.Into, out var under));

        frames.Dispose();

        for (var i = 0; i < 100; i++) Assert.NotSame(under.Array, ArrayPool<byte>.Shared.Rent(under.Array!.Length));
    }

    /// <summary>A target that has sent its head and nothing more.</summary>
    private sealed class SilentResponse(string type) : UpstreamResponse
    {
        public Memory<byte> Into { get; private set; }

        public override int Status => 200;

        public override string? Header(string name) => name == "Content-Type" ? type : null;

        public override ValueTask<int> ReadAsync(Memory<byte> into, bool isMidMessage)
        {
            Into = into;
            return new ValueTask<int>(new TaskCompletionSource<int>().Task);
        }

        public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
