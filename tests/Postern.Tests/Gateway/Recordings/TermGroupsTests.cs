using System.Diagnostics;
using Postern.Gateway.Recordings.Search;

namespace Postern.Tests.Gateway.Recordings;

public sealed class TermGroupsTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(700)]
    [InlineData(60_000)]
    public void Each_term_comes_once_in_order_with_its_places(int count)
    {
        var random = new Random(count);
        using var pairs = new TermPairs();
        var expected = new SortedDictionary<ulong, SortedSet<ushort>>();
        for (var at = 0; at < count; at++)
        {
            var (term, slot) = ((ulong)random.NextInt64() * (ulong)random.Next(1, 5) % 5_000 * 0x9E3779B97F4A7C15, (ushort)random.Next(300));
            pairs.Add(term, slot);
            if (!expected.TryGetValue(term, out var slots)) expected.Add(term, slots = []);
            slots.Add(slot);
        }

        using var groups = new TermGroups();
        var found = new List<string>();
        groups.Each(pairs, (term, slots) => found.Add($"{term} {string.Join(' ', slots.ToArray())}"));

        Assert.Equal(expected.Select(one => $"{one.Key} {string.Join(' ', one.Value)}"), found);
    }

    [Fact]
    [Guarantee("G16")]
    [Row("D07")]
    public void Terms_that_were_chosen_to_look_alike_cost_what_others_do()
    {
        using var pairs = new TermPairs();
        // The same first and last bits, so that they come into one heap and would all begin at one place of its table.
        for (var at = 0; at < 200_000; at++) pairs.Add(0xABCD_0000_0000_0000 | ((ulong)at << 22) | 0x155555, at % 30_000);
        using var groups = new TermGroups();
        var (count, clock) = (0, Stopwatch.StartNew());

        groups.Each(pairs, (_, _) => count++);

        Assert.Equal(200_000, count);
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(10), $"{clock.Elapsed}"); // one by one it would be 20,000,000,000 comparisons
    }
}
