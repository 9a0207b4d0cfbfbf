using System.Collections.Immutable;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;
using Postern.Core.Recording;
using Postern.Gateway.Configuration;
using Postern.Gateway.Health;

namespace Postern.Gateway.Exports;

/// <summary>All exports of a gateway: they run beside each other, none waits for another.</summary>
internal sealed class ExportBook : IAsyncDisposable
{
    private static readonly TimeSpan WatchInterval = TimeSpan.FromSeconds(1);

    private readonly ImmutableArray<JournalExport> _exports;
    private readonly Recorder _recorder;
    private readonly ITimer? _watch;

    public ExportBook(ImmutableArray<ExportOptions> options, RecorderOptions recording, Recorder recorder, TimeProvider clock, ILogger log)
    {
        _recorder = recorder;
        var folder = Path.Combine(recording.DataFolder, "exports");
        _exports = [.. options.Select(export => new JournalExport(
            export, ExportSinks.Open(export, clock), new ExportCursorFile(folder, export.Name), new JournalReader(recording.JournalFolder, recording.DataKeys), recorder, clock, log))];
        foreach (var export in _exports) export.Start();
        if (!_exports.Any(export => export.IsRequired)) return;
        // Before the first request, and then every second: so much more than the cap can be taken, and no more.
        Watch();
        _watch = clock.CreateTimer(static state => ((ExportBook)state!).Watch(), this, WatchInterval, WatchInterval);
    }

    /// <summary>What is wrong with any of them, or null.</summary>
    public string? Complaint => string.Join("; ", _exports.Select(export => export.Complaint).OfType<string>()) is { Length: > 0 } complaint ? complaint : null;

    /// <summary>The first segment that any of them still reads.</summary>
    public int FirstSegment => _exports.IsEmpty ? int.MaxValue : _exports.Min(static export => export.Segment);

    /// <summary>Writes how far each is.</summary>
    public void Write(MetricsText text)
    {
        if (_exports.IsEmpty) return;
        Write(text, "postern_export_lag_records", "gauge", "Records of the journal that a sink has not been sent yet.", static export => export.LagRecords);
        Write(text, "postern_export_lag_seconds", "gauge", "How long the oldest of them waits.", static export => export.Lag.TotalSeconds);
        Write(text, "postern_export_lag_bytes", "gauge", "How many bytes of the journal that is.", static export => export.LagBytes);
        Write(text, "postern_export_delivered_total", "counter", "Events that arrived at a sink.", static export => export.Delivered);
        Write(text, "postern_export_failures_total", "counter", "Attempts to send that failed.", static export => export.Failures);
        Write(text, "postern_export_rejected_total", "counter", "Events that a receiver took and said it threw away.", static export => export.Rejected);
        Write(text, "postern_export_well", "gauge", "1 while the last attempt to send arrived.", static export => export.Problem is null ? 1 : 0);
    }

    /// <summary>How far each is behind, for whoever collects metrics.</summary>
    public IEnumerable<Measurement<double>> LagSeconds() => _exports.Select(static export => new Measurement<double>(export.Lag.TotalSeconds, new KeyValuePair<string, object?>("export", export.Name)));

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_watch is not null) await _watch.DisposeAsync().ConfigureAwait(false);
        foreach (var export in _exports) await export.DisposeAsync().ConfigureAwait(false);
    }

    private void Watch()
    {
        string? refusal = null;
        foreach (var export in _exports) refusal ??= export.Refusal;
        _recorder.HoldBack("exports", refusal);
    }

    private void Write(MetricsText text, string name, string type, string help, Func<JournalExport, double> value)
    {
        text.Family(name, type, help);
        foreach (var export in _exports) text.Sample(name, value(export), ("export", export.Name));
    }
}
