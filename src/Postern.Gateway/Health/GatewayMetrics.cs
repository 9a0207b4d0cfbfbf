using Postern.Core.Approvals;
using Postern.Core.Policy;
using Postern.Core.Recording;
using Postern.Gateway.Exports;
using Postern.Gateway.Recordings.Stores;
using Postern.Gateway.Recordings.Witnesses;

namespace Postern.Gateway.Health;

/// <summary>Everything that <c>/metrics</c> shows: operations, what waits for people, the policy in force, the record, its exports, and the process.</summary>
internal sealed class GatewayMetrics(OperationMetrics operations, IHoldStore holds, IPolicySource policies, Recorder recorder, CheckpointWitnesses? witnesses, ExportBook exports, JournalUpload? upload, TimeProvider clock)
{
    /// <summary>The text of one scrape.</summary>
    public async ValueTask<string> ScrapeAsync(CancellationToken cancellationToken)
    {
        var open = await holds.OpenAsync(clock.GetUtcNow(), cancellationToken).ConfigureAwait(false);
        var text = new MetricsText();
        operations.Write(text);
        text.Single("postern_holds_open", "gauge", "Operations that wait for people's answer.", open.Length);
        text.Single("postern_policy_version", "gauge", "The version of the policy in force.", policies.Current.Version.Number);
        text.Single("postern_record_durable_sequence", "counter", "The last record that survives a power loss.", recorder.DurableSequence);
        text.Single("postern_record_well", "gauge", "1 while operations can be recorded; 0 while everything is refused because they cannot.", recorder.Fault is null ? 1 : 0);
        if (witnesses is not null)
        {
            text.Family("postern_witness_behind_seconds", "gauge", "For how long a signed checkpoint waits until a witness has heard of it.");
            foreach (var (name, since) in witnesses.State) text.Sample("postern_witness_behind_seconds", since is { } then ? Math.Max(0, (clock.GetUtcNow() - then).TotalSeconds) : 0, ("witness", name));
        }
        exports.Write(text);
        upload?.Write(text);
        text.Single("process_resident_memory_bytes", "gauge", "Resident memory of the process.", Environment.WorkingSet);
        text.Single("process_cpu_seconds_total", "counter", "Processor time of the process, user and system.", Environment.CpuUsage.TotalTime.TotalSeconds);
        text.Single("dotnet_gc_heap_size_bytes", "gauge", "The managed heap after the last collection.", GC.GetGCMemoryInfo().HeapSizeBytes);
        text.Single("dotnet_threadpool_threads", "gauge", "Threads of the pool.", ThreadPool.ThreadCount);
        text.Single("dotnet_threadpool_queue_length", "gauge", "Work that waits for a thread.", ThreadPool.PendingWorkItemCount);
        return text.ToString();
    }
}
