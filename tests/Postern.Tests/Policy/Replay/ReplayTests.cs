using System.Buffers;
using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Core.Policy.Replay;
using Postern.Core.Recording;
using Postern.Tests.Policy.Reference;

namespace Postern.Tests.Policy.Replay;

/// <summary>What the record holds is enough to decide again.</summary>
public sealed class ReplayTests
{
    private const int Policies = 1_000;
    private const int QuestionsPerPolicy = 12;

    private static readonly Identity Alice = Toy.Person("alice", "porters");

    [Fact]
    [Guarantee("G15")]
    public void Ten_thousand_recorded_operations_give_every_decision_again_bit_for_bit_under_their_own_version()
    {
        var decided = 0;
        for (var seed = 0; seed < Policies; seed++)
        {
            var policy = RandomCase.Of(seed);
            var set = PolicyLoader.Load([new PolicyFile("random.yaml", policy.Yaml)], PolicyText.Environment(), versionNumber: seed + 1).Set!;
            var (random, recorded, questions) = (new Random(seed ^ 0x5EED), new Recorded(), new RecordedQuestions());
            for (var at = 0; at < QuestionsPerPolicy; at++)
            {
                var record = recorded.Of(set, RandomCase.Asker(random), RandomCase.Asked(random), Toy.Now.AddSeconds(random.Next(-90, 90)));
                var intent = (RecordedIntent)record.Payload;

                var again = questions.Of(intent, record.Content).Decide(set, out var unfaithful);

                Assert.True(again is not null, $"{unfaithful}\n{policy}");
                Assert.Equal(Bits(intent.Decision), Bits(again));
                decided++;
            }
        }
        Assert.Equal(Policies * QuestionsPerPolicy, decided);
    }

    [Fact]
    public void What_a_mask_kept_out_is_not_guessed_and_only_where_a_condition_reads_it()
    {
        var small = PolicyText.Set("rules: [{id: low, who: anyone, on: {doors: [cellar]}, when: args.height < 3, then: allow}, {id: attic, who: anyone, on: {doors: [attic]}, then: allow}]");
        var recorded = new Recorded();

        Assert.Null(Again(small, recorded.Of(small, Alice, Toy.Door("cellar", """{"height":2}"""), isMasked: true), out var why));
        Assert.Equal(Unfaithful.Masked, why);
        Assert.IsType<Decision.Allow>(Again(small, recorded.Of(small, Alice, Toy.Door("cellar", """{"height":2}""")), out _));
        Assert.IsType<Decision.Allow>(Again(small, recorded.Of(small, Alice, Toy.Door("attic", """{"height":2}"""), isMasked: true), out _));
        Assert.IsType<Decision.Deny>(Again(small, recorded.Of(small, Toy.Person("bob"), Toy.Door("gate"), isMasked: true), out _));
    }

    [Fact]
    public void Claims_are_in_no_record_and_not_guessed()
    {
        var set = PolicyText.Set("rules: [{id: vip, who: anyone, on: {doors: [cellar]}, when: has(who.claims.vip), then: allow}]");
        var vip = new Identity { Issuer = "corp", Subject = "v", Kind = IdentityKind.Person, Claims = """{"vip":1}"""u8.ToArray() };

        Assert.Null(Again(set, new Recorded().Of(set, vip, Toy.Door("cellar")), out var why));
        Assert.Equal(Unfaithful.Claims, why);
    }

    [Fact]
    public void What_was_recorded_before_decisions_could_be_derived_is_counted()
    {
        var set = PolicyText.Set("rules: [{id: a, who: anyone, on: {doors: [cellar]}, then: allow}]");
        var record = new Recorded().Of(set, Alice, Toy.Door("cellar"));
        var old = record with { Payload = (RecordedIntent)record.Payload with { Basis = null } };

        Assert.Null(Again(set, old, out var why));
        Assert.Equal(Unfaithful.Before, why);
    }

    [Fact]
    public void An_objection_of_the_protocol_to_masks_is_known_for_its_own_version_alone()
    {
        const string Rules = "rules: [{id: a, who: anyone, on: {doors: [cellar]}, then: allow}]\nmasks: [{id: m, fields: [\"$..key\"], as: redact}]";
        var set = PolicyText.Set(Rules);
        var objected = Objecting(Toy.Door("cellar"), masks => masks.IsEmpty ? null : "not under masks");

        var deny = Assert.IsType<Decision.Deny>(Again(set, new Recorded().Of(set, Alice, objected), out _));
        Assert.Equal("not under masks", deny.Reason);
        Assert.Null(Again(PolicyText.Set(Rules + " # other"), new Recorded().Of(set, Alice, objected), out var why));
        Assert.Equal(Unfaithful.Masks, why);
        Assert.IsType<Decision.Allow>(Again(set, new Recorded().Of(set, Alice, Objecting(Toy.Door("cellar"), _ => null)), out _));
    }

    private static Operation Objecting(Operation operation, Func<Masker, string?> objection) => new()
    {
        Id = operation.Id,
        Connection = operation.Connection,
        Parts = operation.Parts,
        Request = operation.Request,
        RequestShape = operation.RequestShape,
        DigestOf = static _ => default,
        Definition = operation.Definition,
        ObjectionTo = objection,
    };

    private static Decision? Again(PolicySet set, JournalRecord record, out string? unfaithful) =>
        new RecordedQuestions().Of((RecordedIntent)record.Payload, record.Content).Decide(set, out unfaithful);

    private static string Bits(RecordedDecision decision) => JsonSerializer.Serialize(decision, PayloadContext.Default.RecordedDecision);

    // By the journal's own writer and strict reader.
    private static string Bits(Decision decision)
    {
        var output = new ArrayBufferWriter<byte>();
        PayloadWriter.Intent(output, Postern.Tests.Doubles.Samples.Intent() with { Decision = decision });
        Assert.True(PayloadReader.TryRead(RecordType.Intent, output.WrittenSpan, out var payload, out _), Encoding.UTF8.GetString(output.WrittenSpan));
        return Bits(((RecordedIntent)payload).Decision);
    }
}
