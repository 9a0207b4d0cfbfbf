namespace Postern.Core.Masking;

/// <summary>
/// What is masked in one operation's values: one masker for the caller's copy, one for the record.
/// They differ only where a mask's <c>except</c> clears the caller's copy.
/// </summary>
/// <param name="Caller">Applied to what the caller receives.</param>
/// <param name="Record">Applied to everything recorded, requests included.</param>
public sealed record MaskPlan(Masker Caller, Masker Record)
{
    /// <summary>No mask touches the operation.</summary>
    public static readonly MaskPlan None = new(Masker.None, Masker.None);

    /// <summary>True when caller and record see the same bytes, so that one pass serves both.</summary>
    public bool IsUniform => ReferenceEquals(Caller, Record);
}
