using System.Text;
using Postern.Core.Recording;
using Postern.Tests.Doubles;

namespace Postern.Tests.Recording;

[Guarantee("G16")]
public sealed class DenialCounterTests
{
    private readonly SteppedClock _clock = new();
    private readonly List<(string Subject, long Count)> _written = [];

    [Fact]
    public void Ten_identical_denials_of_a_second_have_their_own_accounts_and_the_rest_is_counted_once()
    {
        using var counter = Counter();

        var own = Enumerable.Range(0, 500).Count(_ => !counter.TryCount(Given.Intent(decision: Given.Deny())));
        var before = _written.Count;
        _clock.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(10, own);
        Assert.Equal(0, before);
        Assert.Equal([("alice", 490L)], _written);
    }

    [Fact]
    public void The_next_second_begins_anew()
    {
        using var counter = Counter();

        for (var i = 0; i < 15; i++) counter.TryCount(Given.Intent(decision: Given.Deny()));
        _clock.Advance(TimeSpan.FromSeconds(1));
        var own = Enumerable.Range(0, 15).Count(_ => !counter.TryCount(Given.Intent(decision: Given.Deny())));

        Assert.Equal(10, own);
    }

    [Fact]
    public void Denials_that_differ_in_identity_facts_or_code_are_counted_apart()
    {
        using var counter = Counter();

        for (var i = 0; i < 10; i++)
        {
            Assert.False(counter.TryCount(Given.Intent(decision: Given.Deny())));
            Assert.False(counter.TryCount(Given.Intent(decision: Given.Deny(), subject: "bob")));
            Assert.False(counter.TryCount(Given.Intent(decision: Given.Deny(), name: "drop")));
            Assert.False(counter.TryCount(Given.Intent(decision: Given.Deny("policy.error"))));
        }
        Assert.True(counter.TryCount(Given.Intent(decision: Given.Deny())));
    }

    [Fact]
    public void What_is_allowed_is_never_counted()
    {
        using var counter = Counter();

        Assert.DoesNotContain(Enumerable.Range(0, 100), _ => counter.TryCount(Given.Intent()));
    }

    [Fact]
    public async Task A_stop_writes_what_is_counted()
    {
        var storage = new MemoryStorage();
        await using (var recorder = await Given.Recorder(storage, clock: _clock))
        {
            for (var i = 0; i < 30; i++) recorder.TryCount(Given.Intent(decision: Given.Deny()));
        }

        Assert.Contains("\"count\":20,", Encoding.UTF8.GetString(storage.Bytes("journal-000001.pjl")), StringComparison.Ordinal);
        Assert.True(Given.Verify(storage).IsGood);
    }

    private DenialCounter Counter() => new((last, _, count) => _written.Add((last.Identity.Subject, count)), _clock);
}
