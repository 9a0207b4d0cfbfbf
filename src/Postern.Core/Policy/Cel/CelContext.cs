using System.Collections.Immutable;
using Postern.Core.Operations;

namespace Postern.Core.Policy.Cel;

/// <summary>What one evaluation reads, and what it may still cost.</summary>
internal struct CelContext
{
    /// <summary>
    /// Steps that one evaluation may take; a step is one node, or <see cref="BytesPerStep"/> bytes of JSON read. Bounds a
    /// hostile argument under a nested macro to some tens of milliseconds; then the condition is an error and denies.
    /// </summary>
    public const int Budget = 500_000;

    private const int BytesPerStep = 32;

    public required Identity Identity { get; init; }

    public required Connection Connection { get; init; }

    public required DateTimeOffset Now { get; init; }

    public required ImmutableArray<Variable> Variables { get; init; }

    /// <summary>Every variable of the protocol counts as unknown, as when the question is what could be permitted.</summary>
    public bool AssumeUnknown { get; init; }

    public CelValue[]? Locals { get; set; }

    public int Spent { get; private set; }

    public readonly bool IsExhausted => Spent > Budget;

    public void Charge(int steps) => Spent = Math.Min(Budget + 1, Spent + steps);

    public void ChargeBytes(int bytes) => Charge(1 + (bytes / BytesPerStep));
}

/// <summary>A compiled node.</summary>
internal delegate CelValue CelCode(ref CelContext context);
