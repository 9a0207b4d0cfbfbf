namespace Postern.Tests.Gateway;

/// <summary>The system's clock, set forward by a test; timers run in real time.</summary>
internal sealed class ShiftedClock : TimeProvider
{
    public TimeSpan Ahead { get; set; }

    public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + Ahead;
}
