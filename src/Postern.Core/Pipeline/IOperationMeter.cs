using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Core.Recording;

namespace Postern.Core.Pipeline;

/// <summary>
/// Counts what went the one path. It is told the connection and how it ended, and nothing that a caller or a target wrote: what is
/// counted can be shown to whoever watches the gateway.
/// </summary>
public interface IOperationMeter
{
    /// <summary>One operation ended. Called on the path of every operation: never throws, never waits.</summary>
    /// <param name="connection">Its connection.</param>
    /// <param name="decision">The decision that counted.</param>
    /// <param name="outcome">How it ended.</param>
    /// <param name="code">The refusal code, of the closed list; null when there is none.</param>
    /// <param name="took">From its reading to its ending.</param>
    void Ended(Connection connection, Decision decision, Outcome outcome, string? code, TimeSpan took);
}
