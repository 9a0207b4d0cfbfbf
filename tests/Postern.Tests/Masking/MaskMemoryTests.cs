using System.Buffers;
using System.Text;
using Postern.Core.Masking;
using static Postern.Tests.Masking.MaskTest;

namespace Postern.Tests.Masking;

/// <summary>What a frame costs beyond itself.</summary>
[Guarantee("G16")]
public sealed class MaskMemoryTests
{
    private const long MiB = 1024 * 1024;

    [Fact]
    public void A_large_frame_in_which_nothing_is_found_goes_on_without_a_copy_of_it()
    {
        var frame = Encoding.UTF8.GetBytes("{\"rows\":[" + string.Join(',', Enumerable.Range(0, 60_000).Select(i => $$"""{"order":{{i}},"customer":"Customer number {{i}}","note":"left at the door, as agreed"}""")) + "]}");
        Assert.True(frame.Length > 4 * MiB);
        var masker = AllValues();
        var output = new ArrayBufferWriter<byte>();
        masker.Apply(frame, FrameShape.Json, output, mustWrite: false);

        var before = GC.GetAllocatedBytesForCurrentThread();
        var count = masker.Apply(frame, FrameShape.Json, output, mustWrite: false);

        Assert.Equal(0, count);
        Assert.Equal(0, output.WrittenCount);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < MiB, $"{GC.GetAllocatedBytesForCurrentThread() - before} bytes");
    }
}
