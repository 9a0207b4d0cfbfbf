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
    /// <param name="operation">Whose request it is.</param>
    /// <param name="masker">What may not be written down.</param>
    /// <param name="isAsItCame">True when it is the operation's <c>Request</c>, byte for byte.</param>
    public static Masked<ReadOnlyMemory<byte>> Of(Operation operation, Masker masker, out bool isAsItCame)
    {
        isAsItCame = operation.RecordedAs is null;
        var request = operation.RecordedAs ?? operation.Request;
        if (masker.IsEmpty) return new Masked<ReadOnlyMemory<byte>>(request);
        try
        {
            using var masked = new PooledFrame(request.Length + 64);
            // Mostly nothing is masked, and the request itself is what may be written down.
            if (masker.Apply(request.Span, operation.RequestShape, masked, mustWrite: false) == 0) return new Masked<ReadOnlyMemory<byte>>(request);
            isAsItCame = false;
            return new Masked<ReadOnlyMemory<byte>>(masked.Written.ToArray());
        }
        catch (MaskingException)
        {
            isAsItCame = false;
            return Unreadable;
        }
    }
}
