using System.Buffers;
using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Core.Recording;

namespace Postern.Tests.Recording;

public sealed class PayloadMemoTests
{
    [Fact]
    public void Intents_and_endings_read_the_same_as_strictly_whatever_was_read_before()
    {
        var random = new Random(7);
        var memo = new PayloadMemo(withBasis: true);
        for (var i = 0; i < 2_000; i++)
        {
            var intent = Written(output => PayloadWriter.Intent(output, SomeIntent(random)));
            Assert.True(PayloadReader.TryRead(RecordType.Intent, intent, out var strict, out _));
            var quick = memo.Intent(intent);
            Assert.NotNull(quick);
            Assert.Equal(Text((RecordedIntent)strict), Text(quick));

            var ending = Written(output => PayloadWriter.Ending(output, OperationId.New(Given.Noon), SomeEnding(random), SomeFlow(random), SomeFlow(random)));
            Assert.True(PayloadReader.TryRead(RecordType.Ending, ending, out strict, out _));
            Assert.Equal((RecordedEnding)strict, memo.Ending(ending));
        }
    }

    [Theory]
    [InlineData("\"session\":", "\"Session\":")]
    [InlineData("\"parent\":null", "\"parent\":null,\"more\":1")]
    [InlineData("\"op\":", "\"op\":\"a\",\"op\":")]
    [InlineData("\"kind\":\"person\"", "\"kind\":\"person\",\"kind\":\"workload\"")]
    [InlineData("\"masks\":null}}", "\"masks\":null}")]
    [InlineData("\"basis\":{", "\"basis\":{\"more\":1,")]
    [InlineData("\"bytes\":11", "\"bytes\":\"11\"")]
    public void What_does_not_stand_as_it_is_written_is_left_to_the_strict_reader(string from, string to)
    {
        var written = Encoding.UTF8.GetString(Written(output => PayloadWriter.Intent(output, Given.Intent())));
        Assert.Contains(from, written, StringComparison.Ordinal);
        var changed = Encoding.UTF8.GetBytes(written.Replace(from, to, StringComparison.Ordinal));

        var memo = new PayloadMemo(withBasis: true);
        Assert.NotNull(memo.Intent(Encoding.UTF8.GetBytes(written)));
        Assert.Null(memo.Intent(changed));
        Assert.False(PayloadReader.TryRead(memo, RecordType.Intent, changed, out _, out var problem));
        Assert.Contains("record of type 3", problem, StringComparison.Ordinal);
    }

    // A decision under no grant has none written down.
    private static string Text(RecordedIntent intent) => JsonSerializer.Serialize(
        intent with { Decision = intent.Decision with { Grants = intent.Decision.Grants.IsDefault ? [] : intent.Decision.Grants } }, PayloadContext.Default.RecordedIntent);

    private static byte[] Written(Action<IBufferWriter<byte>> write)
    {
        var output = new ArrayBufferWriter<byte>();
        write(output);
        return output.WrittenSpan.ToArray();
    }

    private static Intent SomeIntent(Random random)
    {
        string[] words = ["support", "a \"quoted\" word", "line\nfeed", "émile", "\\", "{\"op\":1}", "", "漢字", "refund"];
        string Word() => words[random.Next(words.Length)];
        string? Maybe() => random.Next(2) == 0 ? null : Word();
        return Given.Intent(subject: Word(), name: Word(), decision: random.Next(2) == 0 ? Given.Allow() : Given.Deny(Word())) with
        {
            At = Given.Noon.AddTicks(random.NextInt64(TimeSpan.TicksPerDay)),
            Session = Word(),
            ClientName = Maybe(),
            RequestLength = random.Next(),
            Definition = random.Next(2) == 0 ? null : Digest.Of(Encoding.UTF8.GetBytes(Word())),
            Parent = random.Next(2) == 0 ? null : OperationId.New(Given.Noon),
            Identity = new Identity { Issuer = Word(), Subject = Word(), Kind = (IdentityKind)random.Next(2), Agent = Maybe(), Groups = [.. Enumerable.Range(0, random.Next(3)).Select(_ => Word())], DisplayName = Maybe() },
            Connection = new Connection(Word(), Word(), Word(), [.. Enumerable.Range(0, random.Next(3)).Select(_ => Word())]),
            Parts = [.. Enumerable.Range(0, 1 + random.Next(3)).Select(_ => new Part { Action = Word(), Facts = [Fact.Of(Word(), [Word(), Word()]), Fact.All(Word())] })],
        };
    }

    private static Ending SomeEnding(Random random) => new(
        (Outcome)random.Next(5), random.Next(2) == 0 ? null : "policy.not_permitted", random.Next(2) == 0 ? null : "it \"ended\"\n", random.Next(2) == 0 ? null : "01HOLD", Given.Noon.AddTicks(random.NextInt64(TimeSpan.TicksPerDay)));

    private static AccountFlow SomeFlow(Random random) => random.Next(3) == 0 ? default : new()
    {
        Frames = random.NextInt64(9), Bytes = random.NextInt64(), Kept = random.NextInt64(), Masked = random.NextInt64(9), Running = Digest.Of("x"u8),
    };
}
