using Postern.Core.Operations;

namespace Postern.Tests.Operations;

public sealed class OperationIdTests
{
    [Fact]
    public void An_id_reads_back_from_its_text_and_sorts_by_time()
    {
        var earlier = OperationId.New(DateTimeOffset.FromUnixTimeMilliseconds(1_000));
        var later = OperationId.New(DateTimeOffset.FromUnixTimeMilliseconds(2_000));

        Assert.True(OperationId.TryParse(earlier.ToString(), out var read));
        Assert.Equal(earlier, read);
        Assert.True(string.CompareOrdinal(earlier.ToString(), later.ToString()) < 0);
        Assert.False(OperationId.TryParse("not an id", out _));
    }
}
