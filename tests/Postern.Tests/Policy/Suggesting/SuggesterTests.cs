using System.Collections.Immutable;
using System.Globalization;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Core.Policy.Suggesting;
using Postern.Core.Recording;
using Postern.Tests.Policy.Replay;

namespace Postern.Tests.Policy.Suggesting;

/// <summary>Rules learnt from a month of recordings, held against the days that were held back.</summary>
public sealed class SuggesterTests
{
    private const string Wide = "rules: [{id: wide, who: anyone, on: {connection: \"*\", everything: true}, then: allow}]";
    private const int LearntDays = 23;
    private const int Days = 30;

    [Theory]
    [InlineData(1)]
    [InlineData(20261121)]
    [InlineData(77)]
    public void On_the_days_held_back_nineteen_of_twenty_permitted_are_meant_and_nine_of_ten_meant_are_permitted(int seed)
    {
        var random = new Random(seed);
        var (wide, recorded, suggester) = (PolicyText.Set(Wide), new Recorded(), new Suggester(PolicyText.Environment()));
        List<JournalRecord> month = [];
        for (var day = 0; day < LearntDays; day++)
        {
            for (var at = 0; at < 150; at++)
            {
                var (who, what) = Meant(random, day);
                month.Add(recorded.Of(wide, who, what, Toy.Now.AddDays(day)));
            }
        }

        suggester.Take(month, DateTimeOffset.MinValue, DateTimeOffset.MaxValue, CancellationToken.None);
        var suggested = suggester.Result();
        var policy = PolicyLoader.Load([new PolicyFile("suggested.yaml", suggested.ToYaml())], PolicyText.Environment(), 2);

        Assert.True(policy.Set is not null, $"{string.Join("\n", policy.Problems)}\n{suggested.ToYaml()}");
        var (meantPermitted, meant, permitted) = (0, 0, 0);
        for (var day = LearntDays; day < Days; day++)
        {
            for (var at = 0; at < 300; at++)
            {
                var isMeant = random.Next(4) > 0;
                var (who, what) = isMeant ? Meant(random, day) : NotMeant(random, day);
                var isPermitted = policy.Set!.Decide(who, what, Toy.Now.AddDays(day)) is Decision.Allow;
                if (isMeant) meant++;
                if (isPermitted) permitted++;
                if (isMeant && isPermitted) meantPermitted++;
            }
        }
        Assert.True(meantPermitted >= 0.95 * permitted, string.Create(CultureInfo.InvariantCulture, $"precision {(double)meantPermitted / permitted:0.000}\n{suggested.ToYaml()}"));
        Assert.True(meantPermitted >= 0.90 * meant, string.Create(CultureInfo.InvariantCulture, $"recall {(double)meantPermitted / meant:0.000}\n{suggested.ToYaml()}"));
        Assert.InRange(suggested.Rules.Length, 5, 12);
    }

    [Fact]
    public void Each_argument_is_generalised_as_little_as_lasts_and_says_what_that_adds()
    {
        var (wide, recorded, suggester) = (PolicyText.Set(Wide), new Recorded(), new Suggester(PolicyText.Environment()));
        var records = Enumerable.Range(0, 40).Select(at => recorded.Of(wide, Toy.Person(at % 2 == 0 ? "ann" : "bob", "porters"), Toy.Door("cellar",
            $$"""{"mode":"open","lamp":"{{(at % 3 == 0 ? "red" : "green")}}","height":{{10 + at}},"file":"/srv/data/{{at}}.txt","note":"{{at * 7919}} x"{{(at % 2 == 0 ? ",\"extra\":1" : "")}}}""")));
        suggester.Take([.. records, recorded.Of(wide, Toy.Person("eve", "porters"), Toy.Door("attic"))], DateTimeOffset.MinValue, DateTimeOffset.MaxValue, CancellationToken.None);

        var result = suggester.Result();

        var rule = Assert.Single(result.Rules);
        Assert.Equal([new("done too seldom to be a habit", 1)], result.Uncovered);
        Assert.Equal(("groups", "corp:porters", "corp:eve"), (rule.WhoKey, Assert.Single(rule.Who), Assert.Single(rule.Adds)));
        Assert.Equal(
            [
                "args.extra Constant (!(\"extra\" in args) || args.extra == 1)",
                "args.file Prefix args.file.startsWith(\"/srv/data/\")",
                "args.height Range args.height >= 10 && args.height <= 49",
                "args.lamp Set args.lamp in [\"green\", \"red\"]",
                "args.mode Constant args.mode == \"open\"",
                "args.note Any ",
            ],
            rule.Arguments.Select(argument => $"{argument.Path} {argument.Kind} {argument.Condition}"));
        Assert.Contains("  # args.height: range; adds every number between; 40 different ones were seen\n", rule.ToYaml(), StringComparison.Ordinal);
        Assert.Contains("adds corp:eve, who did not", rule.ToYaml(), StringComparison.Ordinal);
    }

    [Fact]
    public void What_was_masked_or_recorded_before_is_counted_and_text_from_recordings_cannot_leave_its_comment()
    {
        var (wide, recorded, suggester) = (PolicyText.Set(Wide), new Recorded(), new Suggester(PolicyText.Environment()));
        var hostile = Enumerable.Range(0, 5).Select(_ => recorded.Of(wide, Toy.Person("x\n  - id: evil\n    who: anyone", "g"), Toy.Door("a\n  - id: worse", """{"k\n  - id: bad":"v\nw"}""")));
        suggester.Take([.. hostile, recorded.Of(wide, Toy.Person("ann"), Toy.Door("cellar", """{"a":1}"""), isMasked: true)], DateTimeOffset.MinValue, DateTimeOffset.MaxValue, CancellationToken.None);

        var result = suggester.Result();

        Assert.Equal([new("arguments were masked", 1)], result.Uncovered);
        var loaded = PolicyLoader.Load([new PolicyFile("s.yaml", result.ToYaml())], PolicyText.Environment(), 1);
        Assert.True(loaded.Set is not null, string.Join("\n", loaded.Problems) + result.ToYaml());
        Assert.Single(loaded.Set!.Rules);
    }

