using System.Diagnostics;

namespace Postern.Core.Operations;

/// <summary>
/// Reads the <c>traceparent</c> of W3C Trace Context, version 00: <c>00-</c>, 32 and 16 lower-case hexadecimal digits that are not all zero,
/// two more for flags. Anything else is no context. What a caller writes there groups what is shown, and decides nothing.
/// </summary>
public static class TraceParent
{
    private const int Length = 2 + 1 + 32 + 1 + 16 + 1 + 2;

    /// <summary>The context; the empty one when the text is none.</summary>
    public static ActivityContext Read(string? text)
    {
        if (text is not { Length: Length } || !text.StartsWith("00-", StringComparison.Ordinal) || text[35] != '-' || text[52] != '-') return default;
        var trace = text.AsSpan(3, 32);
        var span = text.AsSpan(36, 16);
        var flags = text.AsSpan(53, 2);
        if (!IsId(trace) || !IsId(span) || flags.ContainsAnyExcept(Hexadecimal)) return default;
        return new ActivityContext(ActivityTraceId.CreateFromString(trace), ActivitySpanId.CreateFromString(span), (flags[1] & 1) == 1 ? ActivityTraceFlags.Recorded : ActivityTraceFlags.None, isRemote: true);
    }

    private static readonly System.Buffers.SearchValues<char> Hexadecimal = System.Buffers.SearchValues.Create("0123456789abcdef");

    private static bool IsId(ReadOnlySpan<char> id) => !id.ContainsAnyExcept(Hexadecimal) && id.ContainsAnyExcept('0');
}
