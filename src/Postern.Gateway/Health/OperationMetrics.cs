using System.Collections.Concurrent;
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
internal sealed class OperationMetrics : IOperationMeter
{
    private readonly ConcurrentDictionary<Ending, Count> _endings = new();
    private readonly ConcurrentDictionary<string, Histogram> _durations = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public void Ended(Connection connection, Decision decision, Outcome outcome, string? code, TimeSpan took)
    {
        _endings.GetOrAdd(new Ending(connection.Name, connection.Protocol, WordOf(decision), outcome, code), static _ => new Count()).Add();
        _durations.GetOrAdd(connection.Name, static _ => new Histogram()).Add(took);
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