    [Fact]
    public void Rules_that_nobody_used_are_cut_as_a_diff_that_the_same_recordings_prove_harmless()
    {
        const string Text =
            """
            version: 1
            rules:
              # for the porters
              - id: used
                who: { groups: [porters] }
                on: { connection: manor, doors: [cellar] }
                then: allow

              - id: never
                who: { groups: [cooks] }
                on: { connection: manor, doors: [attic] }
                then: allow
              - { id: asked-first, who: anyone, on: { doors: [gate] }, then: hold, hold: { approvers: { groups: [cooks] } } }

              - id: no-burning
                on: { acts: [burn] }
                then: deny
            tests:
              - name: cooks in the attic
                as: { groups: [cooks] }
                ask: { connection: manor, door: attic }
                expect: { decision: allow, rule: never }
              - name: porters
                as: { groups: [porters] }
                ask: { connection: manor, door: cellar }
                expect: { decision: deny }

            """;
        ImmutableArray<PolicyFile> files = [new("policy.yaml", Text)];
        var set = PolicyLoader.Load(files, PolicyText.Environment(), 1).Set!;
        var recorded = new Recorded();
        JournalRecord[] records = [recorded.Of(set, Toy.Person("ann", "porters"), Toy.Door("cellar")), recorded.Of(set, Toy.Person("bob"), Toy.Door("attic"))];

        var narrower = UnusedPrivileges.Find(files, PolicyText.Environment(), records, DateTimeOffset.MinValue, DateTimeOffset.MaxValue, CancellationToken.None);

        Assert.Equal(["never", "asked-first"], narrower.Unused);
        Assert.Empty(narrower.Kept);
        Assert.True(narrower.IsHarmless);
        Assert.Equal(2, narrower.Proof!.Unchanged);
        var text = narrower.Files[0].Text;
        Assert.Contains("# for the porters\n  - id: used\n", text, StringComparison.Ordinal);
        Assert.Contains("- id: no-burning", text, StringComparison.Ordinal);
        Assert.DoesNotContain("never", text, StringComparison.Ordinal);
        Assert.Contains("-  - id: never\n", narrower.Diff, StringComparison.Ordinal);
        // A rule that the candidate lacks and somebody used would show.
        var used = UnusedPrivileges.Find(files, PolicyText.Environment(), [.. records, recorded.Of(set, Toy.Person("carl", "cooks"), Toy.Door("attic"))], DateTimeOffset.MinValue, DateTimeOffset.MaxValue, CancellationToken.None);
        Assert.Equal(["asked-first"], used.Unused);
    }

    private static (Identity Who, Operation What) Meant(Random random, int day) => random.Next(20) switch
    {
        < 8 => (Porter(random), Toy.Door(new[] { "cellar", "gate", "yard" }[random.Next(3)], $$"""{"height":{{random.Next(1, 181)}},"key":"k{{random.Next(1, 5)}}"}""")),
        < 13 => (Cook(random), Toy.Door("kitchen", $$"""{"dish":"{{new[] { "soup", "stew", "bread", "pie", "fish" }[random.Next(5)]}}","note":"{{random.Next()}}"{{(random.Next(2) == 0 ? ",\"guests\":" + random.Next(1, 40) : "")}}}""")),
        < 18 => (Clerk(random), Ledger("read", string.Create(CultureInfo.InvariantCulture, $"y2026.m11.d{day:00}.p{random.Next(3)}"))),
        _ => (new Identity { Issuer = "corp", Subject = "ci", Kind = IdentityKind.Workload }, Ledger("write", "ops.log", $$"""{"path":"/srv/app/{{random.Next()}}"}""")),
    };

    private static (Identity Who, Operation What) NotMeant(Random random, int day) => random.Next(8) switch
    {
        0 => (Cook(random), Toy.Door("cellar", """{"height":5,"key":"k1"}""")),
        1 => (Porter(random), Toy.Door("kitchen", """{"dish":"soup","note":"1"}""")),
        2 => (Porter(random), Toy.Door("gate", $$"""{"height":{{random.Next(181, 2_000)}},"key":"k1"}""")),
        3 => (Porter(random), Toy.Door("gate", """{"height":5,"key":"master"}""")),
        4 => (Clerk(random), Ledger("read", "people.salaries")),
        5 => (Clerk(random), Ledger("erase", string.Create(CultureInfo.InvariantCulture, $"y2026.m11.d{day:00}.p0"))),
        6 => (new Identity { Issuer = "corp", Subject = "ci", Kind = IdentityKind.Workload }, Ledger("write", "ops.log", """{"path":"/etc/shadow"}""")),
        _ => (Toy.Person($"stranger{random.Next(9)}", "guests"), Toy.Door("cellar", """{"height":5,"key":"k1"}""")),
    };

    private static Identity Porter(Random random) => Toy.Person($"porter{random.Next(12)}", "porters", "staff");

    private static Identity Cook(Random random) => Toy.Person($"cook{random.Next(10)}", "cooks", "staff");

    private static Identity Clerk(Random random) => Toy.Person($"clerk{random.Next(8)}", "clerks", "staff");

    private static Operation Ledger(string act, string book, string args = "{}") =>
        Toy.Operation(Toy.Ledger, null, Toy.Part("ledger." + act, args, Fact.Of("act", act), Fact.Of("book", book)));
}
