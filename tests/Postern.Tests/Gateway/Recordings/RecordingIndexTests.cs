using System.Text;
using Microsoft.Data.Sqlite;
using Postern.Core.Operations;
using Postern.Core.Recording;
using Postern.Gateway.Recordings;
using Postern.Tests.Doubles;
using Postern.Tests.Recording;

namespace Postern.Tests.Gateway.Recordings;

public sealed class RecordingIndexTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public async Task Sessions_are_found_with_their_operations_and_outcomes()
    {
        await using var recorder = await RecorderAsync();
        using var index = RecordingIndex.Open(Options, recorder);
        await OperationAsync(recorder, Given.Intent());
        await OperationAsync(recorder, Given.Intent(decision: Given.Deny()), new Ending(Outcome.Denied, "policy.not_permitted", "no rule", null, Given.Noon.AddSeconds(2)));
        await recorder.BeginAsync(Given.Intent(), CancellationToken.None);
        await SettleAsync(recorder);

        var session = Assert.Single(await index.ListSessionsAsync(new SessionFilter(), CancellationToken.None));
        var detail = await index.GetSessionAsync(session.Id, null, CancellationToken.None);

        Assert.Equal(("corp:alice", "desk-agent", "shop", 3, 1, 1, 1), (session.Identity, session.Agent, session.Connection, session.Operations, session.Done, session.Denied, session.Open));
        Assert.Equal((Given.Noon, Given.Noon.AddSeconds(2)), (session.Started, session.Last));
        Assert.Equal(["done", "denied", null], detail!.Operations.Select(operation => operation.Outcome));
        Assert.Equal("toy.call: refund, (all)", detail.Operations[0].Summary);
        Assert.Equal(("small-refunds@14", "allow", 11L, 2L), (detail.Operations[0].Rule, detail.Operations[0].Decision, detail.Operations[0].ReplyBytes, detail.Operations[0].MaskedValues));
        Assert.Equal("policy.not_permitted", detail.Operations[1].Code);
    }

    [Fact]
    [Row("F03")]
    [Guarantee("G20")]
    public async Task The_index_goes_on_over_a_disk_that_was_full_for_a_while()
    {
        var clock = new SteppedClock();
        using var disk = new FaultyFolder(Options.JournalFolder);
        await using var recorder = await Recorder.OpenAsync(disk, Given.Signer, Options, clock, CancellationToken.None);
        using var index = RecordingIndex.Open(Options, recorder);
        await OperationAsync(recorder, Given.Intent());
        var running = Given.Intent();
        await recorder.BeginAsync(running, CancellationToken.None);
        await SettleAsync(recorder);
        Assert.Equal((2, 1), (await SessionAsync(index)) is var before ? (before.Operations, before.Open) : default);

        disk.IsFull = true;
        var refused = Given.Intent();
        await Assert.ThrowsAsync<RecordingException>(() => recorder.BeginAsync(refused, CancellationToken.None).AsTask());
        for (var i = 0; i < 100; i++)
        {
            clock.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(1, TestContext.Current.CancellationToken);
        }
        Assert.NotNull(recorder.Fault);
        disk.IsFull = false;
        while (recorder.Fault is not null)
        {
            clock.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(1, TestContext.Current.CancellationToken);
        }
        await OperationAsync(recorder, Given.Intent());
        await SettleAsync(recorder);

        var session = await SessionAsync(index);
        Assert.Equal((3, 2, 1, 0), (session.Operations, session.Done, session.Failed, session.Open));
        Assert.Equal("unknown", (await index.GetOperationAsync(running.Operation, null, CancellationToken.None))!.Ending!.Outcome);
        Assert.Null(await index.GetOperationAsync(refused.Operation, null, CancellationToken.None));
        using var storage = FolderStorage.ForReading(Options.JournalFolder);
        using var key = JournalKeyring.Read(Given.Signer.PublicKeyPem);
        Assert.True(JournalVerifier.VerifyJournal(storage, key, [], CancellationToken.None).IsGood);
    }

    private static async Task<SessionSummary> SessionAsync(RecordingIndex index) => Assert.Single(await index.ListSessionsAsync(new SessionFilter(), CancellationToken.None));

    [Fact]
    [Guarantee("G14")]
    public async Task Nobody_finds_what_is_another_identitys()
    {
        await using var recorder = await RecorderAsync();
        using var index = RecordingIndex.Open(Options, recorder);
        var alices = Given.Intent();
        await OperationAsync(recorder, alices);
        await OperationAsync(recorder, Given.Intent(subject: "bob") with { Session = "01SESSION0000000000000000B" });

        Assert.Equal("corp:bob", Assert.Single(await index.ListSessionsAsync(new SessionFilter("corp:bob"), CancellationToken.None)).Identity);
        Assert.Null(await index.GetSessionAsync(alices.Session, "corp:bob", CancellationToken.None));
        Assert.Null(await index.GetOperationAsync(alices.Operation, "corp:bob", CancellationToken.None));
        Assert.NotNull(await index.GetOperationAsync(alices.Operation, "corp:alice", CancellationToken.None));
        Assert.Equal(2, (await index.ListSessionsAsync(new SessionFilter(), CancellationToken.None)).Length);
        Assert.Empty(await index.ListSessionsAsync(new SessionFilter(Connection: "elsewhere"), CancellationToken.None));
    }

    [Fact]
    [Guarantee("G20")]
    public async Task An_operation_is_replayed_whole_from_the_journal()
    {
        await using var recorder = await RecorderAsync();
        using var index = RecordingIndex.Open(Options, recorder);
        var intent = Given.Intent();
        var account = await recorder.BeginAsync(intent, CancellationToken.None);
        await account.ClearAsync(new Clearing(intent.Operation, Given.Noon, "hold-1", intent.Operation, ["corp:bob"], Given.Allow(), 13));
        await account.AppendAsync(FrameDirection.Reply, Given.Masked("first "), 1);
        await OperationAsync(recorder, Given.Intent());
        await account.AppendAsync(FrameDirection.Input, Given.Masked("typed"), 0);
        await account.AppendAsync(FrameDirection.Reply, Given.Masked("second"), 0);
        await account.EndAsync(new Ending(Outcome.Done, null, null, "hold-1", Given.Noon.AddSeconds(3)));
        await SettleAsync(recorder);

        var replay = await index.GetOperationAsync(intent.Operation, null, CancellationToken.None);

        Assert.NotNull(replay);
        Assert.Equal("""{"order":9}""", Encoding.UTF8.GetString(replay.Request.Span));
        Assert.Equal(intent.RequestDigest.ToString(), replay.Intent.Request.Sha256);
        Assert.Equal(["support", "on-call"], replay.Intent.Identity.Groups);
        Assert.Equal("http://127.0.0.1:9/shop", replay.Intent.Connection.Target);
        Assert.Equal(["corp:bob"], replay.Clearing!.Approvers);
        Assert.Equal(["reply first ", "input typed", "reply second"], replay.Frames.Select(frame => $"{frame.Frame.Dir} {Encoding.UTF8.GetString(frame.Content.Span)}"));
        Assert.Equal(("done", "hold-1"), (replay.Ending!.Outcome, replay.Ending.Hold));
        Assert.True(replay.MatchesDigests);
        Assert.False((replay with { Frames = replay.Frames.RemoveAt(1) }).MatchesDigests);
        Assert.False((replay with { Frames = replay.Frames.SetItem(0, replay.Frames[0] with { Content = "First "u8.ToArray() }) }).MatchesDigests);
        Assert.Equal("hold-1", (await index.GetSessionAsync(intent.Session, null, CancellationToken.None))!.Operations[0].Hold);
    }

    [Fact]
    [Row("U07")]
    [Guarantee("G2")]
    public async Task Beyond_the_cap_content_is_not_kept_but_digested_and_replay_says_so()
    {
        await using var recorder = await Recorder.OpenAsync(Options with { ContentBytes = 10 }, TimeProvider.System, CancellationToken.None);
        using var index = RecordingIndex.Open(Options, recorder);
        var intent = Given.Intent();
        var account = await recorder.BeginAsync(intent, CancellationToken.None);
        await account.AppendAsync(FrameDirection.Reply, Given.Masked("12345678"), 0);
        await account.AppendAsync(FrameDirection.Reply, Given.Masked("abcdefgh"), 0);
        await account.AppendAsync(FrameDirection.Reply, Given.Masked("the act"), 0);
        await account.EndAsync(Given.Done());
        await SettleAsync(recorder);

        var replay = await index.GetOperationAsync(intent.Operation, null, CancellationToken.None);

        Assert.Equal(["12345678", "ab", ""], replay!.Frames.Select(frame => Encoding.UTF8.GetString(frame.Content.Span)));
        Assert.Equal([null, $"not kept: 6 bytes, sha256 {Digest.Of("abcdefgh"u8)}", $"not kept: 7 bytes, sha256 {Digest.Of("the act"u8)}"], replay.Frames.Select(frame => frame.NotKept));
        Assert.Equal((3L, 23L, 10L), (replay.Ending!.Reply!.Frames, replay.Ending.Reply.Bytes, replay.Ending.Reply.Kept));
        Assert.True(replay.MatchesDigests);
    }

    [Fact]
    [Row("U07")]
    public async Task A_gateway_that_records_in_full_refuses_what_it_would_not_keep()
    {
        await using var recorder = await Recorder.OpenAsync(Options with { ContentBytes = 10, RefuseBeyondContentBytes = true }, TimeProvider.System, CancellationToken.None);
        var account = await recorder.BeginAsync(Given.Intent(), CancellationToken.None);
        await account.AppendAsync(FrameDirection.Reply, Given.Masked("12345678"), 0);

        await Assert.ThrowsAsync<RecordingException>(() => account.AppendAsync(FrameDirection.Reply, Given.Masked("abcdefgh"), 0).AsTask());
    }

    [Fact]
    public async Task A_deleted_index_is_made_again_and_says_the_same()
    {
        await using (var recorder = await Recorder.OpenAsync(Options with { SegmentBytes = 8_192 }, TimeProvider.System, CancellationToken.None))
        {
            using var index = RecordingIndex.Open(Options, recorder);
            var now = TimeProvider.System.GetUtcNow();
            for (var i = 0; i < 30; i++) await OperationAsync(recorder, Given.Intent(at: now.AddSeconds(i)) with { Session = $"01SESSION00000000000000000{i % 3}" });
            for (var i = 0; i < 15; i++) recorder.TryCount(Given.Intent(decision: Given.Deny(), at: now));
            await index.CatchUpAsync(CancellationToken.None);
        }
        Assert.True(Directory.GetFiles(Options.JournalFolder, "*.pjl").Length > 2);
        var before = await DumpAsync();
        foreach (var file in Directory.GetFiles(_folder.Path, $"{RecordingIndex.FileName}*")) File.Delete(file);

        var after = await DumpAsync();
        File.WriteAllText(Path.Combine(_folder.Path, RecordingIndex.FileName), new string('x', 9_000));
        var overDamage = await DumpAsync();

        Assert.Contains("30", before, StringComparison.Ordinal);
        Assert.Contains("counted 5", before, StringComparison.Ordinal);
        Assert.Equal(before, after);
        Assert.Equal(before, overDamage);
    }

    [Fact]
    [Row("F25")]
    public async Task An_index_of_another_journal_is_forgotten()
    {
        await using (var recorder = await RecorderAsync())
        {
            using var index = RecordingIndex.Open(Options, recorder);
            await OperationAsync(recorder, Given.Intent());
            Assert.Single(await index.ListSessionsAsync(new SessionFilter(), CancellationToken.None));
        }
        Directory.Delete(Options.JournalFolder, recursive: true);

        await using var next = await RecorderAsync();
        using var again = RecordingIndex.Open(Options, next);

        Assert.Empty(await again.ListSessionsAsync(new SessionFilter(), CancellationToken.None));
    }

    [Fact]
    public async Task Rebuilding_beside_a_running_recorder_loses_nothing()
    {
        await using var recorder = await RecorderAsync();
        using var index = RecordingIndex.Open(Options, recorder);
        await OperationAsync(recorder, Given.Intent());
        await index.CatchUpAsync(CancellationToken.None);

        await index.RebuildAsync(CancellationToken.None);
        await OperationAsync(recorder, Given.Intent());
        await SettleAsync(recorder);

        Assert.Equal(2, Assert.Single(await index.ListSessionsAsync(new SessionFilter(), CancellationToken.None)).Done);
    }

    [Fact]
    public async Task The_journal_on_disk_verifies_with_the_public_key_beside_it_and_is_closed_to_others()
    {
        await using (var recorder = await RecorderAsync()) await OperationAsync(recorder, Given.Intent());
        var pem = File.ReadAllText(Path.Combine(_folder.Path, JournalKeys.PublicKeyFile));

        var report = JournalVerifier.Verify([_folder.Path], pem);
        var wrongKey = JournalVerifier.Verify([_folder.Path], Given.Signer.PublicKeyPem);
        var nothing = JournalVerifier.Verify([Path.Combine(_folder.Path, "absent")], pem);
        var twice = JournalVerifier.Verify([CopyOfJournal(), Options.JournalFolder], pem);

        Assert.True(report.IsGood);
        Assert.False(wrongKey.IsGood);
        Assert.Contains("does not exist", Assert.Single(nothing.Problems), StringComparison.Ordinal);
        Assert.Contains("2 times", Assert.Single(twice.Problems), StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(_folder.Path, JournalKeys.KeyFile)));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Directory.GetFiles(Options.JournalFolder, "*.pjl")[0]));
    }

    [Fact]
    [Row("U10")]
    public async Task A_lost_signing_key_and_a_second_writer_stop_the_start()
    {
        await using (var recorder = await RecorderAsync())
        {
            var second = await Assert.ThrowsAsync<RecordingException>(() => RecorderAsync().AsTask());
            Assert.Contains("another gateway", second.Message, StringComparison.Ordinal);
        }
        File.Delete(Path.Combine(_folder.Path, JournalKeys.KeyFile));

        var fault = await Assert.ThrowsAsync<RecordingException>(() => RecorderAsync().AsTask());

        Assert.Contains("is gone", fault.Message, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private RecorderOptions Options => new() { DataFolder = _folder.Path };

    private ValueTask<Recorder> RecorderAsync() => Recorder.OpenAsync(Options, TimeProvider.System, CancellationToken.None);

    private static async Task OperationAsync(Recorder recorder, Intent intent, Ending? ending = null)
    {
        var account = await recorder.BeginAsync(intent, CancellationToken.None);
        if (ending is null) await account.AppendAsync(FrameDirection.Reply, Given.Masked("""{"ok":true}"""), 2);
        await account.EndAsync(ending ?? Given.Done());
    }

    /// <summary>Endings are not waited for; a record behind them is.</summary>
    private static async Task SettleAsync(Recorder recorder) => await recorder.NoteAsync(new Occurrence("test.settled", Given.Noon, []), CancellationToken.None);

    private string CopyOfJournal()
    {
        var copy = Directory.CreateDirectory(Path.Combine(_folder.Path, "copy")).FullName;
        foreach (var file in Directory.GetFiles(Options.JournalFolder, "*.pjl")) File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        return copy;
    }

    private async Task<string> DumpAsync()
    {
        using var index = RecordingIndex.Open(Options, live: null);
        var text = new StringBuilder();
        var total = 0;
        foreach (var session in await index.ListSessionsAsync(new SessionFilter(), CancellationToken.None))
        {
            var detail = await index.GetSessionAsync(session.Id, null, CancellationToken.None);
            total += detail!.Operations.Length;
            text.Append(session).Append(string.Join('\n', detail.Operations)).AppendJoin('\n', detail.CountedDenials.Select(denial => $"counted {denial.Count}"));
        }
        SqliteConnection.ClearAllPools();
        return $"{text}{total}";
    }
}
