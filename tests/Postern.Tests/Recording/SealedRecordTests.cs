using System.Text;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Core.Policy.Replay;
using Postern.Core.Recording;
using Postern.Gateway.Exports;
using Postern.Gateway.Policies;

namespace Postern.Tests.Recording;

/// <summary>What was said is sealed with a key of its session; what was done stays readable, and verification needs no key.</summary>
public sealed class SealedRecordTests
{
    private const string Secret = "canary-4711-kanarienvogel";

    private static readonly Erasure ByBob = new(Given.Noon.AddDays(1), "corp:bob", "asked for by the person", IsExpiry: false);

    private readonly MemoryDataKeys _keys = new();
    private readonly MemoryStorage _storage = new();

    private RecorderOptions Options => Given.Options() with { DataKeys = _keys };

    [Fact]
    public async Task A_sealed_operation_reads_as_one_that_was_never_sealed()
    {
        var intent = Intent();
        await RecordAsync(intent, "reply " + Secret, "detail " + Secret);

        var read = Read(_keys);

        var asked = Assert.Single(read.Select(record => record.Payload).OfType<RecordedIntent>());
        Assert.Equal(Secret, asked.Parts[0].Facts[0].Values[0]);
        Assert.Equal(intent.RequestDigest.ToString(), asked.Request.Sha256);
        Assert.NotNull(asked.Basis);
        Assert.Contains(read, record => Text(record.Content) == Request);
        Assert.Contains(read, record => Text(record.Content) == "reply " + Secret);
        var ended = Assert.Single(read.Select(record => record.Payload).OfType<RecordedEnding>());
        Assert.Equal("detail " + Secret, ended.Detail);
        Assert.Equal(Digest.Of(Encoding.UTF8.GetBytes("reply " + Secret)).ToString(), ended.Reply?.Sha256);
        Assert.All(read, record => Assert.Null(record.Closed));
        Assert.True(RecordedOperation.Assemble(intent.Operation, read)!.MatchesDigests);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_was_answered_at_length_matches_the_digests_of_its_ending(bool isSealed)
    {
        var intent = Intent();
        await using (var recorder = await Given.Recorder(_storage, isSealed ? Options : Given.Options()))
        {
            var account = await recorder.BeginAsync(intent, CancellationToken.None);
            // At the border of what is digested in pieces, and beyond it in two frames.
            foreach (var length in (int[])[16_384, 16_385, 90_000]) await account.AppendAsync(FrameDirection.Reply, Given.Masked(new string('r', length)), 0);
            await account.EndAsync(Given.Done());
        }

        var operation = RecordedOperation.Assemble(intent.Operation, Read(isSealed ? _keys : null))!;

        Assert.Null(Given.Verify(_storage).Bad);
        Assert.True(operation.MatchesDigests);
        Assert.False((operation with { Frames = operation.Frames.SetItem(2, operation.Frames[2] with { Content = new byte[90_000] }) }).MatchesDigests);
    }

    [Fact]
    public async Task Nothing_that_was_said_stands_in_the_journal()
    {
        await RecordAsync(Intent(), "reply " + Secret, "detail " + Secret);

        var bytes = Encoding.Latin1.GetString(_storage.Bytes("journal-000001.pjl"));

        foreach (var form in FormsOf(Secret)) Assert.DoesNotContain(form, bytes, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(Digest.Of(Encoding.UTF8.GetBytes(Request)).ToString(), bytes, StringComparison.Ordinal);
        // Who asked, over which connection, for what kind of thing, what policy said and what became of it: readable for good.
        foreach (var kept in (string[])["alice", "desk-agent", "shop", "toy.call", "small-refunds", "\"outcome\":\"done\""]) Assert.Contains(kept, bytes, StringComparison.Ordinal);
    }

    [Fact, Guarantee("G4")]
    public async Task Verification_needs_no_data_key_and_is_good_after_an_erasure()
    {
        await RecordAsync(Intent(), Secret);
        _keys.Destroy(Given.Intent().Session, ByBob);

        Assert.Null(Given.Verify(_storage).Bad);
    }

    [Fact]
    public async Task An_erased_record_says_when_and_by_whom_and_keeps_the_statement()
    {
        await RecordAsync(Intent(), Secret, "detail " + Secret);
        _keys.Destroy(Given.Intent().Session, ByBob);

        var read = Read(_keys);

        var asked = Assert.Single(read, record => record.Payload is RecordedIntent);
        Assert.Equal("erased on 2026-03-05T12:00:00Z by corp:bob: asked for by the person", asked.Closed?.ToString());
        var intent = (RecordedIntent)asked.Payload;
        Assert.Equal(("corp:alice", "toy.call", null), (intent.Identity.Key, intent.Parts[0].Action, intent.Request.Sha256));
        Assert.Empty(intent.Parts[0].Facts);
        Assert.True(read.All(record => record.Content.IsEmpty));
        var ending = Assert.Single(read.Select(record => record.Payload).OfType<RecordedEnding>());
        Assert.Equal(("done", null, Secret.Length), (ending.Outcome, ending.Detail, (int)ending.Reply!.Bytes));
    }

    [Fact]
    public async Task A_reader_forgets_a_key_that_is_destroyed_while_it_reads()
    {
        await RecordAsync(Intent(), Secret);
        await RecordAsync(Intent(), Secret);
        var closed = new List<ClosedContent?>();
        foreach (var record in Given.Read(_storage, _keys))
        {
            if (record.Payload is not RecordedIntent) continue;
            closed.Add(record.Closed);
            if (closed.Count == 1) _keys.Destroy(Given.Intent().Session, ByBob);
        }

        Assert.Equal([null, new ClosedContent(ByBob)], closed);
    }

    [Fact]
    public async Task Without_keys_a_record_says_so()
    {
        await RecordAsync(Intent(), Secret);

        var asked = Assert.Single(Read(null), record => record.Payload is RecordedIntent);

        Assert.Equal("no key here", asked.Closed?.ToString());
    }

    [Fact, Guarantee("G1")]
    public async Task No_record_counts_before_the_key_of_its_session_is_kept()
    {
        var kept = new TaskCompletionSource();
        _keys.Saving = () => kept.Task;
        await using var recorder = await Given.Recorder(_storage, Options);

        var first = recorder.BeginAsync(Intent(), CancellationToken.None).AsTask();
        var second = recorder.BeginAsync(Intent(), CancellationToken.None).AsTask();
        Assert.DoesNotContain(Read(null), record => record.Payload is RecordedIntent);
        Assert.False(first.IsCompleted || second.IsCompleted);
        kept.SetResult();
        await Task.WhenAll(first, second);

        Assert.Equal(1, _keys.Saved);
    }

    [Fact, Guarantee("G1")]
    public async Task A_key_that_cannot_be_kept_refuses_the_operation_and_the_next_one_tries_again()
    {
        _keys.Saving = () => throw new IOException("no space left on device");
        await using var recorder = await Given.Recorder(_storage, Options);

        await Assert.ThrowsAsync<RecordingException>(async () => await recorder.BeginAsync(Intent(), CancellationToken.None));
        _keys.Saving = static () => Task.CompletedTask;
        await (await recorder.BeginAsync(Intent(), CancellationToken.None)).EndAsync(Given.Done());

        Assert.Equal(1, _keys.Saved);
    }

    [Fact]
    public async Task A_restarted_recorder_takes_up_no_earlier_key()
    {
        await RecordAsync(Intent(), Secret);
        await RecordAsync(Intent(), Secret);

        Assert.Equal(2, _keys.Saved);
        Assert.All(Read(_keys), record => Assert.Null(record.Closed));
    }

    [Fact]
    public async Task Contents_of_two_records_cannot_be_exchanged()
    {
        await using (var recorder = await Given.Recorder(_storage, Options))
        {
            for (var i = 0; i < 2; i++)
            {
                var account = await recorder.BeginAsync(Intent(), CancellationToken.None);
                await account.AppendAsync(FrameDirection.Reply, Given.Masked($"reply {i}"), 0);
                await account.AppendAsync(FrameDirection.Reply, Given.Masked($"reply {i}"), 0);
                await account.EndAsync(Given.Done());
            }
        }
        var frames = Scan(_storage, RecordType.Frame).ToList();
        using var opener = new RecordOpener(_keys);

        foreach (var (json, box) in frames)
        {
            foreach (var (other, _) in frames)
            {
                Assert.Equal(ReferenceEquals(json, other), opener.TryOpen(RecordType.Frame, other, box, out _, out _));
                Assert.False(opener.TryOpen(RecordType.Intent, other, box, out _, out _));
            }
        }
        Assert.Equal(4, frames.Select(frame => Convert.ToHexString(frame.Box.AsSpan(0, SessionKey.IdBytes + SessionKey.NonceBytes))).Distinct().Count());
    }

    [Fact, Guarantee("G4")]
    public async Task Every_changed_byte_of_what_is_sealed_is_found_without_a_key()
    {
        await RecordAsync(Intent(), Secret);
        var whole = _storage.Bytes("journal-000001.pjl");
        foreach (var (offset, next, head) in Given.Records(_storage).Where(record => record.Head.IsSealed))
        {
            for (var at = next - head.ContentLength; at < next; at++)
            {
                var changed = (byte[])whole.Clone();
                changed[at] ^= 1;
                // With a fitting checksum, as somebody would give it who can write to the disk.
                JournalFormat.WriteHead(changed.AsSpan((int)offset), head, SeedOf(_storage));
                var copy = new MemoryStorage();
                copy.Put("journal-000001.pjl", changed);

                Assert.NotNull(Given.Verify(copy).Bad);
            }
        }
    }

    [Fact]
    public async Task Counted_denials_are_sealed_like_the_ten_before_them()
    {
        await using (var recorder = await Given.Recorder(_storage, Options))
        {
            for (var i = 0; i < 15; i++)
            {
                var intent = Intent(Given.Deny());
                if (recorder.TryCount(intent)) continue;
                await (await recorder.BeginAsync(intent, CancellationToken.None)).EndAsync(Given.Done() with { Outcome = Outcome.Denied });
            }
        }

        var counted = Assert.Single(Read(_keys).Select(record => record.Payload).OfType<RecordedDenials>());
        Assert.Equal((5, Secret), (counted.Count, counted.Parts[0].Facts[0].Values[0]));
        Assert.DoesNotContain(Secret, Encoding.Latin1.GetString(_storage.Bytes("journal-000001.pjl")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_frame_that_is_not_kept_whole_keeps_its_digest_sealed()
    {
        var reply = new string('x', 40) + Secret;
        await using (var recorder = await Given.Recorder(_storage, Options with { ContentBytes = 8 }))
        {
            var account = await recorder.BeginAsync(Intent(), CancellationToken.None);
            await account.AppendAsync(FrameDirection.Reply, Given.Masked(reply), 0);
            await account.EndAsync(Given.Done());
        }

        var frame = Assert.Single(Read(_keys), record => record.Payload is RecordedFrame);
        Assert.Equal((Digest.Of(Encoding.UTF8.GetBytes(reply)).ToString(), "xxxxxxxx"), (((RecordedFrame)frame.Payload).Sha256, Text(frame.Content)));
        Assert.Null(((RecordedFrame)Assert.Single(Read(null), record => record.Payload is RecordedFrame).Payload).Sha256);
    }

    [Fact]
    public async Task What_is_read_with_a_memo_is_what_is_read_strictly()
    {
        await RecordAsync(Intent(), Secret);
        await RecordAsync(Intent(), Secret);

        var strict = Read(_keys).Select(record => record.Payload).OfType<RecordedIntent>().ToList();
        var fast = Given.Read(_storage, _keys, new PayloadMemo(withBasis: true)).Select(record => record.Payload).OfType<RecordedIntent>().ToList();

        Assert.Equal(strict.Select(Described), fast.Select(Described));
        Assert.Same(
            System.Runtime.InteropServices.ImmutableCollectionsMarshal.AsArray(fast[0].Parts), System.Runtime.InteropServices.ImmutableCollectionsMarshal.AsArray(fast[1].Parts));
    }

    [Fact]
    public async Task What_was_erased_is_told_to_a_sink_as_erased_and_decided_by_nobody_again()
    {
        await RecordAsync(Intent(), Secret);
        _keys.Destroy(Given.Intent().Session, ByBob);
        var asked = Assert.Single(Read(_keys), record => record.Payload is RecordedIntent);

        var told = EventReading.Of("journal", asked, ExportKinds.Decisions | ExportKinds.Content)!;
        var policy = PolicyLoader.Load(
            [new PolicyFile("none.yaml", "version: 1\nrules: []")],
            new PolicyEnvironment { Vocabularies = [GatewayVocabulary.Instance], Connections = [GatewayVocabulary.Itself("http://127.0.0.1")], Issuers = ["corp"], Definitions = NoDefinitions.Instance, HashKey = new byte[32] }, 1).Set!;
        var again = new RecordedQuestions().Of((RecordedIntent)asked.Payload, asked.Content).Decide(policy, out var unfaithful);

        Assert.Equal("erased on 2026-03-05T12:00:00Z by corp:bob: asked for by the person", told.Fields.Single(field => field.Name == "closed").Text);
        Assert.DoesNotContain(told.Fields, field => field.Name is "facts" or "requestSha256");
        Assert.True(told.Content.IsEmpty);
        Assert.Null(again);
        Assert.Equal(Unfaithful.Sealed, unfaithful);
    }

    [Fact]
    public async Task An_objection_that_speaks_of_the_request_is_sealed_and_every_other_reason_is_not()
    {
        var objection = new Decision.Deny(Given.Version, [], $"masks cannot read `{Secret}`", "policy.not_permitted") { IsObjection = true };
        await RecordAsync(Intent(objection), "none");
        await RecordAsync(Intent(), "none");

        var bytes = Encoding.Latin1.GetString(_storage.Bytes("journal-000001.pjl"));
        Assert.DoesNotContain("masks cannot read", bytes, StringComparison.Ordinal);
        Assert.Contains("rule `small-refunds` allows it", bytes, StringComparison.Ordinal);
        foreach (var memo in (PayloadMemo?[])[null, new PayloadMemo(withBasis: true)])
        {
            Assert.Equal([objection.Reason, "rule `small-refunds` allows it"], Given.Read(_storage, _keys, memo).Select(record => record.Payload).OfType<RecordedIntent>().Select(intent => intent.Decision.Reason));
        }
        Assert.Equal("", Read(null).Select(record => record.Payload).OfType<RecordedIntent>().First().Decision.Reason);
    }

    private const string Request = """{"order":"canary-4711-kanarienvogel"}""";

    private static string Described(RecordedIntent intent) => System.Text.Json.JsonSerializer.Serialize(intent with { Op = "" });

    private static Intent Intent(Decision? decision = null) => Given.Intent(Request, decision, name: Secret) with { IsAsItCame = true };

    private static string Text(ReadOnlyMemory<byte> content) => Encoding.UTF8.GetString(content.Span);

    private static IEnumerable<string> FormsOf(string secret)
    {
        var bytes = Encoding.UTF8.GetBytes(secret);
        yield return secret;
        yield return Convert.ToHexString(bytes);
        for (var shift = 0; shift < 3; shift++) yield return Convert.ToBase64String(bytes[shift..])[..^4];
    }

    private static uint SeedOf(MemoryStorage storage)
    {
        using var scanner = new SegmentScanner(storage.Open("journal-000001.pjl"));
        scanner.ReadHeader(out var header);
        SegmentScanner.TrySeed(header!.Journal, out var seed);
        return seed;
    }

    private static IEnumerable<(byte[] Json, byte[] Box)> Scan(MemoryStorage storage, RecordType type)
    {
        using var scanner = new SegmentScanner(storage.Open("journal-000001.pjl"));
        scanner.ReadHeader(out _);
        while (scanner.Read() == ScanStep.Record)
        {
            if (scanner.Head.Type == type) yield return (scanner.Json.ToArray(), scanner.Content.ToArray());
        }
    }

    private List<JournalRecord> Read(IDataKeys? keys) => [.. Given.Read(_storage, keys)];

    private async Task RecordAsync(Intent intent, string reply, string? detail = null)
    {
        await using var recorder = await Given.Recorder(_storage, Options);
        var account = await recorder.BeginAsync(intent, CancellationToken.None);
        await account.AppendAsync(FrameDirection.Reply, Given.Masked(reply), 0);
        await account.EndAsync(Given.Done() with { Detail = detail });
    }
}
