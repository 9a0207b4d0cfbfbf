using Postern.Gateway.Exports;

namespace Postern.Tests.Gateway.Exports;

/// <summary>A receiver in memory: it takes what it is sent, or says what it was told to say, and keeps the order.</summary>
internal sealed class ScriptedSink : IExportSink
{
    /// <summary>What the next attempts come to; null for the usual.</summary>
    public Func<IReadOnlyList<ExportEvent>, Delivery?> Answer { get; set; } = _ => null;

    /// <summary>The sequences that arrived, in order.</summary>
    public List<long> Arrived { get; } = [];

    /// <summary>The last events that arrived.</summary>
    public List<ExportEvent> Last { get; } = [];

    /// <summary>Attempts so far.</summary>
    public int Attempts { get; private set; }

    /// <summary>The largest batch that was offered.</summary>
    public int Largest { get; private set; }

    /// <summary>False keeps numbers only.</summary>
    public bool KeepsEvents { get; init; } = true;

    public ValueTask<Delivery> SendAsync(IReadOnlyList<ExportEvent> batch, CancellationToken cancellationToken)
    {
        Attempts++;
        Largest = Math.Max(Largest, batch.Count);
        if (Answer(batch) is { } other)
        {
            if (other.Problem is null) Take(batch);
            return ValueTask.FromResult(other);
        }
        Take(batch);
        return ValueTask.FromResult(Delivery.Arrived);
    }

    public void Dispose()
    {
    }

    private void Take(IReadOnlyList<ExportEvent> batch)
    {
        Arrived.AddRange(batch.Select(told => told.Sequence));
        if (KeepsEvents) Last.AddRange(batch);
    }
}
