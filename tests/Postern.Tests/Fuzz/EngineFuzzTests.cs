using System.Text;
using System.Text.Json;
using Postern.Core.Json;
using Postern.Core.Operations;
using Postern.Core.Policy.Cel;
using Postern.Core.Recording;
using Postern.Tests.Policy;
using Postern.Tests.Recording;
using Postern.Upstreams.Stdio;

using CelOutcome = Postern.Core.Policy.Cel.Outcome;

namespace Postern.Tests.Fuzz;

/// <summary>The engines behind the readers: conditions, the journal, lines of a pipe.</summary>
[Trait("Lane", "fuzz")]
public sealed class EngineFuzzTests
{
    private static readonly Identity s_alice = new() { Issuer = "corp", Subject = "alice", Kind = IdentityKind.Person, Groups = ["porters"] };

    [Fact]
    [Row("D07")]
    [Guarantee("G5"), Guarantee("G16")]
    public void Conditions_load_and_answer_or_say_what_is_wrong_and_where()
    {
        byte[][] sources =
        [
            .. Directory.EnumerateFiles(Specs.Folder("cel"), "*.json").SelectMany(file => JsonDocument.Parse(File.ReadAllText(file)).RootElement.EnumerateArray().ToArray())
                .Select(item => Encoding.UTF8.GetBytes(item.GetProperty("when").GetString() + "\0" + (item.TryGetProperty("args", out var args) ? args.GetRawText() : "{}"))),
        ];
        FuzzRun.Run(nameof(Conditions_load_and_answer_or_say_what_is_wrong_and_where), sources, bytes =>
        {
            var text = Encoding.UTF8.GetString(bytes);
            var split = text.IndexOf('\0', StringComparison.Ordinal);
            var source = split < 0 ? text : text[..split];
            CelCondition condition;
            try
            {
                condition = CelCondition.Load(source, [new WhenVariable("args", WhenType.Map)]);
            }
            catch (CelException fault)
            {
                Assert.InRange(fault.Offset, 0, source.Length);
                return;
            }
            // Arguments come from messages that the strict check let through.
            var args = split < 0 ? [] : Encoding.UTF8.GetBytes(text[(split + 1)..]);
            if (StrictJson.Check(args) is not null || args.AsSpan().TrimStart(" \t\r\n"u8) is not [(byte)'{', ..]) args = "{}"u8.ToArray();
            foreach (var variable in new[] { new Variable("args", args), new Variable("args", default, IsUnknown: true) })
            {
                var context = new CelContext { Identity = s_alice, Connection = Toy.House, Now = Toy.Now, Variables = [variable] };
                var outcome = condition.Evaluate(ref context, out var error);
                Assert.Equal(outcome == CelOutcome.Error, error is not null);
                var again = new CelContext { Identity = s_alice, Connection = Toy.House, Now = Toy.Now, Variables = [variable] };
                Assert.Equal(outcome, condition.Evaluate(ref again, out _));
            }
        });
    }

    [Fact]
    [Row("U04")]
    [Guarantee("G4")]
    public async Task A_changed_journal_is_never_verified_and_is_recovered_or_refused_without_a_crash()
    {
        const string Segment = "journal-000001.pjl";
        var journal = await Given.ClosedJournalAsync(3);
        var whole = journal.Bytes(Segment);
        Assert.True(Given.Verify(journal).IsGood);
        byte[][] samples = [whole];
        FuzzRun.Run(nameof(A_changed_journal_is_never_verified_and_is_recovered_or_refused_without_a_crash), samples, bytes =>
        {
            var storage = new MemoryStorage();
            storage.Put(Segment, bytes);
            var verdict = Given.Verify(storage);
            // A journal cut at an earlier checkpoint is sound as far as it goes: anchors noted elsewhere close that gap.
            if (!whole.AsSpan().StartsWith(bytes)) Assert.False(verdict.IsGood, "verified");
            try
            {
                // Recovery cuts a torn tail or refuses; what it opens is whole.
                var recorder = Given.Recorder(storage).AsTask().GetAwaiter().GetResult();
                recorder.DisposeAsync().AsTask().GetAwaiter().GetResult();
            }
            catch (RecordingException)
            {
                return;
            }
            Assert.True(Given.Verify(storage).IsGood, "recovered, and not sound");
        });
    }

    [Fact]
    [Row("P32")]
    public void Lines_of_a_pipe_are_the_same_in_any_chunking()
    {
        byte[][] samples = [.. new[] { "{\"jsonrpc\":\"2.0\"}\n{}\r\n\n\r\nnoise\n", "a\n" }.Select(Encoding.UTF8.GetBytes)];
        var random = new Random(1);
        FuzzRun.Run(nameof(Lines_of_a_pipe_are_the_same_in_any_chunking), samples, bytes =>
        {
            var expected = Lines(bytes, _ => bytes.Length);
            Assert.Equal(expected, Lines(bytes, _ => random.Next(1, 7)));
            var text = Encoding.Latin1.GetString(bytes);
            var parts = text.Split('\n')[..^1];
            if (parts.All(part => part.Length <= 512) && text.Length - text.LastIndexOf('\n') <= 512)
                Assert.Equal(parts.Select(part => part.EndsWith('\r') ? part[..^1] : part), expected[..^1]);
        });
    }

    private static List<string> Lines(byte[] bytes, Func<int, int> chunk)
    {
        using var reader = new LineReader(512);
        var lines = new List<string>();
        for (var at = 0; at < bytes.Length;)
        {
            var length = Math.Min(chunk(at), bytes.Length - at);
            ReadOnlySpan<byte> input = bytes.AsSpan(at, length);
            while (reader.TryRead(ref input, out var line)) lines.Add(Encoding.Latin1.GetString(line));
            at += length;
        }
        lines.Add(reader.Fault ?? "whole");
        return lines;
    }
}
