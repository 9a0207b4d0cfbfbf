using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Core.Policy.Cel;

namespace Postern.Tests.Policy;

/// <summary>Text that nobody meant: it is refused with a reason, and never thrown out of.</summary>
[Row("D07")]
public sealed class HostileTextTests
{
    private static readonly string[] Words =
    [
        "args", "args.a", ".a", ".?a", "[", "]", "[?", "(", ")", "{", "}", ",", ":", "?", "&&", "||", "!", "-", "+", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "in",
        "has(", "size(", ".size()", ".all(x,", ".exists(x,", ".map(x,", ".filter(x,", "x", "true", "false", "null", "1", "0.5", "1e30", "'a'", "\"b\"", "r'c'", "now", "labels",
        "who.groups", "who.agent", "who.claims", "connection.name", "optional.of(", "optional.none()", ".orValue(", ".or(", ".hasValue()", ".value()", "timestamp(", "duration('1h')",
        ".getHours()", ".startsWith(", ".matches('a')", "\u0000", "é", "\\", "'", "//",
    ];

    private const string Marks = "[]{}:,&*!|>'\"%@`#-? \n\t\0";

    [Fact]
    public void A_random_condition_loads_or_is_refused_and_evaluates_without_throwing()
    {
        var random = new Random(4711);
        var loaded = 0;
        for (var round = 0; round < 40_000; round++)
        {
            var source = string.Join(random.Next(3) == 0 ? "" : " ", Enumerable.Range(0, random.Next(1, 9)).Select(_ => Words[random.Next(Words.Length)]));
            try
            {
                var condition = CelCondition.Load(source, [new WhenVariable("args", WhenType.Map)]);
                loaded++;
                foreach (var json in new[] { "{}", """{"a":1}""", """{"a":{"a":[1,"x",null]}}""", """{"a":"\ud800"}""", "not json" })
                {
                    var context = new CelContext { Identity = Toy.Person("ann"), Connection = Toy.House, Now = Toy.Now, Variables = [new Variable("args", System.Text.Encoding.UTF8.GetBytes(json))] };
                    condition.Evaluate(ref context, out _);
                }
            }
            catch (CelException refused)
            {
                Assert.InRange(refused.Offset, 0, source.Length);
            }
        }
        Assert.True(loaded > 100, $"only {loaded} conditions loaded; the words no longer meet");
    }

    [Fact]
    public void A_damaged_policy_loads_or_is_refused_with_a_place()
    {
        var random = new Random(815);
        string[] originals = [.. Directory.GetFiles(Specs.Folder("policy"), "*.yaml", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select(File.ReadAllText)];
        for (var round = 0; round < 2_000; round++)
        {
            var text = originals[random.Next(originals.Length)];
            for (var damage = random.Next(1, 4); damage > 0; damage--)
            {
                var at = random.Next(text.Length);
                text = random.Next(4) switch
                {
                    0 => text.Remove(at, Math.Min(random.Next(1, 12), text.Length - at)),
                    1 => text.Insert(at, text.Substring(at, Math.Min(random.Next(1, 20), text.Length - at))),
                    2 => text.Insert(at, Marks[random.Next(Marks.Length)].ToString()),
                    _ => text[..at] + (char)random.Next(1, 0xFFFF) + text[at..],
                } + " ";
            }
            var result = PolicyLoader.Load([new PolicyFile("damaged.yaml", text)], PolicyText.Environment(), versionNumber: 1);
            Assert.True(result.Set is not null || result.Problems.Any(problem => problem.Severity == ProblemSeverity.Error), text);
        }
    }
}
