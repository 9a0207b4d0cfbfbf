using Microsoft.Extensions.Logging.Abstractions;
using Postern.Core.Recording;
using Postern.Gateway.Configuration;
using Postern.Gateway.Recordings.Retention;
using Postern.Gateway.Recordings.Stores;
using Postern.Tests.Recording;

namespace Postern.Tests.Gateway.Recordings.Retention;

/// <summary>An erasure gives the disk back: closed segments are folded once the tombstone is signed, and stores keep what they have.</summary>
[Row("U11")]
[Guarantee("G4")]
public sealed class FoldingPassTests : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();
    private readonly TemporaryFolder _kept = new();
    private readonly Erasure _byBob = new(Given.Noon.AddDays(1), "corp:bob", "asked for by the person", IsExpiry: false);
    private SessionEraserTests.Parts _parts = null!;

    private string Journal => Path.Combine(_folder.Path, "journal");

    private RecorderOptions Recording => new() { DataFolder = _folder.Path };

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _parts = await SessionEraserTests.Parts.OpenAsync(_folder.Path, segmentBytes: 64 * 1024);

    public async ValueTask DisposeAsync()
    {
        await _parts.DisposeAsync();
        _folder.Dispose();
        _kept.Dispose();
    }

    [Fact]
    public async Task The_disk_of_an_erased_session_comes_back_and_the_journal_verifies()
    {
        await FillAsync();
        var before = OnDisk();
        Assert.Equal(0, await PassAsync());
        await _parts.Eraser.EraseAsync("S1", _byBob, Stop);

        var givenBack = await PassAsync();

        // Six requests and six replies of 20,000 bytes; endings are a little less too.
        Assert.InRange(givenBack, 235_000, 250_000);
        Assert.InRange(before - OnDisk(), 230_000, 250_000);
        var verdict = Verify();
        Assert.True(verdict.IsGood);
        Assert.Equal(18, verdict.Folded);
        Assert.Equal(givenBack, Notes().Sum(note => long.Parse(note.Facts.Single(fact => fact.Name == "bytes").Value, System.Globalization.CultureInfo.InvariantCulture)));
        // What is done is not done again, and what was found by its place still is.
        Assert.Equal(0, await PassAsync());
        var session = await _parts.Index.GetSessionAsync("S1", null, Stop);
        Postern.Core.Operations.OperationId.TryParse(session!.Operations[0].Id, out var id);
        Assert.Equal(_byBob, (await _parts.Index.GetOperationAsync(id, null, Stop))!.Closed!.Erasure);
        Postern.Core.Operations.OperationId.TryParse((await _parts.Index.GetSessionAsync("S2", null, Stop))!.Operations[0].Id, out var other);
        Assert.Equal(20_000, (await _parts.Index.GetOperationAsync(other, null, Stop))!.Request.Length);
    }

    [Fact]
    public async Task What_stands_in_the_segment_that_is_written_to_waits_until_it_is_closed()
    {
        await RecordAsync("S1", 1);
        await _parts.Eraser.EraseAsync("S1", _byBob, Stop);

        Assert.Equal(0, await PassAsync());
        await RecordAsync("S2", 4);

        Assert.InRange(await PassAsync(), 39_000, 42_000);
        Assert.True(Verify().IsGood);
    }

    [Fact]
    public async Task A_store_that_has_everything_is_recognised_and_a_folded_segment_leaves_the_disk_and_comes_back()
    {
        await FillAsync();
        await UploadAsync();
        await _parts.Eraser.EraseAsync("S1", _byBob, Stop);
        await PassAsync();
        // The cursor is lost: everything is compared with what the store has, which nobody can read and nobody changes.
        File.Delete(Path.Combine(_folder.Path, "store", "upload.json"));

        await using var upload = await UploadAsync(keep: new LocalCopyOptions(Age: null, Bytes: 1));
        await using var local = upload.KeepLocal(() => int.MaxValue);
        var records = Records();
        Assert.InRange(await local.SweepAsync(Stop), 2, 20);

        Assert.Null(upload.Complaint);
        Assert.Equal(records, Records()[..records.Count]);
        Assert.True(Verify().IsGood);
        var fetched = Path.Combine(_kept.Path, "fetched");
        await using var store = new FolderStore(Path.Combine(_kept.Path, "store"));
        await JournalFetch.RunAsync(store, fetched, null, Stop);
        Assert.True(JournalVerifier.Verify([fetched], PublicKey()).IsGood);
    }

    [Fact]
    public async Task What_was_folded_before_it_went_up_verifies_where_it_is_kept()
    {
        await FillAsync();
        await _parts.Eraser.EraseAsync("S1", _byBob, Stop);
        await PassAsync();

        await UploadAsync();

        var fetched = Path.Combine(_kept.Path, "fetched");
        await using var store = new FolderStore(Path.Combine(_kept.Path, "store"));
        await JournalFetch.RunAsync(store, fetched, null, Stop);
        var verdict = JournalVerifier.Verify([fetched], PublicKey()).Journals[0];
        Assert.True(verdict.IsGood);
        Assert.Equal(18, verdict.Folded);
    }

    private async Task FillAsync()
    {
        for (var i = 0; i < 6; i++)
        {
            await RecordAsync("S1", 1);
            await RecordAsync("S2", 1);
        }
        await RecordAsync("S3", 4);
    }

    private async Task RecordAsync(string session, int times)
    {
        for (var i = 0; i < times; i++)
        {
            var account = await _parts.Recorder.BeginAsync(Given.Intent(new string('q', 20_000)) with { Session = session }, Stop);
            await account.AppendAsync(FrameDirection.Reply, Given.Masked(new string('a', 20_000)), 0);
            await account.EndAsync(Given.Done());
        }
        await _parts.SettleAsync();
    }

    private async Task<long> PassAsync() => await new FoldingPass(_parts.Keys, _parts.Index, _parts.Recorder, Journal, TimeProvider.System).RunAsync(Stop);

    private async Task<JournalUpload> UploadAsync(LocalCopyOptions? keep = null)
    {
        var options = new StoreOptions(new StoreTarget.Folder(Path.Combine(_kept.Path, "store"))) { Local = keep };
        var upload = new JournalUpload(options, new FolderStore(Path.Combine(_kept.Path, "store")), Recording, _parts.Recorder, TimeProvider.System, NullLogger.Instance);
        while (await upload.StepAsync(isLast: true, Stop) is { Ticks: 0 })
        {
        }
        if (keep is null) await upload.DisposeAsync();
        return upload;
    }

    private long OnDisk() => new DirectoryInfo(Journal).EnumerateFiles("*.pjl").Sum(file => file.Length);

    private string PublicKey() => File.ReadAllText(Path.Combine(_folder.Path, JournalKeys.PublicKeyFile));

    private JournalVerdict Verify() => JournalVerifier.Verify([_folder.Path], PublicKey()).Journals[0];

    private List<string> Records() => [.. new JournalReader(Journal, _parts.Keys).Read(JournalPosition.Begin).Select(record => $"{record.Position} {record.Sequence} {record.Type} {record.Content.Length} {record.Closed}")];

    private List<RecordedOccurrence> Notes() => [.. new JournalReader(Journal).Read(JournalPosition.Begin).Select(record => record.Payload).OfType<RecordedOccurrence>().Where(occurrence => occurrence.Kind == FoldingPass.Kind)];
}
