using System.Runtime.InteropServices;

namespace Postern.Gateway.Exports;

/// <summary>Where events go. Each speaks one protocol and knows when what it sent has arrived.</summary>
internal interface IExportSink : IDisposable
{
    /// <summary>Sends the events in order and says whether all of them arrived. Never throws but when cancelled.</summary>
    ValueTask<Delivery> SendAsync(IReadOnlyList<ExportEvent> batch, CancellationToken cancellationToken);
}

/// <summary>What became of a batch.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct Delivery
{
    /// <summary>All of it arrived.</summary>
    public static readonly Delivery Arrived;

    /// <summary>Null when it arrived; otherwise what happened instead, without any value.</summary>
    public string? Problem { get; init; }

    /// <summary>How long the receiver asks to be left alone.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>True when the receiver takes no batch of this size.</summary>
    public bool IsTooLarge { get; init; }

    /// <summary>Of what arrived, events that the receiver says it threw away; it must not be sent them again.</summary>
    public long Rejected { get; init; }

    /// <summary>It did not arrive.</summary>
    public static Delivery Failed(string problem, TimeSpan? retryAfter = null) => new() { Problem = problem, RetryAfter = retryAfter };
}
