using Microsoft.Extensions.Logging.Abstractions;
using Postern.Core.Recording;
using Postern.Gateway.Configuration;
using Postern.Gateway.Recordings.Stores;
using Postern.Tests.Cli;
using Postern.Tests.Doubles;
using Postern.Tests.Recording;

namespace Postern.Tests.Gateway.Recordings.Stores;

/// <summary>Segments that leave the disk, come back, or are fetched onto another one.</summary>
public sealed class LocalCopiesTests : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();
    private readonly TemporaryFolder _kept = new();
    private readonly SteppedClock _clock = new();
    private readonly RecorderOptions _recording;
    private Recorder _recorder = null!;

    public LocalCopiesTests() => _recording = new RecorderOptions { DataFolder = _folder.Path, SegmentBytes = 16 * 1024 };

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string Key => Path.Combine(_folder.Path, JournalKeys.PublicKeyFile);

    public async ValueTask InitializeAsync()
    {
        _recorder = await Recorder.OpenAsync(_recording, _clock, CancellationToken.None);
        while (Segments() < 5) await Given.OperationAsync(_recorder);
    }

    public async ValueTask DisposeAsync()
    {
        await _recorder.DisposeAsync();
        _folder.Dispose();
        _kept.Dispose();
    }

    [Fact]
    [Guarantee("G4")]
    public async Task Old_segments_leave_once_the_store_has_them_whole_and_come_back_when_they_are_read()
    {
        var whole = Sequences();
        await using var upload = await UploadedAsync();
        await using var local = upload.KeepLocal(() => int.MaxValue);
        Assert.Equal(0, await local.SweepAsync(Stop));
        _clock.Advance(TimeSpan.FromHours(2));

        var left = await local.SweepAsync(Stop);

        // The operation that opened the newest segment may have begun in the one before, which a start would then read.
        Assert.InRange(left, 3, 4);
        Assert.Equal(5 - left, Segments());
        Assert.Equal(whole, Sequences()[..whole.Length]);
        Assert.Equal(5, Segments());
        // A visit ends.
        _clock.Advance(TimeSpan.FromMinutes(11));
        Assert.Equal(0, await local.SweepAsync(Stop));
        Assert.Equal(5 - left, Segments());
        Assert.Equal(left, Sequences(payload => payload is RecordedOccurrence { Kind: "store.moved" }).Length);
    }

    [Fact]
    public async Task By_size_the_oldest_leave_until_the_rest_fits_and_none_that_others_still_read()
    {
        await using var upload = await UploadedAsync(new LocalCopyOptions(Age: null, Bytes: 40 * 1024));
        await using (var held = upload.KeepLocal(() => 2))
        {
            Assert.Equal(1, await held.SweepAsync(Stop));
        }
        await using var local = upload.KeepLocal(() => int.MaxValue);

        await local.SweepAsync(Stop);

        Assert.InRange(new DirectoryInfo(_recording.JournalFolder).EnumerateFiles("*.pjl").Sum(file => file.Length), 16 * 1024, 40 * 1024);
    }

    [Fact]
    public async Task What_an_open_operation_began_in_stays_for_the_next_start()
    {
        var account = await _recorder.BeginAsync(Given.Intent(at: _clock.GetUtcNow()), CancellationToken.None);
        while (Segments() < 8) await Given.OperationAsync(_recorder);
        await using var upload = await UploadedAsync();
        var local = upload.KeepLocal(() => int.MaxValue);
        _clock.Advance(TimeSpan.FromHours(2));

        Assert.Equal(4, await local.SweepAsync(Stop));

        Assert.Equal(["journal-000005.pjl", "journal-000006.pjl", "journal-000007.pjl", "journal-000008.pjl"], Names());
        await account.EndAsync(Given.Done());
        await _recorder.DisposeAsync();
        // A start opens the journal before anything brings segments back.
        await local.DisposeAsync();
        await using var again = await Recorder.OpenAsync(_recording, _clock, CancellationToken.None);
        Assert.Null(again.Fault);
    }

    [Fact]
    [Guarantee("G4")]
    public async Task Nothing_leaves_that_the_store_holds_otherwise_or_in_part()
    {
        await using var upload = await UploadedAsync();
        await using var local = upload.KeepLocal(() => int.MaxValue);
        _clock.Advance(TimeSpan.FromHours(2));
        var piece = Pieces().First();
        var bytes = await File.ReadAllBytesAsync(piece, Stop);
        bytes[^1] ^= 1;
        await File.WriteAllBytesAsync(piece, bytes, Stop);
        await Assert.ThrowsAsync<StoreException>(async () => await local.SweepAsync(Stop));

        File.Delete(piece);
        await Assert.ThrowsAsync<StoreException>(async () => await local.SweepAsync(Stop));

        Assert.Equal(5, Segments());
    }

    [Fact]
    [Guarantee("G4")]
    public async Task What_the_store_changed_meanwhile_does_not_come_back_and_is_found_by_verify()
    {
        await using var upload = await UploadedAsync();
        await using var local = upload.KeepLocal(() => int.MaxValue);
        _clock.Advance(TimeSpan.FromHours(2));
        var left = await local.SweepAsync(Stop);
        var piece = Pieces().First();
        var bytes = await File.ReadAllBytesAsync(piece, Stop);
        bytes[bytes.Length / 2] ^= 1;
        await File.WriteAllBytesAsync(piece, bytes, Stop);

        Assert.Contains("otherwise than it left", Assert.Throws<RecordingException>(() => Sequences()).Message);
        Assert.Equal(5 - left, Segments());
        using var elsewhere = new TemporaryFolder();
        await using (var store = Store()) await JournalFetch.RunAsync(store, elsewhere.Path, null, Stop);
        Assert.False(JournalVerifier.Verify([elsewhere.Path], await File.ReadAllTextAsync(Key, Stop), cancellationToken: Stop).IsGood);
    }

    [Fact]
    public async Task A_gateway_whose_index_is_lost_reads_what_left_the_disk_back_and_serves()
    {
        await using var gateway = await RunningGateway.StartAsync();
        await gateway.Host.StopAsync();
        var recording = new RecorderOptions { DataFolder = gateway.Options.Data, SegmentBytes = 16 * 1024 };
        var store = new StoreOptions(new StoreTarget.Folder(_kept.Path)) { Local = new LocalCopyOptions(TimeSpan.Zero, Bytes: null) };
        var left = 0;
        await using (var recorder = await Recorder.OpenAsync(recording, TimeProvider.System, Stop))
        {
            while (Directory.EnumerateFiles(recording.JournalFolder, "*.pjl").Count() < 5) await Given.OperationAsync(recorder);
            await using var upload = new JournalUpload(store, Store(), recording, recorder, TimeProvider.System, NullLogger.Instance);
            while (await upload.StepAsync(isLast: true, Stop) is { Ticks: 0 })
            {
            }
            await using var local = upload.KeepLocal(() => int.MaxValue);
            left = await local.SweepAsync(Stop);
        }
        Assert.InRange(left, 3, 4);
        foreach (var file in Directory.EnumerateFiles(gateway.Options.Data, "recordings.db*")) File.Delete(file);

        await using var host = await Postern.Gateway.GatewayHost.StartAsync(
            new GatewayOptions
            {
                Url = gateway.Options.Url, Management = gateway.Options.Management, Data = gateway.Options.Data, Issuers = gateway.Options.Issuers, Connections = gateway.Options.Connections, Policy = gateway.Options.Policy,
                Record = new RecordOptions { Store = store with { Local = null } },
            }, cancellationToken: Stop);

        for (var i = 0; i < 400 && Directory.EnumerateFiles(recording.JournalFolder, "*.pjl").Count() < 5; i++) await Task.Delay(25, Stop);
        Assert.True(Directory.EnumerateFiles(recording.JournalFolder, "*.pjl").Count() >= 5);
        using var http = new HttpClient();
        // It is ready once it has heard from its issuer too.
        var said = "";
        for (var i = 0; i < 400 && !said.Contains("\"ready\"", StringComparison.Ordinal); i++)
        {
            using var answer = await http.GetAsync(host.ManagementUrl + "/readyz", Stop);
            said = await answer.Content.ReadAsStringAsync(Stop);
            if (!answer.IsSuccessStatusCode) await Task.Delay(25, Stop);
        }
        Assert.Contains("\"ready\"", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_its_store_a_moved_segment_is_said_to_be_elsewhere()
    {
        await using (var upload = await UploadedAsync())
        {
            await using var local = upload.KeepLocal(() => int.MaxValue);
            _clock.Advance(TimeSpan.FromHours(2));
            await local.SweepAsync(Stop);
        }

        var report = JournalVerifier.Verify([_folder.Path], await File.ReadAllTextAsync(Key, Stop), cancellationToken: Stop);

        Assert.False(report.IsGood);
        Assert.Contains("postern journal fetch", string.Join(' ', report.Problems));
        Assert.Contains("postern journal fetch", Assert.Throws<RecordingException>(() => Sequences()).Message);
    }

    [Fact]
    [Guarantee("G4")]
    public async Task A_new_disk_fetches_everything_goes_on_where_it_was_broken_off_and_verifies()
    {
        await using (await UploadedAsync())
        {
        }
        await _recorder.DisposeAsync();
        _recorder = await Recorder.OpenAsync(_recording, _clock, CancellationToken.None);
        using var elsewhere = new TemporaryFolder();
        var configuration = elsewhere.Write("postern.yaml", $"issuers: {{ corp: {{ authority: https://login.example.com }} }}\npolicy: [policy.yaml]\nrecord: {{ store: {{ folder: '{_kept.Path}' }} }}\n");
        var disk = Path.Combine(elsewhere.Path, "journal");

        var fetched = await CommandLine.RunAsync("journal", "fetch", disk, "--config", configuration);

        Assert.True(fetched.ExitCode == 0, fetched.Error);
        Assert.Equal(5, Directory.EnumerateFiles(disk, "*.pjl").Count());
        var verified = await CommandLine.RunAsync("verify", disk, "--key", Key);
        Assert.True(verified.ExitCode == 0, verified.Error + verified.Out);
        // Broken off inside a piece.
        using (var torn = new FileStream(Path.Combine(disk, "journal-000003.pjl"), FileMode.Open)) torn.SetLength(5_000);
        File.Delete(Path.Combine(disk, "journal-000005.pjl"));
        Assert.Equal(0, (await CommandLine.RunAsync("journal", "fetch", disk, "--config", configuration)).ExitCode);
        Assert.Equal(0, (await CommandLine.RunAsync("verify", disk, "--key", Key)).ExitCode);
        // A hole is said.
        File.Delete(Pieces().First());
        Directory.Delete(disk, recursive: true);
        var holed = await CommandLine.RunAsync("journal", "fetch", disk, "--config", configuration);
        Assert.NotEqual(0, holed.ExitCode);
        Assert.Contains("lacks a piece", holed.Error);
    }

    private async Task<JournalUpload> UploadedAsync(LocalCopyOptions? local = null)
    {
        var upload = new JournalUpload(
            new StoreOptions(new StoreTarget.Folder(_kept.Path)) { PieceBytes = 6_000, Local = local ?? new LocalCopyOptions(TimeSpan.FromHours(1), Bytes: null) }, Store(), _recording, _recorder, _clock, NullLogger.Instance);
        while (await upload.StepAsync(isLast: true, Stop) is { Ticks: 0 })
        {
        }
        Assert.Null(upload.Complaint);
        return upload;
    }

    private IRecordingStore Store() => RecordingStores.Open(new StoreTarget.Folder(_kept.Path));

    private IEnumerable<string> Pieces() => Directory.EnumerateFiles(_kept.Path, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal);

    private int Segments() => Names().Length;

    private string[] Names() => [.. Directory.EnumerateFiles(_recording.JournalFolder, "*.pjl").Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];

    private long[] Sequences(Func<RecordedPayload, bool>? only = null) => [.. new JournalReader(_recording.JournalFolder).Read(JournalPosition.Begin).Where(record => only?.Invoke(record.Payload) ?? true).Select(record => record.Sequence)];
}
