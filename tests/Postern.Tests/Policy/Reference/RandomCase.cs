using System.Collections.Immutable;
using System.Text;
using Postern.Core.Operations;
using Postern.Core.Policy;

namespace Postern.Tests.Policy.Reference;

/// <summary>A random policy over a small world, in which rules often meet, and questions asked of it.</summary>
internal sealed record RandomCase(int Seed, ImmutableArray<ModelRule> Rules)
{
    private static readonly string[] Doors = ["cellar", "attic", "gate", "gate_north"];
    private static readonly string[] DoorSelectors = [.. Doors, "*", "gate*", "*a*", "**"];
    private static readonly string[] Hatches = ["roof/east", "roof/west/small", "coal"];
    private static readonly string[] HatchSelectors = [.. Hatches, "roof/*", "roof/**", "*", "**", "*/west/*"];
    private static readonly string[] Acts = ["read", "write", "erase", "burn"];
    private static readonly string[] ActSelectors = [.. Acts, "*", "*r*"];
    private static readonly string[] BookList = ["x.one", "x.two", "y.one", "y.deep.one"];
    private static readonly string[] BookSelectors = [.. BookList, "x.*", "**", "*.one", "y.**", "*"];
    private static readonly string[] Groups = ["porters", "cooks", "guests"];
    private static readonly string[] Users = ["ann", "bob"];
    private static readonly string[] Agents = ["robot", "claw"];
    private static readonly string[] Workloads = ["ci", "cron"];

    public string Yaml => "version: 1\nrules:\n" + string.Concat(Rules.Select(rule => rule.ToYaml()));

    public override string ToString() => $"seed {Seed}\n{Yaml}";

    public static RandomCase Of(int seed)
    {
        var random = new Random(seed);
        return new RandomCase(seed, [.. Enumerable.Range(0, random.Next(1, random.Next(16) switch { 0 => 160, < 5 => 40, _ => 9 })).Select(at => Rule(random, at))]);
    }

    /// <summary>Smaller policies that may still show the same fault.</summary>
    public IEnumerable<RandomCase> Smaller() => Rules.Length == 1 ? [] : Rules.Select(rule => this with { Rules = Rules.Remove(rule) });

    private static ModelRule Rule(Random random, int at)
    {
        var effect = random.Next(10) switch { < 4 => RuleEffect.Allow, < 6 => RuleEffect.Hold, < 8 => RuleEffect.Guard, _ => RuleEffect.Deny };
        var gives = effect is RuleEffect.Allow or RuleEffect.Hold;
        return new ModelRule
        {
            Id = $"r{at}",
            Then = effect,
            Who = !gives && random.Next(2) == 0 ? null : Who(random),
            On = [.. Enumerable.Range(0, random.Next(4) == 0 ? 2 : 1).Select(_ => Entry(random, gives))],
            When = random.Next(2) == 0 ? null : Condition.All[random.Next(Condition.All.Length)],
            Until = random.Next(8) == 0 ? Toy.Now.AddMinutes(random.Next(-1, 2)) : null,
            Report = random.Next(12) == 0,
            Approver = Groups[random.Next(Groups.Length)],
            ExpiresMinutes = random.Next(1, 90),
        };
    }

    private static Dictionary<string, string[]> Who(Random random)
    {
        Dictionary<string, string[]> who = [];
        if (random.Next(3) == 0) return who;
        if (random.Next(2) == 0) who["groups"] = Some(random, Groups);
        if (random.Next(6) == 0) who["users"] = Some(random, Users);
        if (random.Next(6) == 0) who["agents"] = Some(random, Agents);
        if (random.Next(8) == 0) who["workloads"] = Some(random, Workloads);
        return who;
    }

