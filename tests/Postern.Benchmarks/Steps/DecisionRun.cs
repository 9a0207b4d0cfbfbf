using System.Globalization;
using Postern.Benchmarks.Measuring;
using Postern.Core.Operations;
using Postern.Core.Policy;

namespace Postern.Benchmarks.Steps;

/// <summary>How long a decision takes, by the number of rules.</summary>
internal static class DecisionRun
{
    private static readonly int[] Sizes = [10, 100, 1_000, 10_000];

    public static void Run()
    {
        var machine = Machine.Describe();
        var results = new List<MicroResult>();
        foreach (var rules in Sizes)
        {
            var policy = Samples.Compile(rules);
            var operation = Samples.Read(Samples.Call(300));
            if (policy.Decide(Samples.Alice, operation, DateTimeOffset.UnixEpoch) is not Decision.Allow) throw new InvalidOperationException("the sample must be allowed");
            results.Add(Micro.Run(
                string.Create(CultureInfo.InvariantCulture, $"{rules:N0} rules, one matches, with a condition"),
                () => policy.Decide(Samples.Alice, operation, DateTimeOffset.UnixEpoch)));
        }
        results.Add(OfGroups("10,000 rules, an identity in 1,000 groups", Samples.InGroups("other")));
        // No rule can be left out by who asks: the most that a decision can have to look at.
        results.Add(OfGroups("10,000 rules, an identity in 1,000 groups, those of every rule among them", Samples.InGroups("team")));
        Report.Write("decisions", new { machine, results }, MicroTable.Of(machine, "policy", results));
    }

    private static MicroResult OfGroups(string name, Identity identity)
    {
        var policy = Samples.Compile(10_000);
        var operation = Samples.Read(Samples.Call(300));
        if (policy.Decide(identity, operation, DateTimeOffset.UnixEpoch) is not Decision.Allow) throw new InvalidOperationException("the sample must be allowed");
        return Micro.Run(name, () => policy.Decide(identity, operation, DateTimeOffset.UnixEpoch));
    }
}

/// <summary>Renders micro results.</summary>
internal static class MicroTable
{
    public static IEnumerable<string> Of(Machine machine, string first, IReadOnlyList<MicroResult> results) =>
    [
        Report.Caption(machine), "",
        $"| {first} | median µs | range µs | allocated B |",
        "| --- | ---: | ---: | ---: |",
        .. results.Select(each => string.Create(CultureInfo.InvariantCulture, $"| {each.Name} | {each.Nanoseconds / 1000:0.00} | {each.Least / 1000:0.00}-{each.Most / 1000:0.00} | {each.Bytes:N0} |")),
    ];
}
