using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using Postern.Core.Masking;
using Postern.Core.Operations;

namespace Postern.Tests.Policy;

/// <summary>A house of doors and hatches: alternatives that exclude each other, definitions, names that no star reaches.</summary>
internal sealed class HouseVocabulary : Vocabulary
{
    public override string Name => "house";

    public override ImmutableArray<string> Protocols => ["house"];

    public override ImmutableArray<SelectorKey> Keys =>
    [
        new("doors", "door") { PatternsNeedDefinition = true },
        new("hatches", "hatch") { Segment = '/' },
        new("vaults", "vault") { ByNameOnly = true },
    ];

    public override ImmutableArray<ImmutableArray<string>> RequiredKeys => [["doors"], ["hatches"], ["vaults"]];

    public override ImmutableArray<ImmutableArray<string>> ExclusiveKeys => [["doors", "hatches", "vaults"]];

    public override ImmutableArray<WhenVariable> Variables => [new("args", WhenType.Map) { SchemaFact = "door" }];

    public override ImmutableArray<string> AskKeys => ["door", "hatch", "knock", "args"];

    public override ImmutableArray<string> OwnActions => ["house.look"];

    public override Operation ReadAsk(Connection connection, IReadOnlyDictionary<string, JsonElement> ask, IDefinitionCatalogue definitions, DateTimeOffset now)
    {
        var args = ask.TryGetValue("args", out var given) ? given.GetRawText() : "{}";
        if (ask.TryGetValue("door", out var door))
        {
            var name = door.GetString()!;
            return Toy.Operation(connection, definitions.Find(connection.Name, "door", name)?.Hash, Toy.Part("house.open", args, Fact.Of("door", name)));
        }
        if (ask.TryGetValue("hatch", out var hatch)) return Toy.Operation(connection, null, Toy.Part("house.open", args, Fact.Of("hatch", hatch.GetString()!)));
        if (ask.ContainsKey("knock")) return Toy.Operation(connection, null, new Part { Action = "house.knock", IsImplied = true });
        throw new FormatException("expected `door`, `hatch` or `knock`");
    }
}

/// <summary>Books that are read and written: two keys required together, segments, a closed list with one value that must be named.</summary>
internal sealed class LedgerVocabulary : Vocabulary
{
    public override string Name => "ledger";

    public override ImmutableArray<string> Protocols => ["ledger"];

    public override ImmutableArray<SelectorKey> Keys =>
    [
        new("acts", "act") { ClosedValues = ["read", "write", "erase", "burn"], NamedOnlyValues = ["burn"] },
        new("books", "book") { Segment = '.' },
        new("pages", "page") { Segment = '.' },
        new("columns", "column") { Segment = '.' },
    ];

    public override ImmutableArray<ImmutableArray<string>> RequiredKeys => [["acts", "books"]];

    public override ImmutableArray<WhenVariable> Variables => [new("args", WhenType.Map), new("marks", WhenType.TextList)];

    public override ImmutableArray<string> AskKeys => ["act", "book", "args"];

    public override Operation ReadAsk(Connection connection, IReadOnlyDictionary<string, JsonElement> ask, IDefinitionCatalogue definitions, DateTimeOffset now)
    {
        if (!ask.TryGetValue("act", out var act) || !ask.TryGetValue("book", out var book)) throw new FormatException("expected `act` and `book`");
        return Toy.Operation(connection, null, new Part
        {
            Action = "ledger." + act.GetString(),
            Facts = [Fact.Of("act", act.GetString()!), Fact.Of("book", book.GetString()!)],
            Variables = ask.TryGetValue("args", out var args) ? [new Variable("args", Encoding.UTF8.GetBytes(args.GetRawText()))] : [],
        });
    }
}

/// <summary>Short ways to say operations and identities.</summary>
internal static class Toy
{
    public static readonly DateTimeOffset Now = new(2026, 3, 2, 10, 0, 0, TimeSpan.Zero);
    public static readonly Connection House = new("manor", "house", "house://manor", ["prod"]);
    public static readonly Connection Cottage = new("cottage", "house", "house://cottage", []);
    public static readonly Connection Ledger = new("accounts", "ledger", "ledger://accounts", ["prod", "money"]);
    public static readonly ImmutableArray<Vocabulary> Vocabularies = [new HouseVocabulary(), new LedgerVocabulary()];
    public static readonly Digest SomeDefinition = Digest.Of("door"u8);

    public static Part Part(string action, string args, params ImmutableArray<Fact> facts) => new()
    {
        Action = action,
        Facts = facts,
        Variables = [new Variable("args", Encoding.UTF8.GetBytes(args))],
    };

    public static Operation Operation(Connection connection, Digest? definition, params ImmutableArray<Part> parts) => new()
    {
        Id = OperationId.New(Now),
        Connection = connection,
        Parts = parts,
        Request = default,
        RequestShape = FrameShape.Text,
        DigestOf = _ => default,
        Definition = definition,
    };

    public static Operation Door(string name, string args = "{}", Connection? connection = null, bool isDefined = true, bool isQuarantined = false) => new()
    {
        Id = OperationId.New(Now),
        Connection = connection ?? House,
        Parts = [Part("house.open", args, Fact.Of("door", name))],
        Request = default,
        RequestShape = FrameShape.Text,
        DigestOf = _ => default,
        Definition = isDefined ? SomeDefinition : null,
        IsQuarantined = isQuarantined,
    };

    public static Operation Books(string act, params ImmutableArray<string> books) =>
        Operation(Ledger, null, new Part { Action = "ledger." + act, Facts = [Fact.Of("act", act), Fact.Of("book", books)] });

    public static Operation Knock(Connection? connection = null) => Operation(connection ?? House, null, new Part { Action = "house.knock", IsImplied = true });

    public static Identity Person(string subject, params ImmutableArray<string> groups) => new() { Issuer = "corp", Subject = subject, Kind = IdentityKind.Person, Groups = groups };
}