    private static ModelEntry Entry(Random random, bool mustName)
    {
        Dictionary<string, string[]> keys = [];
        var everything = false;
        switch (random.Next(mustName ? 8 : 10))
        {
            case < 3: keys["doors"] = Some(random, DoorSelectors); break;
            case 3: keys["hatches"] = Some(random, HatchSelectors); break;
            case 4: keys["vaults"] = ["silver"]; break;
            case < 7:
                keys["acts"] = Some(random, ActSelectors);
                keys["books"] = Some(random, BookSelectors);
                if (!mustName && random.Next(2) == 0) keys.Remove(random.Next(2) == 0 ? "acts" : "books");
                break;
            case 7: everything = true; break;
            default: break;
        }
        // A connection by name must speak the words of the entry, so names are given only where any protocol will do.
        var isFree = keys.Count == 0;
        var connection = random.Next(3) switch { 0 when isFree => [new[] { "manor", "cottage", "accounts" }[random.Next(3)]], 1 => Some(random, ["m*", "*", "*o*", "cot*"]), _ => (string[]?)null };
        var tags = random.Next(4) == 0 ? Some(random, ["prod", "money"]) : null;
        if (isFree && !everything && connection is null && tags is null) connection = ["*"];
        return new ModelEntry { Connection = connection, Tags = tags, Everything = everything, Keys = keys };
    }

    private static string[] Some(Random random, string[] from) => [.. from.OrderBy(_ => random.Next()).Take(random.Next(1, 3))];

    public static Identity Asker(Random random)
    {
        var isPerson = random.Next(4) > 0;
        return new Identity
        {
            Issuer = "corp",
            Subject = isPerson ? Users[random.Next(2)] : Workloads[random.Next(2)],
            Kind = isPerson ? IdentityKind.Person : IdentityKind.Workload,
            Agent = random.Next(2) == 0 ? Agents[random.Next(2)] : null,
            Groups = [.. Groups.Where(_ => random.Next(2) == 0)],
        };
    }

    public static Operation Asked(Random random)
    {
        var connection = random.Next(3) switch { 0 => Toy.Ledger, 1 => Toy.Cottage, _ => Toy.House };
        var parts = Enumerable.Range(0, random.Next(3) == 0 ? 2 : 1).Select(_ => connection == Toy.Ledger ? Page(random) : Way(random));
        return new Operation
        {
            Id = OperationId.New(Toy.Now),
            Connection = connection,
            Parts = [.. parts],
            Request = default,
            RequestShape = Postern.Core.Masking.FrameShape.Text,
            DigestOf = _ => default,
            Definition = random.Next(4) == 0 ? null : Toy.SomeDefinition,
            IsQuarantined = random.Next(12) == 0,
        };
    }

    private static Part Way(Random random) => new()
    {
        Action = "house.open",
        IsImplied = random.Next(8) == 0,
        Facts = random.Next(8) switch
        {
            0 => [Fact.All("door")],
            1 => [Fact.Of("hatch", Some(random, Hatches).ToImmutableArray())],
            2 => [Fact.Of("vault", "silver")],
            3 => [Fact.Of("door", "gate"), Fact.Of("hatch", "coal")],
            4 => [],
            _ => [Fact.Of("door", Some(random, Doors).ToImmutableArray())],
        },
        Variables = Height(random),
    };

    private static ImmutableArray<Variable> Height(Random random) => random.Next(4) switch
    {
        0 => [],
        1 => [new Variable("args", default, IsUnknown: true)],
        _ => [new Variable("args", Encoding.UTF8.GetBytes($$"""{"height":{{random.Next(1, 10)}}}"""))],
    };

    private static Part Page(Random random) => new()
    {
        Action = "ledger.act",
        Facts =
        [
            random.Next(8) == 0 ? Fact.All("act") : Fact.Of("act", Some(random, Acts).ToImmutableArray()),
            random.Next(5) switch { 0 => Fact.All("book"), 1 => Fact.Empty("book"), _ => Fact.Of("book", Some(random, BookList).ToImmutableArray()) },
        ],
        Variables = Height(random),
    };
}
