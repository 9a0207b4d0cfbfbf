using System.Text;
using Microsoft.Data.Sqlite;
using Postern.Core.Recording;
using Postern.Core.Sessions;
using Postern.Gateway.Approvals;
using Postern.Gateway.Recordings;
using Postern.Gateway.Recordings.Keys;
using Postern.Gateway.Recordings.Retention;
using Postern.Gateway.Recordings.Search;
using Postern.Tests.Recording;

namespace Postern.Tests.Gateway.Recordings.Retention;

/// <summary>Erasing a session: what was said is in no file any more, what was done is, and the journal verifies (rows U11, U12).</summary>
public sealed class SessionEraserTests : IAsyncLifetime
{
    private const string Secret = "canary-9214-kanarienvogel";

    private readonly TemporaryFolder _folder = new();
    private readonly Erasure _byBob = new(Given.Noon.AddDays(1), "corp:bob", "asked for by the person", IsExpiry: false);
    private Parts _parts = null!;

    public async ValueTask InitializeAsync() => _parts = await Parts.OpenAsync(_folder.Path);

    public async ValueTask DisposeAsync()
    {
        await _parts.DisposeAsync();
        _folder.Dispose();
    }

    [Fact, Row("U11"), Guarantee("G4")]
    public async Task Nothing_that_was_said_is_in_any_file_after_an_erasure()
    {
        await RecordAsync("S1", Secret);
        await RecordAsync("S2", "another-5521-zaunkoenig");
        Assert.Equal([RecordingIndex.FileName], FilesWith(Secret));

        var erased = await _parts.Eraser.EraseAsync("S1", _byBob, CancellationToken.None);

        Assert.Equal((EraseOutcome.Erased, 1), erased);
        Assert.Empty(FilesWith(Secret));
        Assert.Equal([RecordingIndex.FileName], FilesWith("another-5521-zaunkoenig"));
        Assert.True(Verify().IsGood);
    }

    [Fact, Row("U11")]
    public async Task An_erased_session_is_shown_with_who_did_what_and_who_erased_it()
    {
        await RecordAsync("S1", Secret);
        await _parts.Eraser.EraseAsync("S1", _byBob, CancellationToken.None);

        var session = await _parts.Index.GetSessionAsync("S1", null, CancellationToken.None);
        Postern.Core.Operations.OperationId.TryParse(session!.Operations[0].Id, out var id);
        var operation = await _parts.Index.GetOperationAsync(id, null, CancellationToken.None);

        Assert.Equal(("corp:alice", "toy.call", "done"), (session.Session.Identity, session.Operations[0].Summary, session.Operations[0].Outcome));
        Assert.Equal(_byBob, _parts.Index.ErasureOf("S1"));
        Assert.Equal(_byBob, operation!.Closed!.Erasure);
        Assert.True(operation.Request.IsEmpty);
        Assert.Equal("erased on 2026-03-05T12:00:00Z by corp:bob: asked for by the person", operation.Frames[0].NotKept);
    }

    [Fact, Row("U11")]
    public async Task What_was_said_is_not_even_found_by_its_words_and_who_did_what_still_is()
    {
        await RecordAsync("S1", Secret);
        await RecordAsync("S2", Secret);
        var word = Secret.Split('-')[^1];
        Assert.Equal(2, (await FoundAsync(new OperationFilter { Words = word })).Count);

        await _parts.Eraser.EraseAsync("S1", _byBob, CancellationToken.None);

        Assert.Equal(["S2"], await FoundAsync(new OperationFilter { Words = word }));
        Assert.Equal(["S1", "S2"], (await FoundAsync(new OperationFilter { Person = "alice", Action = "toy.call", Outcome = "done" })).Order());
        var before = Postings();
        await _parts.Index.RebuildAsync(CancellationToken.None);
        await _parts.Index.CatchUpAsync(CancellationToken.None);
        Assert.Equal(before, Postings());
    }

    [Fact]
    public async Task An_index_that_is_made_anew_holds_nothing_of_it_either()
    {
        await RecordAsync("S1", Secret);
        await _parts.Eraser.EraseAsync("S1", _byBob, CancellationToken.None);

        await _parts.Index.RebuildAsync(CancellationToken.None);

        Assert.Empty(FilesWith(Secret));
        Assert.Equal("toy.call", (await _parts.Index.GetSessionAsync("S1", null, CancellationToken.None))!.Operations[0].Summary);
    }

