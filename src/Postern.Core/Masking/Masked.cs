namespace Postern.Core.Masking;

/// <summary>
/// Proof that masking ran: only Core makes one, and the gates release nothing else.
/// A sealed class, neither record nor struct, so that neither <c>with</c> nor <c>default</c> can forge one.
/// </summary>
public sealed class Masked<T>
{
    internal Masked(T value) => Value = value;

    /// <summary>The value after masks.</summary>
    public T Value { get; }
}
