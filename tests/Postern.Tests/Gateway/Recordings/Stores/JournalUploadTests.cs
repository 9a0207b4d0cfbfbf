using Microsoft.Extensions.Logging.Abstractions;
using Postern.Core.Recording;
using Postern.Gateway.Configuration;
using Postern.Gateway.Health;
using Postern.Gateway.Recordings.Stores;
using Postern.Tests.Doubles;
using Postern.Tests.Recording;

namespace Postern.Tests.Gateway.Recordings.Stores;

/// <summary>The real journal on a disk, a clock that is stepped, and a real store behind a network that does as it is told.</summary>
public sealed class JournalUploadTests : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();
    private readonly TemporaryFolder _kept = new();
    private readonly SteppedClock _clock = new();
    private readonly RecorderOptions _recording;
    private Recorder _recorder = null!;

    public JournalUploadTests() => _recording = new RecorderOptions { DataFolder = _folder.Path, Durability = Durability.Relaxed, SegmentBytes = 64 * 1024 };

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _recorder = await Recorder.OpenAsync(_recording, _clock, CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        await _recorder.DisposeAsync();
        _folder.Dispose();
        _kept.Dispose();
    }

    [Fact]
    [Row("F06")]
    [Row("U03")]
    [Guarantee("G16")]
    public async Task A_store_that_is_down_for_a_day_gets_everything_in_order_when_it_is_back()
    {
        var store = Store();
        await using var upload = Open(store);
        await DrainAsync(upload);
        var before = store.Put.Count;
        store.Down = "it is down";
        var begun = _clock.GetUtcNow();
        var attempts = store.Attempts;
        TimeSpan longest = default;

        while (_clock.GetUtcNow() - begun < TimeSpan.FromHours(24))
        {
            for (var i = 0; i < 3; i++) await OperationAsync();
            await SettleAsync();
            var pause = await upload.StepAsync(isLast: false, Stop) ?? TimeSpan.FromSeconds(1);
            longest = pause > longest ? pause : longest;
            _clock.Advance(pause);
        }

        Assert.Equal(TimeSpan.FromMinutes(5), longest);
        Assert.InRange(store.Attempts - attempts, 24 * 12 - 5, (24 * 12) + 30);
        Assert.InRange(upload.Lag.TotalHours, 23.9, 24.2);
        Assert.True(upload.LagBytes > 1024 * 1024, $"{upload.LagBytes} bytes behind");
        Assert.Contains("it is down", upload.Complaint);
        // A try costs a piece, not a day.
        Assert.InRange(store.Largest, 1, 16 * 1024);
        Assert.Equal(before, store.Put.Count);

        store.Down = null;
        await DrainAsync(upload);

        Assert.Null(upload.Complaint);
        Assert.Equal(0, upload.LagBytes);
        Assert.Equal(store.Put.Order(StringComparer.Ordinal), store.Put);
        Assert.Equal(store.Put.Distinct(), store.Put);
        AssertSameAsJournal();
    }

    [Fact]
    [Row("U03")]
    [Guarantee("G16")]
    public async Task Beyond_its_cap_new_work_is_refused_with_the_reason_and_taken_again_when_the_store_caught_up()
    {
        var store = Store();
        store.Down = "the bucket is gone";
        await using var upload = Open(store, options => options with { MaxLag = 48 * 1024 });
        upload.Start();
        RecordingException? refusal = null;

        for (var i = 0; i < 5_000 && refusal is null; i++)
        {
            try
            {
                await OperationAsync();
            }
            catch (RecordingException refused)
            {
                refusal = refused;
            }
            if (i % 20 == 19) _clock.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.NotNull(refusal);
        Assert.Contains("record.store.maxLag", refusal.Message);
        Assert.Contains("record.store.maxLag", _recorder.Fault);
        Assert.InRange(upload.LagBytes, 48 * 1024, 192 * 1024);
        // The upload may not have come to its first try yet.
        for (var i = 0; i < 2_000 && upload.Complaint?.Contains("the bucket is gone", StringComparison.Ordinal) != true; i++)
        {
            _clock.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(5, Stop);
        }
        var metrics = new MetricsText();
        upload.Write(metrics);
        Assert.Contains("postern_store_well 0", metrics.ToString());
        Assert.DoesNotContain("postern_store_lag_bytes 0\n", metrics.ToString());
        // What runs goes on being recorded.
        await _recorder.NoteAsync(new Occurrence("still.written", _clock.GetUtcNow(), []), CancellationToken.None);

        store.Down = null;
        for (var i = 0; i < 2_000 && _recorder.Fault is not null; i++)
        {
            _clock.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(5, Stop);
        }

        Assert.Null(_recorder.Fault);
        await OperationAsync();
        List<string> told = [];
        for (var i = 0; i < 400 && !told.Contains("store.resumed"); i++)
        {
            _clock.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(5, Stop);
            told = [.. new JournalReader(_recording.JournalFolder).Read(JournalPosition.Begin, _recorder.DurableSequence, withContent: false).Select(record => record.Payload).OfType<RecordedOccurrence>().Select(occurrence => occurrence.Kind).Where(kind => kind.StartsWith("store.", StringComparison.Ordinal))];
        }
        Assert.Equal(["store.behind", "store.resumed"], told);
    }

    [Fact]
    [Row("F06")]
    public async Task A_crash_at_any_step_of_an_upload_loses_nothing_and_puts_nothing_twice()
    {
        for (var i = 0; i < 120; i++) await OperationAsync();
        await SettleAsync();
        var crashes = 0;
        for (var number = 0; ; number++)
        {
            var store = Store();
            store.Around = (put, isAfter) =>
            {
                // Before the request, or after it arrived and before its answer did.
                if (put == 1 && isAfter == (number % 2 == 0)) throw new Crash();
            };
            var upload = Open(store);
            try
            {
                await DrainAsync(upload);
                break;
            }
            catch (Crash)
            {
                crashes++;
                // Not disposed: what is on its disk is all that the next one knows.
            }
        }

        Assert.InRange(crashes, 10, 1_000);
        AssertSameAsJournal();
    }

    [Fact]
    public async Task A_lost_or_older_cursor_finds_what_the_store_has_however_it_was_cut()
    {
        for (var i = 0; i < 100; i++) await OperationAsync();
        await SettleAsync();
        await using (var upload = Open(Store())) await DrainAsync(upload);
        File.Delete(Path.Combine(_folder.Path, "store", "upload.json"));
        for (var i = 0; i < 10; i++) await OperationAsync();
        await SettleAsync();
        var store = Store();

        // Smaller pieces than before: what is there is larger than what would be put.
        await using var again = Open(store, options => options with { PieceBytes = 5_000 });
        await DrainAsync(again);

        Assert.Null(again.Complaint);
        Assert.InRange(store.Put.Count, 1, 5);
        AssertSameAsJournal();
    }

    [Theory]
    [InlineData("other bytes")]
    [InlineData("more")]
    [InlineData("nothing")]
    [InlineData("half a record")]
    [Guarantee("G4")]
    public async Task Other_bytes_in_the_store_are_an_alarm_and_stay_as_they_are(string what)
    {
        await OperationAsync();
        await SettleAsync();
        await using (var first = Open(Store())) await DrainAsync(first);
        var path = Directory.EnumerateFiles(_kept.Path, "*", SearchOption.AllDirectories).Single();
        var bytes = await File.ReadAllBytesAsync(path, Stop);
        if (what == "other bytes") bytes[^1] ^= 1;
        byte[] kept = what switch { "more" => [.. bytes, 1], "nothing" => [], "half a record" => bytes[..^1], _ => bytes };
        await File.WriteAllBytesAsync(path, kept, Stop);
        File.Delete(Path.Combine(_folder.Path, "store", "upload.json"));
        var store = Store();
        var upload = Open(store);

        Assert.Equal(TimeSpan.FromMinutes(5), await upload.StepAsync(isLast: true, Stop));
        Assert.Equal(TimeSpan.FromMinutes(5), await upload.StepAsync(isLast: true, Stop));

        // What a store kept of an upload that was cut off is told apart, and stays as well.
        Assert.Contains(what is "nothing" or "half a record" ? $"only the first {kept.Length} of " : "other bytes", upload.Complaint);
        Assert.Equal(kept, await File.ReadAllBytesAsync(path, Stop));
        Assert.Empty(store.Put);
        Assert.Equal(0, upload.Sequence);
        await SettleAsync();
        Assert.Single(new JournalReader(_recording.JournalFolder).Read(JournalPosition.Begin).Select(record => record.Payload).OfType<RecordedOccurrence>(), occurrence => occurrence.Kind == "store.conflict");
    }

    [Fact]
    public async Task Little_waits_for_company_and_a_closed_segment_for_nothing()
    {
        var store = Store();
        await using var upload = Open(store, options => options with { PieceBytes = 1024 * 1024 });
        await OperationAsync();
        await SettleAsync();
        Assert.InRange((await upload.StepAsync(isLast: false, Stop))!.Value, TimeSpan.FromTicks(1), TimeSpan.FromSeconds(1));
        Assert.Empty(store.Put);

        _clock.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(TimeSpan.Zero, await upload.StepAsync(isLast: false, Stop));
        Assert.Single(store.Put);

        while (!File.Exists(Path.Combine(_recording.JournalFolder, "journal-000002.pjl"))) await OperationAsync();
        await SettleAsync();
        Assert.Equal(TimeSpan.Zero, await upload.StepAsync(isLast: false, Stop));
        Assert.Equal(2, store.Put.Count);
        Assert.All(store.Put, name => Assert.Contains("journal-000001.pjl", name));
        Assert.InRange((await upload.StepAsync(isLast: false, Stop))!.Value, TimeSpan.FromTicks(1), TimeSpan.FromSeconds(1));
    }

    private ScriptedStore Store() => new(RecordingStores.Open(new StoreTarget.Folder(_kept.Path)));

    private JournalUpload Open(IRecordingStore store, Func<StoreOptions, StoreOptions>? with = null)
    {
        var options = new StoreOptions(new StoreTarget.Folder(_kept.Path)) { PieceBytes = 10_000 };
        return new JournalUpload(with?.Invoke(options) ?? options, store, _recording, _recorder, _clock, NullLogger.Instance);
    }

    /// <summary>The pieces of each segment, one behind the other, are its file as far as the upload came.</summary>
    private void AssertSameAsJournal()
    {
        var segments = Directory.EnumerateDirectories(Directory.EnumerateDirectories(_kept.Path).Single()).Order(StringComparer.Ordinal).ToList();
        Assert.Equal(Directory.EnumerateFiles(_recording.JournalFolder, "*.pjl").Count(), segments.Count);
        foreach (var segment in segments)
        {
            var pieces = Directory.EnumerateFiles(segment).Order(StringComparer.Ordinal).SelectMany(File.ReadAllBytes).ToArray();
            using var file = new FileStream(Path.Combine(_recording.JournalFolder, Path.GetFileName(segment)), FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            var bytes = new byte[file.Length];
            file.ReadExactly(bytes);
            Assert.Equal(bytes, pieces);
        }
    }

    private async Task OperationAsync()
    {
        var account = await _recorder.BeginAsync(Given.Intent(at: _clock.GetUtcNow()), CancellationToken.None);
        await account.EndAsync(Given.Done() with { At = _clock.GetUtcNow() });
    }

    /// <summary>Everything written so far counts as durable: a relaxed journal flushes when the clock says so.</summary>
    private async Task SettleAsync()
    {
        var last = _recorder.DurableSequence;
        for (var step = 0; step < 20; step++)
        {
            _clock.Advance(TimeSpan.FromSeconds(1));
            try
            {
                await _recorder.WaitPastAsync(last, Stop).AsTask().WaitAsync(TimeSpan.FromMilliseconds(250), Stop);
                return;
            }
            catch (TimeoutException)
            {
                // Or it was all durable before this was asked; that is as well.
            }
        }
    }

    private static async Task DrainAsync(JournalUpload upload)
    {
        for (var i = 0; i < 100_000; i++)
        {
            if (await upload.StepAsync(isLast: true, Stop) is not { } pause) return;
            Assert.Equal(TimeSpan.Zero, pause);
        }
        Assert.Fail("it does not come to an end");
    }

    private sealed class Crash : Exception;
}
