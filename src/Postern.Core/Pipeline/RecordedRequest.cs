using Postern.Core.Masking;
using Postern.Core.Operations;

namespace Postern.Core.Pipeline;

/// <summary>The form of a request that may be written down: after masks, or not at all.</summary>
internal static class RecordedRequest
{
    private static readonly Masked<ReadOnlyMemory<byte>> Unreadable = new("\"not kept: could not be read under its masks\""u8.ToArray());

    /// <summary>
    /// The masked request. What masks cannot read is not kept; its length and digest are. (It was judged, so it was readable
    /// to its protocol; only a form that masks do not know ends here.)
    /// </summary>
    public static Masked<ReadOnlyMemory<byte>> Of(Operation operation, Masker masker)
    {
        var request = operation.RecordedAs ?? operation.Request;
        if (masker.IsEmpty) return new Masked<ReadOnlyMemory<byte>>(request);
        try
        {
            using var masked = new PooledFrame(request.Length + 64);
            masker.Apply(request.Span, operation.RequestShape, masked);
            // Mostly nothing was masked, and the request itself is what may be written down.
            return new Masked<ReadOnlyMemory<byte>>(masked.Written.Span.SequenceEqual(request.Span) ? request : masked.Written.ToArray());
        }
        catch (MaskingException)
        {
            return Unreadable;
        }
    }
}
