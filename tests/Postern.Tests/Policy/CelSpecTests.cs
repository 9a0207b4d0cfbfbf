using System.Text;
using System.Text.Json;
using Postern.Core.Operations;
using Postern.Core.Policy.Cel;

namespace Postern.Tests.Policy;

/// <summary>The case files of tests/specs/cel.</summary>
public sealed class CelSpecTests
{
    private static readonly Identity Alice = new()
    {
        Issuer = "corp",
        Subject = "alice",
        Kind = IdentityKind.Person,
        Groups = ["porters"],
        Claims = """{"team":"red"}"""u8.ToArray(),
    };

    public static TheoryData<string, string> Cases()
    {
        var cases = new TheoryData<string, string>();
        foreach (var file in Directory.GetFiles(Specs.Folder("cel"), "*.json").Order(StringComparer.Ordinal))
        {
            using var document = JsonDocument.Parse(File.ReadAllText(file));
            foreach (var item in document.RootElement.EnumerateArray()) cases.Add(Path.GetFileName(file), item.GetRawText());
        }
        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_condition_comes_to_what_its_case_says(string file, string item)
    {
        using var document = JsonDocument.Parse(item);
        var root = document.RootElement;
        var source = root.GetProperty("when").GetString()!;
        if (root.TryGetProperty("refused", out var refused))
        {
            var problem = Assert.Throws<CelException>(() => Load(source));
            Assert.Contains(refused.GetString()!, problem.Message, StringComparison.Ordinal);
            return;
        }
        var condition = Load(source);
        var outcome = condition.Evaluate(ref Context(root), out var error);

        var expected = root.GetProperty("is").GetRawText().Trim('"');
        Assert.True(expected == outcome.ToString().ToLowerInvariant(), $"{file}: {source}: expected {expected}, found {outcome} ({error})");
        Assert.Equal(outcome == Outcome.Error, error is not null);
    }

    private static CelCondition Load(string source) => CelCondition.Load(source, [new WhenVariable("args", WhenType.Map)]);

    private static CelContext s_context;

    private static ref CelContext Context(JsonElement root)
    {
        var variable = !root.TryGetProperty("args", out var args) ? new Variable("args", "{}"u8.ToArray())
            : args.ValueKind == JsonValueKind.String ? new Variable("args", default, IsUnknown: true)
            : new Variable("args", Encoding.UTF8.GetBytes(args.GetRawText()));
        s_context = new CelContext { Identity = Alice, Connection = Toy.House, Now = Toy.Now, Variables = [variable] };
        return ref s_context;
    }

    [Fact]
    [Row("D07")]
    public void A_costly_condition_ends_in_an_error_within_its_budget()
    {
        var condition = Load("args.a.all(x, args.a.all(y, args.a.all(z, x + y + z > 0)))");
        var list = "[" + string.Join(',', Enumerable.Repeat("1", 5_000)) + "]";
        var context = new CelContext { Identity = Alice, Connection = Toy.House, Now = Toy.Now, Variables = [new Variable("args", Encoding.UTF8.GetBytes($$"""{"a":{{list}}}"""))] };

        Assert.Equal(Outcome.Error, condition.Evaluate(ref context, out var error));
        Assert.Contains("costs too much", error!, StringComparison.Ordinal);
    }

    [Fact]
    [Row("D07")]
    public void Conditions_too_deep_or_too_long_are_refused_when_loaded()
    {
        Assert.Throws<CelException>(() => Load(new string('(', 5_000) + "true" + new string(')', 5_000)));
        Assert.Throws<CelException>(() => Load(new string('!', 4_000) + "true"));
        Assert.Throws<CelException>(() => Load(string.Join(" && ", Enumerable.Repeat("true", 400))));
        Assert.Throws<CelException>(() => Load("args" + string.Concat(Enumerable.Repeat(".a", 1_000)) + " == 1"));
        Assert.Throws<CelException>(() => Load(new string('x', CelParser.MaxLength + 1)));
    }

    [Fact]
    public void A_value_that_cannot_be_read_is_an_error_and_never_an_exception()
    {
        var context = new CelContext { Identity = Alice, Connection = Toy.House, Now = Toy.Now, Variables = [new Variable("args", """{"t":"\ud800"}"""u8.ToArray())] };

        Assert.Equal(Outcome.Error, Load("args.t.startsWith('a')").Evaluate(ref context, out _));
    }

    [Fact]
    public void Numbers_compare_as_exact_decimals_do_whatever_their_spelling()
    {
        var random = new Random(17);
        for (var round = 0; round < 20_000; round++)
        {
            var (left, leftText) = Number(random);
            var (right, rightText) = Number(random);
            var found = CelNumber.Compare(CelNumber.FromJson(Encoding.ASCII.GetBytes(leftText)), CelNumber.FromJson(Encoding.ASCII.GetBytes(rightText)));
            Assert.True(Math.Sign(found) == left.CompareTo(right), $"{leftText} against {rightText}: {found}");
        }
    }

    // A number m × 10^e scaled to a whole number for the comparison, and one of its spellings.
    private static (System.Numerics.BigInteger Value, string Text) Number(Random random)
    {
        var mantissa = new System.Numerics.BigInteger(random.Next(-20, 20)) * System.Numerics.BigInteger.Pow(10, random.Next(0, 30)) + random.Next(-3, 4);
        var exponent = random.Next(-40, 40);
        var value = mantissa * System.Numerics.BigInteger.Pow(10, exponent + 40);
        var digits = System.Numerics.BigInteger.Abs(mantissa).ToString();
        var sign = mantissa.Sign < 0 ? "-" : "";
        return (value, random.Next(3) switch
        {
            0 => $"{sign}{digits}e{exponent}",
            1 when digits.Length > 1 => $"{sign}{digits[0]}.{digits[1..]}E{exponent + digits.Length - 1}",
            _ => $"{sign}0.000{digits}e+{exponent + digits.Length + 3}".Replace("e+-", "e-", StringComparison.Ordinal),
        });
    }
}
