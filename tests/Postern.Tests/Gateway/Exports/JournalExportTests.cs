using Microsoft.Extensions.Logging.Abstractions;
using Postern.Core.Recording;
using Postern.Gateway.Configuration;
using Postern.Gateway.Exports;
using Postern.Gateway.Health;
using Postern.Tests.Doubles;
using Postern.Tests.Recording;

namespace Postern.Tests.Gateway.Exports;

/// <summary>The real journal on a disk, a clock that is stepped, and a sink that does as it is told.</summary>
public sealed class JournalExportTests : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();
    private readonly SteppedClock _clock = new();
    private readonly RecorderOptions _recording;
    private Recorder _recorder = null!;

    public JournalExportTests() => _recording = new RecorderOptions { DataFolder = _folder.Path, Durability = Durability.Relaxed, SegmentBytes = 64 * 1024 };

    public async ValueTask InitializeAsync() => _recorder = await Recorder.OpenAsync(_recording, _clock, CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        await _recorder.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    [Row("F06")]
    [Row("U03")]
    [Guarantee("G16")]
    public async Task A_sink_that_is_down_for_a_day_gets_everything_in_order_when_it_is_back_and_nothing_is_kept_in_memory_for_it()
    {
        using var sink = new ScriptedSink { KeepsEvents = false };
        await using var export = Open(sink);
        await DrainAsync(export);
        var before = sink.Arrived.Count;
        var offered = new List<WeakReference>();
        sink.Answer = batch =>
        {
            offered.AddRange(batch.Select(told => new WeakReference(told)));
            return Delivery.Failed("it is down");
        };
        var begun = _clock.GetUtcNow();
        var attempts = sink.Attempts;
        TimeSpan longest = default;

        for (var minute = 0; _clock.GetUtcNow() - begun < TimeSpan.FromHours(24); minute++)
        {
            for (var i = 0; i < 3; i++) await OperationAsync();
            await SettleAsync();
            var pause = await export.StepAsync(CancellationToken.None) ?? TimeSpan.FromSeconds(1);
            longest = pause > longest ? pause : longest;
            _clock.Advance(pause);
        }

        Assert.Equal(TimeSpan.FromMinutes(5), longest);
        Assert.InRange(sink.Attempts - attempts, 24 * 12, (24 * 12) + 20);
        Assert.Equal("it is down", export.Problem);
        Assert.True(export.LagRecords > 1_500, $"{export.LagRecords} records behind");
        Assert.InRange(export.Lag.TotalHours, 23.9, 24.2);
        GC.Collect();
        // Nothing of what was tried is kept for the next try: a day costs what a moment costs.
        Assert.InRange(offered.Count(one => one.IsAlive), 0, 16);
        Assert.InRange(offered.Count, 4_000, 16 * 310);
        Assert.True(new JournalReader(_recording.JournalFolder).BytesFrom(JournalPosition.Begin) > 1024 * 1024, "the outage is longer than one segment");

        sink.Answer = _ => null;
        await DrainAsync(export);

        Assert.Null(export.Problem);
        Assert.Equal(0, export.LagRecords);
        // A failed attempt arrived nowhere here, so nothing is doubled: every record that makes an event, each once, in order.
        var expected = new JournalReader(_recording.JournalFolder).Read(JournalPosition.Begin, _recorder.DurableSequence, withContent: false).Where(record => record.Payload is not RecordedFrame).Select(record => record.Sequence);
        Assert.Equal(expected, sink.Arrived);
        Assert.InRange(before, 1, sink.Arrived.Count);
        Assert.InRange(sink.Largest, 2, JournalExport.MostEvents);
    }

    [Fact]
    public async Task A_restart_goes_on_where_it_stopped()
    {
        using var sink = new ScriptedSink();
        await using (var export = Open(sink))
        {
            await Given.OperationAsync(_recorder);
            await SettleAsync();
            await DrainAsync(export);
        }
        await using var again = Open(sink);
        await Given.OperationAsync(_recorder);
        await SettleAsync();
        await DrainAsync(again);

        Assert.Equal(sink.Arrived.Order(), sink.Arrived);
        Assert.Equal(sink.Arrived.Distinct(), sink.Arrived);
        Assert.Equal(2, sink.Last.Count(told => told.Kind == "operation.ended"));
    }

    [Fact]
    public async Task After_a_kill_no_more_is_sent_twice_than_arrived_within_the_last_second()
    {
        using var sink = new ScriptedSink();
        var killed = Open(sink);
        await Given.OperationAsync(_recorder);
        await SettleAsync();
        await DrainAsync(killed);
        _clock.Advance(TimeSpan.FromSeconds(2));
        await Given.OperationAsync(_recorder);
        await SettleAsync();
        await DrainAsync(killed);

        // Not disposed: what its file says is all that the next one knows.
        await using var next = Open(sink);
        await Given.OperationAsync(_recorder);
        await SettleAsync();
        await DrainAsync(next);

        Assert.Equal(3, sink.Last.Where(told => told.Kind == "operation.ended").DistinctBy(told => told.Sequence).Count());
        Assert.True(sink.Arrived.Count - sink.Arrived.Distinct().Count() <= 5, $"{string.Join(' ', sink.Arrived)}");
        Assert.Equal(sink.Arrived.Distinct(), sink.Arrived.Distinct().Order());
    }

    [Fact]
    public async Task A_lost_cursor_or_another_journal_begins_anew_and_skips_nothing()
    {
        using var sink = new ScriptedSink();
        Directory.CreateDirectory(Path.Combine(_folder.Path, "exports"));
        File.WriteAllText(Path.Combine(_folder.Path, "exports", "siem.json"), """{"journal":"00000000000000000000000000000000","sequence":7,"segment":1,"offset":4000}""");
        await using var export = Open(sink);

        await DrainAsync(export);

        Assert.Equal(1, sink.Arrived[0]);
    }

    [Fact]
    public async Task A_batch_that_is_too_large_is_halved_until_it_is_taken_and_a_single_event_is_shortened()
    {
        using var sink = new ScriptedSink { Answer = batch => batch.Count > 2 || batch.Any(told => told.Fields.Any(field => field.Value.Length > 2_000)) ? new Delivery { Problem = "413", IsTooLarge = true } : null };
        await using var export = Open(sink);
        await _recorder.NoteAsync(new Occurrence("policy.applied", _clock.GetUtcNow(), [new("diff", new string('x', 5_000))]), CancellationToken.None);
        for (var i = 0; i < 5; i++) await Given.OperationAsync(_recorder);
        await SettleAsync();

        await DrainAsync(export);

        Assert.Equal(sink.Arrived.Order(), sink.Arrived);
        Assert.Equal("true", sink.Last.Single(told => told.Kind == "policy.applied").Find("shortened"));
        Assert.Equal(5, sink.Last.Count(told => told.Kind == "operation.asked"));
    }

    [Fact]
    public async Task Kinds_that_are_not_asked_for_are_passed_over_and_content_leaves_only_where_it_is_asked_for()
    {
        using var sink = new ScriptedSink();
        using var whole = new ScriptedSink();
        await using var export = Open(sink, options => options with { Events = ExportKinds.Administration });
        await using var withContent = Open(whole, options => options with { Name = "lake", HasContent = true });
        await _recorder.NoteAsync(new Occurrence("policy.applied", _clock.GetUtcNow(), [new("version", "2")]), CancellationToken.None);
        await Given.OperationAsync(_recorder, """{"order":"in-the-request"}""", """{"ok":"in-the-reply"}""");
        await SettleAsync();

        await DrainAsync(export);
        await DrainAsync(withContent);

        Assert.DoesNotContain(sink.Last, told => told.About != ExportKinds.Administration);
        Assert.Contains(sink.Last, told => told.Kind == "policy.applied" && told.Find("version") == "2");
        Assert.Equal(_recorder.DurableSequence, export.Sequence);
        var text = string.Concat(whole.Last.Select(told => System.Text.Encoding.UTF8.GetString(told.Content.Span)));
        Assert.Contains("in-the-request", text);
        Assert.Contains("in-the-reply", text);
        Assert.All(sink.Last, told => Assert.True(told.Content.IsEmpty));
    }

    [Fact]
    [Guarantee("G16")]
    [Row("U03")]
    public async Task New_work_is_refused_while_a_required_sink_is_over_its_cap_and_taken_again_when_it_caught_up()
    {
        await using var server = await StrictReceiver.StartAsync();
        server.Status = 503;
        await using var book = new ExportBook(
            [new ExportOptions { Name = "siem", Target = new ExportTarget.Http(server.Url + "/lines", HttpShape.Lines, null, null), IsRequired = true, MaxLag = 64 * 1024 }],
            _recording, _recorder, TimeProvider.System, NullLogger.Instance);
        RecordingException? refusal = null;

        for (var i = 0; i < 20_000 && refusal is null; i++)
        {
            try
            {
                await Given.OperationAsync(_recorder);
            }
            catch (RecordingException refused)
            {
                refusal = refused;
            }
            if (i % 100 == 99) await Task.Delay(10, TestContext.Current.CancellationToken);
        }

        Assert.NotNull(refusal);
        Assert.Contains("`siem`", refusal.Message);
        Assert.Contains("`siem`", book.Complaint);
        Assert.Equal(refusal.Message, _recorder.Fault);
        await _recorder.NoteAsync(new Occurrence("still.written", _clock.GetUtcNow(), []), CancellationToken.None);
        var metrics = new MetricsText();
        book.Write(metrics);
        Assert.Contains("postern_export_well{export=\"siem\"} 0", metrics.ToString());

        server.Status = 200;
        for (var i = 0; i < 200 && _recorder.Fault is not null; i++) await Task.Delay(100, TestContext.Current.CancellationToken);
        await Given.OperationAsync(_recorder);
        Assert.Null(_recorder.Fault);
    }

    private JournalExport Open(ScriptedSink sink, Func<ExportOptions, ExportOptions>? with = null)
    {
        var options = new ExportOptions { Name = "siem", Target = new ExportTarget.Http("http://127.0.0.1:9/", HttpShape.Lines, null, null) };
        options = with?.Invoke(options) ?? options;
        return new JournalExport(options, sink, new ExportCursorFile(Path.Combine(_folder.Path, "exports"), options.Name), new JournalReader(_recording.JournalFolder), _recorder, _clock, NullLogger.Instance);
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
        // The journal's thread sets its timer when it comes to it, which may be behind this step of the clock; then the next one fires it.
        for (var step = 0; step < 20; step++)
        {
            _clock.Advance(TimeSpan.FromSeconds(1));
            try
            {
                await _recorder.WaitPastAsync(last, TestContext.Current.CancellationToken).AsTask().WaitAsync(TimeSpan.FromMilliseconds(250), TestContext.Current.CancellationToken);
                return;
            }
            catch (TimeoutException)
            {
                // Or it was all durable before this was asked; that is as well.
            }
        }
    }

    private static async Task DrainAsync(JournalExport export)
    {
        for (var i = 0; i < 100_000; i++)
        {
            if (await export.StepAsync(CancellationToken.None) is not { } pause) return;
            Assert.Equal(TimeSpan.Zero, pause);
        }
        Assert.Fail("it does not come to an end");
    }
}
