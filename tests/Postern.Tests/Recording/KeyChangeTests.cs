using Postern.Core.Recording;
using Postern.Tests.Doubles;

namespace Postern.Tests.Recording;

/// <summary>A journal that passes from one signing key to the next.</summary>
[Guarantee("G4")]
[Row("U10"), Row("U04")]
public sealed class KeyChangeTests
{
    private readonly MemorySigner _old = new();
    private readonly MemorySigner _new = new();

    [Fact]
    public async Task Whoever_trusts_the_old_key_trusts_what_it_vouched_for_and_nobody_else_does()
    {
        var storage = await ChangedAsync();

        var verdict = Given.Verify(storage, _old);

        Assert.Null(verdict.Bad);
        Assert.Equal(2, verdict.Segments);
        Assert.Equal(0, verdict.Unanchored);
        Assert.Contains("signed with key", Given.Verify(storage, _new).Bad!.Problem, StringComparison.Ordinal);
        Assert.Contains("signed with key", Given.Verify(storage, new MemorySigner()).Bad!.Problem, StringComparison.Ordinal);
        Assert.Contains($"\"kind\":\"{KeySuccession.Kind}\"", System.Text.Encoding.UTF8.GetString(storage.Bytes("journal-000001.pjl")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_start_with_another_key_needs_the_one_before_to_vouch_for_it()
    {
        var storage = await Given.ClosedJournalAsync(signer: _old);

        var alone = await Assert.ThrowsAsync<RecordingException>(async () => await Recorder.OpenAsync(storage, _new, Given.Options(), TimeProvider.System, CancellationToken.None));
        Assert.Contains("give the key before it too", alone.Message, StringComparison.Ordinal);

        await (await Recorder.OpenAsync(storage, new JournalSigners(_new, _old), Given.Options(), TimeProvider.System, CancellationToken.None)).DisposeAsync();
        Assert.Null(Given.Verify(storage, _old).Bad);
        // and from then on it is not needed
        await (await Recorder.OpenAsync(storage, _new, Given.Options(), TimeProvider.System, CancellationToken.None)).DisposeAsync();
        Assert.Null(Given.Verify(storage, _old).Bad);
    }

    [Fact]
    public async Task An_old_key_never_signs_again()
    {
        var storage = await ChangedAsync();

        // Somebody found the old key and lets the new one vouch for it, with everything that a gateway has.
        await (await Recorder.OpenAsync(storage, new JournalSigners(_old, _new), Given.Options(), TimeProvider.System, CancellationToken.None)).DisposeAsync();

        Assert.Contains("another one followed before", Given.Verify(storage, _old).Bad!.Problem, StringComparison.Ordinal);
    }

    [Fact]
    [Row("U01")]
    public async Task A_stop_after_any_byte_of_the_change_leaves_a_journal_that_goes_on_and_verifies()
    {
        var storage = await ChangedAsync();
        var (first, second) = (storage.Bytes("journal-000001.pjl"), storage.Bytes("journal-000002.pjl"));
        var announced = Given.Records(storage).Last(record => record.Head.Type == RecordType.Occurrence).Offset;

        for (var length = (int)announced; length <= first.Length + second.Length; length++)
        {
            var left = new MemoryStorage();
            left.Put("journal-000001.pjl", first[..Math.Min(length, first.Length)]);
            if (length > first.Length) left.Put("journal-000002.pjl", second[..(length - first.Length)]);

            await (await Recorder.OpenAsync(left, new JournalSigners(_new, _old), Given.Options(), TimeProvider.System, CancellationToken.None)).DisposeAsync();

            Assert.True(Given.Verify(left, _old).Bad is null, $"stopped after {length} bytes: {Given.Verify(left, _old).Bad}");
            await (await Recorder.OpenAsync(left, _new, Given.Options(), TimeProvider.System, CancellationToken.None)).DisposeAsync();
        }
    }

    [Fact]
    public void A_key_that_is_named_without_a_signature_is_not_trusted()
    {
        using var keys = JournalKeyring.Read(_old.PublicKeyPem);
        using var succession = new KeySuccession(keys);
        Assert.Null(succession.Begin(_old.KeyId));
        var named = KeySuccession.Announce(_old, _new, Given.Noon);

        succession.Read(named.Kind, [.. named.Facts.Select(fact => new RecordedPair(fact.Key, fact.Value))]);
        Assert.Contains("signed with key", succession.Begin(_new.KeyId), StringComparison.Ordinal);

        succession.Signed();
        Assert.Null(succession.Begin(_new.KeyId));
    }

    [Fact]
    public async Task Operations_go_on_while_the_key_changes()
    {
        var storage = new MemoryStorage();
        using var folder = new Gateway.TemporaryFolder();
        await using (var recorder = await Recorder.OpenAsync(storage, _old, Given.Options() with { DataFolder = folder.Path }, TimeProvider.System, CancellationToken.None))
        {
            var working = Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
            {
                for (var i = 0; i < 50; i++) await Given.OperationAsync(recorder);
            })).ToList();
            var keys = Path.Combine(folder.Path, "keys");
            for (var i = 0; i < 5; i++)
            {
                await recorder.ChangeKeyAsync(JournalKeys.OpenCurrent(new RecorderOptions { DataFolder = Path.Combine(keys, $"{i}") }, mayCreate: true));
            }
            await Task.WhenAll(working);
        }

        var verdict = Given.Verify(storage, _old);
        Assert.Null(verdict.Bad);
        Assert.Equal(6, verdict.Segments);
        Assert.Empty(verdict.OpenIntents);
    }

    [Fact]
    public async Task Nothing_happening_is_signed_too()
    {
        var clock = new SteppedClock();
        var storage = new MemoryStorage();
        await using var recorder = await Given.Recorder(storage, Given.Options() with { Heartbeat = TimeSpan.FromSeconds(30) }, clock);
        var signed = new System.Collections.Concurrent.BlockingCollection<RecordedCheckpoint>();
        recorder.Signed = signed.Add;
        // The start signs by itself, behind its header and the occurrence that it writes; only then does the clock of the heartbeat run.
        await recorder.WaitPastAsync(2, CancellationToken.None);

        for (var beat = 0; beat < 3; beat++)
        {
            var before = recorder.DurableSequence;
            clock.Advance(TimeSpan.FromSeconds(31));
            RecordedCheckpoint? checkpoint;
            do Assert.True(signed.TryTake(out checkpoint, TimeSpan.FromSeconds(10)));
            while (checkpoint.Through < before);
        }

        Assert.Null(Given.Verify(storage.AfterPowerLoss()).Bad);
    }

    [Fact]
    [Row("F19")]
    [Guarantee("G5")]
    public async Task A_key_that_cannot_sign_stops_everything_at_once_and_hides_nothing()
    {
        var clock = new SteppedClock();
        var storage = new MemoryStorage();
        var signer = new FailingSigner(_old);
        await using (var recorder = await Recorder.OpenAsync(storage, signer, Given.Options(), clock, CancellationToken.None))
        {
            await Given.OperationAsync(recorder);
            signer.Fails = true;
            await UntilAsync(clock, () => recorder.Fault is not null, recorder);
            await Assert.ThrowsAsync<RecordingException>(() => Given.OperationAsync(recorder));

            signer.Fails = false;
            await UntilAsync(clock, () => recorder.Fault is null, null);
            await Given.OperationAsync(recorder);
        }

        var verdict = Given.Verify(storage, _old);
        Assert.Null(verdict.Bad);
        Assert.Equal(0, verdict.Unanchored);
        Assert.Contains("the key service is away", string.Concat(storage.List().Select(name => System.Text.Encoding.UTF8.GetString(storage.Bytes(name)))), StringComparison.Ordinal);
    }

    private static async Task UntilAsync(SteppedClock clock, Func<bool> what, Recorder? working)
    {
        var patience = DateTime.UtcNow.AddSeconds(20);
        while (!what())
        {
            Assert.True(DateTime.UtcNow < patience, "it did not come about");
            clock.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(5);
            if (working is not null && working.Fault is null) await Record.ExceptionAsync(() => Given.OperationAsync(working));
        }
    }

    private sealed class FailingSigner(MemorySigner own) : IJournalSigner
    {
        public volatile bool Fails;

        public string KeyId => own.KeyId;

        public string PublicKeyPem => own.PublicKeyPem;

        public byte[] Sign(ReadOnlySpan<byte> content) => Fails ? throw new IOException("the key service is away") : own.Sign(content);
    }

    private async Task<MemoryStorage> ChangedAsync()
    {
        var storage = await Given.ClosedJournalAsync(signer: _old);
        await using var recorder = await Recorder.OpenAsync(storage, new JournalSigners(_new, _old), Given.Options(), TimeProvider.System, CancellationToken.None);
        await Given.OperationAsync(recorder);
        return storage;
    }
}
