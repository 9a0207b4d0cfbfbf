using System.Buffers;
using System.Runtime.CompilerServices;
using System.Text;
using Postern.Core.Operations;

namespace Postern.Gateway.Identities;

/// <summary>
/// SHA-256 of tokens, which is what is kept of them. A text that was just asked about, the same object, is not hashed again; it is not
/// kept alive for that either.
/// </summary>
internal sealed class TokenDigests
{
    private const int Places = 256;

    private readonly Known?[] _places = new Known?[Places];

    /// <summary>The digest of a token; false when it is not ASCII.</summary>
    public bool TryGet(string token, out Digest digest)
    {
        ref var place = ref _places[RuntimeHelpers.GetHashCode(token) % Places];
        if (Volatile.Read(ref place) is { } known && known.Token.TryGetTarget(out var same) && ReferenceEquals(same, token))
        {
            digest = known.Digest;
            return true;
        }
        if (!TryDigest(token, out digest)) return false;
        Volatile.Write(ref place, new Known(new WeakReference<string>(token), digest));
        return true;
    }

    /// <summary>As above, without a look at what is known.</summary>
    public static bool TryDigest(string token, out Digest digest)
    {
        const int onStack = 4096;
        byte[]? rented = null;
        var bytes = token.Length <= onStack ? stackalloc byte[onStack] : rented = ArrayPool<byte>.Shared.Rent(token.Length);
        try
        {
            // narrowing replaces nothing: any character outside ASCII ends it
            if (Ascii.FromUtf16(token, bytes, out var length) != OperationStatus.Done)
            {
                digest = default;
                return false;
            }

            digest = Digest.Of(bytes[..length]);
            return true;
        }
        finally
        {
            if (rented is not null)
            {
                ArrayPool<byte>.Shared.Return(rented, clearArray: true);
            }
        }
    }

    private sealed record Known(WeakReference<string> Token, Digest Digest);
}
