using Postern.Core.Operations;

namespace Postern.Core.Pipeline;

/// <summary>The one path of every operation of every protocol. Six steps, in this order, in one method.</summary>
public sealed class OperationPipeline
{
    /// <summary>
    /// Runs one operation to its end. Never throws for what happens on the way: the caller is told through the exchange.
    /// </summary>
    /// <param name="exchange">The operation, and how its protocol forwards, refuses and pends it.</param>
    /// <param name="identity">Who asks.</param>
    /// <param name="callerGone">Fires when the caller went away. Never used to close the record.</param>
    public ValueTask RunAsync(IExchange exchange, Identity identity, CancellationToken callerGone) => throw new InvalidOperationException("the pipeline is not composed");
}
