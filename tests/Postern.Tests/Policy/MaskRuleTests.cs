using System.Buffers;
using System.Text;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Core.Policy.Testing;

namespace Postern.Tests.Policy;

/// <summary>Which masks touch an operation, and whose copy they clear (policy.md section 6).</summary>
public sealed class MaskRuleTests
{
    private const string Policy = """
        masks:
          - {id: mails, on: {connection: manor}, fields: ["$..email"], as: redact, except: {groups: [auditors]}}
          - {id: attic-only, on: {doors: [attic]}, fields: ["$.name"], as: redact}
          - {id: guests-only, who: {groups: [guests]}, fields: ["$.age"], as: redact}
        """;

    private static readonly PolicySet Set = PolicyText.Set(Policy);

    private static string Apply(Masker masker, string json)
    {
        var output = new ArrayBufferWriter<byte>();
        masker.Apply(Encoding.UTF8.GetBytes(json), FrameShape.Json, output);
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }

    [Fact]
    [Guarantee("G11")]
    public void Except_clears_the_callers_copy_and_never_the_record()
    {
        const string Reply = """{"email":"a@b.example","name":"Ann"}""";
        var forAuditor = Set.MasksFor(Toy.Person("ann", "auditors"), Toy.Door("cellar"));
        var forOthers = Set.MasksFor(Toy.Person("ann", "porters"), Toy.Door("cellar"));

        Assert.Equal(Reply, Apply(forAuditor.Caller, Reply));
        Assert.DoesNotContain("a@b", Apply(forAuditor.Record, Reply), StringComparison.Ordinal);
        Assert.False(forAuditor.IsUniform);
        Assert.DoesNotContain("a@b", Apply(forOthers.Caller, Reply), StringComparison.Ordinal);
        Assert.True(forOthers.IsUniform);
    }

    [Fact]
    public void A_mask_applies_where_it_touches_and_to_whom_it_names()
    {
        const string Reply = """{"age":30,"name":"Ann"}""";

        Assert.Contains("Ann", Apply(Set.MasksFor(Toy.Person("ann"), Toy.Door("cellar")).Caller, Reply), StringComparison.Ordinal);
        Assert.DoesNotContain("Ann", Apply(Set.MasksFor(Toy.Person("ann"), Toy.Door("attic")).Caller, Reply), StringComparison.Ordinal);
        Assert.Contains("30", Apply(Set.MasksFor(Toy.Person("ann"), Toy.Door("cellar", connection: Toy.Cottage)).Caller, Reply), StringComparison.Ordinal);
        Assert.DoesNotContain("30", Apply(Set.MasksFor(Toy.Person("ann", "guests"), Toy.Door("cellar", connection: Toy.Cottage)).Caller, Reply), StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_not_bounded_is_touched_and_so_is_what_is_implied()
    {
        var everyDoor = Toy.Operation(Toy.House, null, new Part { Action = "house.list", Facts = [Fact.All("door")] });

        Assert.DoesNotContain("Ann", Apply(Set.MasksFor(Toy.Person("ann"), everyDoor).Caller, """{"name":"Ann"}"""), StringComparison.Ordinal);
        Assert.DoesNotContain("a@b", Apply(Set.MasksFor(Toy.Person("ann"), Toy.Knock()).Caller, """{"email":"a@b.example"}"""), StringComparison.Ordinal);
    }

    [Fact]
    public void The_same_masks_are_compiled_once()
    {
        Assert.Same(Set.MasksFor(Toy.Person("ann"), Toy.Door("cellar")), Set.MasksFor(Toy.Person("bob"), Toy.Door("gate")));
        Assert.Same(MaskPlan.None, Set.MasksFor(Toy.Person("ann"), Toy.Door("cellar", connection: Toy.Cottage)));
    }

    [Fact]
    public void A_policy_test_sees_the_reply_after_masks()
    {
        const string Text = """
            version: 1
            masks:
              - {id: mails, on: {connection: manor}, fields: ["$..email"], as: redact}
            tests:
              - name: an address is hidden
                as: {user: ann}
                ask: {connection: manor, door: cellar}
                reply: {email: a@b.example, n: 1}
                expect: {decision: deny, reply: {email: "[masked:mails]", n: 1.0}}
              - name: this one is wrong
                as: {user: ann}
                ask: {connection: manor, door: cellar}
                reply: {email: a@b.example}
                expect: {decision: deny, reply: {email: a@b.example}}
            """;

        var run = PolicyTests.Run([new PolicyFile("masks.yaml", Text)], PolicyText.Environment(), Toy.Now);

        Assert.Equal([true, false], run.Results.Select(result => result.Passed));
        Assert.Contains("expected reply", run.Results[1].Detail, StringComparison.Ordinal);
    }

    [Fact]
    [Guarantee("G11")]
    public void Columns_are_masked_by_their_whole_names_and_except_clears_the_callers_copy_only()
    {
        var set = PolicyText.Set("masks: [{id: pii, on: {connection: accounts}, columns: [\"main.people.*\", main.orders.email], as: hash, except: {groups: [auditors]}}]");
        var reading = Toy.Operation(Toy.Ledger, null, Toy.Part("ledger.read", "{}", Fact.Of("act", "read"), Fact.Of("book", "main.people")));

        var others = set.MasksFor(Toy.Person("ann", "porters"), reading);
        var auditor = set.MasksFor(Toy.Person("ann", "auditors"), reading);

        Assert.True(others.Caller.MasksColumns);
        Assert.True(others.Caller.MasksColumn("main.people.name"));
        Assert.True(others.Caller.MasksColumn("main.orders.email"));
        Assert.False(others.Caller.MasksColumn("main.orders.id"));
        Assert.False(auditor.Caller.MasksColumn("main.people.name"));
        Assert.True(auditor.Record.MasksColumn("main.people.name"));
    }

    [Fact]
    public void Columns_are_an_error_where_no_protocol_has_any()
    {
        var loaded = PolicyText.Load("masks: [{id: m, columns: [a.b.c], as: redact}]", new PolicyEnvironment { Vocabularies = [new HouseVocabulary()], Connections = [Toy.House], Issuers = ["corp"], HashKey = new byte[Masker.MinHashKeyBytes] });

        Assert.Null(loaded.Set);
        Assert.Contains(loaded.Problems, problem => problem.Message.Contains("no protocol of this gateway has `columns`", StringComparison.Ordinal));
    }
}
