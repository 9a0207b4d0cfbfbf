using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Runtime.InteropServices;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Core.Policy;
using Postern.Core.Recording;

namespace Postern.Gateway.Health;

/// <summary>
/// Rate, errors and duration of operations, by connection. The labels are names of the configuration and words of closed lists, so
/// their number is bounded, and neither people nor values can stand in them (T07, U12).
/// </summary>
internal sealed class OperationMetrics : IOperationMeter, IDisposable
{
    /// <summary>The meter's name, for whoever listens.</summary>
    public const string MeterName = "Postern";

    private readonly Meter _meter = new(MeterName);
    private readonly Histogram<double> _took;
    private readonly ConcurrentDictionary<Ending, Count> _endings = new();
    private readonly ConcurrentDictionary<string, Histogram> _durations = new(StringComparer.Ordinal);

    public OperationMetrics()
    {
        _meter.CreateObservableCounter("postern.operations", Observe, "{operation}", "Operations that ended, by connection, decision, outcome and refusal code.");
        _took = _meter.CreateHistogram<double>("postern.operation.duration", "s", "From the reading of an operation to its ending; waiting for people and streams included.", advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [.. Histogram.Bounds] });
    }

    /// <summary>Adds a number that is looked at when somebody asks.</summary>
    public void Gauge(string name, string unit, string description, Func<double> value) => _meter.CreateObservableGauge(name, value, unit, description);

    /// <summary>The same for several of one kind, by name.</summary>
    public void Gauges(string name, string unit, string description, Func<IEnumerable<Measurement<double>>> values) => _meter.CreateObservableGauge(name, values, unit, description);

    public void Dispose() => _meter.Dispose();

    /// <inheritdoc/>
    public void Ended(Connection connection, Decision decision, Outcome outcome, string? code, TimeSpan took)
    {
        _endings.GetOrAdd(new Ending(connection.Name, connection.Protocol, WordOf(decision), outcome, code), static _ => new Count()).Add();
        _durations.GetOrAdd(connection.Name, static _ => new Histogram()).Add(took);
        if (_took.Enabled) _took.Record(took.TotalSeconds, new KeyValuePair<string, object?>("connection", connection.Name));
    }

    /// <summary>Writes what was counted so far.</summary>
    public void Write(MetricsText text)
    {
        text.Family("postern_operations_total", "counter", "Operations that ended, by connection, decision, outcome and refusal code.");
        foreach (var (ending, count) in _endings.OrderBy(pair => pair.Key.Connection, StringComparer.Ordinal))
        {
            text.Sample(
                "postern_operations_total", count.Value,
                ("connection", ending.Connection), ("protocol", ending.Protocol), ("decision", ending.Decision), ("outcome", WordOf(ending.Outcome)), ("code", ending.Code ?? ""));
        }
        text.Family("postern_operation_duration_seconds", "histogram", "From the reading of an operation to its ending; waiting for people and streams included.");
        foreach (var (connection, histogram) in _durations.OrderBy(pair => pair.Key, StringComparer.Ordinal)) histogram.Write(text, "postern_operation_duration_seconds", ("connection", connection));
    }

    private IEnumerable<Measurement<long>> Observe()
    {
        foreach (var (ending, count) in _endings)
        {
            yield return new Measurement<long>(
                count.Value,
                new("connection", ending.Connection), new("protocol", ending.Protocol), new("decision", ending.Decision), new("outcome", WordOf(ending.Outcome)), new KeyValuePair<string, object?>("code", ending.Code ?? ""));
        }
    }

    private static string WordOf(Decision decision) => decision switch
    {
        Decision.Allow => "allow",
        Decision.Hold => "hold",
        _ => "deny",
    };

    private static string WordOf(Outcome outcome) => outcome switch
    {
        Outcome.Done => "done",
        Outcome.Denied => "denied",
        Outcome.Pending => "pending",
        Outcome.Failed => "failed",
        _ => "unknown",
    };

    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Ending(string Connection, string Protocol, string Decision, Outcome Outcome, string? Code);

    private sealed class Count
    {
        private long _value;

        public long Value => Volatile.Read(ref _value);

        public void Add() => Interlocked.Increment(ref _value);
    }
}
