using System.Collections.Concurrent;

namespace Postern.Core.Recording;

/// <summary>
/// Keeps, or breaks, the promises of one batch on the thread pool: as many work items as there are processors, and not one for each
/// record, because waking a thread costs more than most of what waits. What waits must not block, as on the threads that serve sockets.
/// </summary>
internal sealed class JournalPromises : IThreadPoolWorkItem
{
    private static readonly ConcurrentBag<JournalPromises> Free = [];
    private static readonly int Processors = Environment.ProcessorCount;

    private readonly List<JournalSlot> _slots = [];
    private Exception? _fault;

    /// <summary>Keeps the promises of those that somebody waits for; with a fault, breaks them.</summary>
    public static void Settle(List<JournalSlot> slots, Exception? fault)
    {
        if (slots.Count == 0) return;
        var share = (slots.Count + Processors - 1) / Processors;
        for (var at = 0; at < slots.Count; at += share)
        {
            if (!Free.TryTake(out var promises)) promises = new JournalPromises();
            promises._fault = fault;
            for (var i = at; i < Math.Min(at + share, slots.Count); i++) promises._slots.Add(slots[i]);
            ThreadPool.UnsafeQueueUserWorkItem(promises, preferLocal: false);
        }
    }

    /// <inheritdoc/>
    public void Execute()
    {
        foreach (var slot in _slots)
        {
            if (_fault is null) slot.Keep();
            else slot.Break(_fault);
        }
        _slots.Clear();
        _fault = null;
        Free.Add(this);
    }
}