    [Fact, Row("U11")]
    public async Task A_tombstone_says_who_erased_what_and_why()
    {
        await RecordAsync("S1", Secret);
        await _parts.Eraser.EraseAsync("S1", _byBob, CancellationToken.None);

        var facts = Assert.Single(Occurrences(SessionEraser.ErasedKind)).Facts.ToDictionary(fact => fact.Name, fact => fact.Value);

        Assert.Equal(("S1", "corp:bob", "asked for by the person", "1"), (facts["session"], facts["by"], facts["reason"], facts["operations"]));
        Assert.Equal((EraseOutcome.Already, 1), await _parts.Eraser.EraseAsync("S1", _byBob, CancellationToken.None));
        Assert.Single(Occurrences(SessionEraser.ErasedKind));
    }

    [Fact, Row("U11")]
    public async Task A_stop_between_the_destruction_and_the_tombstone_is_made_good_at_the_next_start()
    {
        await RecordAsync("S1", Secret);
        Assert.Equal(KeyDestruction.Done, await _parts.Keys.DestroyAsync("S1", _byBob, 1));
        Assert.Empty(Occurrences(SessionEraser.ErasedKind));

        await _parts.DisposeAsync();
        _parts = await Parts.OpenAsync(_folder.Path);
        await _parts.Eraser.FinishAllAsync(CancellationToken.None);
        await _parts.Eraser.FinishAllAsync(CancellationToken.None);

        Assert.Contains(Assert.Single(Occurrences(SessionEraser.ErasedKind)).Facts, fact => fact == new RecordedPair("by", "corp:bob"));
        Assert.Empty(FilesWith(Secret));
        Assert.True(Verify().IsGood);
    }

    [Fact, Row("U11")]
    public async Task A_session_under_legal_hold_is_not_erased_and_both_ends_of_the_hold_are_recorded()
    {
        await RecordAsync("S1", Secret);
        Assert.True(await _parts.Eraser.HoldAsync("S1", "corp:carol", "case 12", CancellationToken.None));

        Assert.Equal(EraseOutcome.Held, (await _parts.Eraser.EraseAsync("S1", _byBob, CancellationToken.None)).Outcome);
        Assert.NotEmpty(FilesWith(Secret));
        Assert.True(await _parts.Eraser.ReleaseAsync("S1", "corp:carol", "case closed"));
        Assert.False(await _parts.Eraser.ReleaseAsync("S1", "corp:carol", "case closed"));
        Assert.Equal(EraseOutcome.Erased, (await _parts.Eraser.EraseAsync("S1", _byBob, CancellationToken.None)).Outcome);

        Assert.Contains(new RecordedPair("reason", "case 12"), Assert.Single(Occurrences(SessionEraser.HeldKind)).Facts);
        Assert.Contains(new RecordedPair("reason", "case closed"), Assert.Single(Occurrences(SessionEraser.ReleasedKind)).Facts);
    }

    [Fact]
    public async Task A_session_is_not_erased_beneath_an_operation_that_is_under_way()
    {
        var account = await _parts.Recorder.BeginAsync(Given.Intent(name: Secret) with { Session = "S1" }, CancellationToken.None);

        Assert.Equal(EraseOutcome.Live, (await _parts.Eraser.EraseAsync("S1", _byBob, CancellationToken.None)).Outcome);
        await account.EndAsync(Given.Done());
        await _parts.SettleAsync();

        Assert.Equal(EraseOutcome.Erased, (await _parts.Eraser.EraseAsync("S1", _byBob, CancellationToken.None)).Outcome);
    }

    [Fact]
    public async Task Nothing_is_recorded_in_a_session_any_more_that_was_erased()
    {
        await RecordAsync("S1", Secret);
        await _parts.Eraser.EraseAsync("S1", _byBob, CancellationToken.None);

        var refused = await Assert.ThrowsAsync<RecordingException>(() => RecordAsync("S1", "more"));

        Assert.Equal("the session was erased; nothing can be added to it", refused.Message);
    }

    [Fact]
    public async Task What_does_not_exist_or_was_never_sealed_is_not_erased()
    {
        Assert.Equal(EraseOutcome.Unknown, (await _parts.Eraser.EraseAsync("S9", _byBob, CancellationToken.None)).Outcome);
        Assert.Null(await _parts.Eraser.HoldAsync("S9", "corp:carol", "case 12", CancellationToken.None));
        await _parts.DisposeAsync();
        await using (var plain = await Recorder.OpenAsync(new RecorderOptions { DataFolder = _folder.Path }, TimeProvider.System, CancellationToken.None))
        {
            await Given.OperationAsync(plain);
        }
        _parts = await Parts.OpenAsync(_folder.Path);

        Assert.Equal(EraseOutcome.Plain, (await _parts.Eraser.EraseAsync(Given.Intent().Session, _byBob, CancellationToken.None)).Outcome);
    }

    private async Task RecordAsync(string session, string said)
    {
        var account = await _parts.Recorder.BeginAsync(Given.Intent($$"""{"order":"{{said}}"}""", name: said) with { Session = session }, CancellationToken.None);
        await account.AppendAsync(FrameDirection.Reply, Given.Masked($"reply {said}"), 0);
        await account.EndAsync(Given.Done() with { Detail = said });
        await _parts.SettleAsync();
        await _parts.Index.CatchUpAsync(CancellationToken.None);
    }

    private List<RecordedOccurrence> Occurrences(string kind) => [.. new JournalReader(Path.Combine(_folder.Path, "journal")).Read(JournalPosition.Begin).Select(record => record.Payload).OfType<RecordedOccurrence>().Where(occurrence => occurrence.Kind == kind)];

    private async Task<List<string>> FoundAsync(OperationFilter filter) => [.. (await _parts.Index.SearchAsync(filter, CancellationToken.None)).Operations.Select(found => found.Operation.Session)];

    private List<string> Postings() => IndexContent.Of(Path.Combine(_folder.Path, RecordingIndex.FileName));

    private JournalVerdict Verify() => JournalVerifier.Verify([_folder.Path], File.ReadAllText(Path.Combine(_folder.Path, JournalKeys.PublicKeyFile))).Journals[0];

    /// <summary>The files in which a text stands: as it is, in hexadecimal, or in base64 at any of the three places. A log counts as its file.</summary>
    private List<string> FilesWith(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        List<byte[]> forms = [bytes, Encoding.ASCII.GetBytes(Convert.ToHexString(bytes)), Encoding.ASCII.GetBytes(Convert.ToHexStringLower(bytes))];
        for (var shift = 0; shift < 3; shift++) forms.Add(Encoding.ASCII.GetBytes(Convert.ToBase64String(bytes[shift..])[..^4]));
        return [.. Directory.EnumerateFiles(_folder.Path, "*", SearchOption.AllDirectories).Where(path => !path.EndsWith(".lock", StringComparison.Ordinal) && Holds(path, forms)).Select(path => Path.GetFileName(path).Replace("-wal", "", StringComparison.Ordinal)).Distinct().Order(StringComparer.Ordinal)];
    }

    private static bool Holds(string path, List<byte[]> forms)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var content = new MemoryStream();
        file.CopyTo(content);
        return forms.Any(form => content.GetBuffer().AsSpan(0, (int)content.Length).IndexOf(form) >= 0);
    }

    /// <summary>A gateway's stores, as they stand together.</summary>
    internal sealed class Parts : IAsyncDisposable
    {
        private bool _isClosed;

        public required DataKeyFile Keys { get; init; }

        public required Recorder Recorder { get; init; }

        public required RecordingIndex Index { get; init; }

        public required SqliteHoldStore Holds { get; init; }

        public required SessionEraser Eraser { get; init; }

        public static async Task<Parts> OpenAsync(string folder, TimeProvider? clock = null, long segmentBytes = 64 * 1024 * 1024)
        {
            var time = clock ?? TimeProvider.System;
            var keys = await DataKeyFile.OpenAsync(folder, null, time);
            // A clock that is moved by months would be asked for a checkpoint of every minute of them.
            var options = new RecorderOptions { DataFolder = folder, DataKeys = keys, Heartbeat = TimeSpan.FromDays(1), SegmentBytes = segmentBytes };
            var recorder = await Recorder.OpenAsync(options, time, CancellationToken.None);
            var index = RecordingIndex.Open(options, recorder);
            index.ErasureOf = keys.FindErasure;
            var holds = SqliteHoldStore.Open(folder);
            return new Parts { Keys = keys, Recorder = recorder, Index = index, Holds = holds, Eraser = new SessionEraser(new ErasingParts(keys, index, holds, recorder, new SessionBook(time), time)) };
        }

        /// <summary>Waits until everything that was written is durable, endings among it.</summary>
        public async Task SettleAsync() => await Recorder.NoteAsync(new Occurrence("test.settled", Given.Noon, []), CancellationToken.None);

        public async ValueTask DisposeAsync()
        {
            if (_isClosed) return;
            _isClosed = true;
            Eraser.Dispose();
            Holds.Dispose();
            Index.Dispose();
            await Recorder.DisposeAsync();
            Keys.Dispose();
            SqliteConnection.ClearAllPools();
        }
    }
}
