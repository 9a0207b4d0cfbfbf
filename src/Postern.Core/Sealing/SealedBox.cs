using System.Security.Cryptography;

namespace Postern.Core.Sealing;

/// <summary>
/// The one form in which anything is encrypted here: a random nonce of 96 bits, the tag, the ciphertext (AES-256-GCM, NIST SP
/// 800-38D). Safe for concurrent use. One key is good for 2^32 boxes, after which two could share a nonce.
/// </summary>
public static class SealedBox
{
    /// <summary>Bytes of a key.</summary>
    public const int KeyBytes = 32;

    /// <summary>Bytes by which a box is longer than what it holds.</summary>
    public const int Overhead = NonceBytes + TagBytes;

    private const int NonceBytes = 12;
    private const int TagBytes = 16;

    /// <summary>A box of these bytes.</summary>
    /// <param name="key">Of <see cref="KeyBytes"/>.</param>
    /// <param name="plain">What it is to hold.</param>
    /// <param name="bound">What it belongs to: it opens with exactly the same, and not without.</param>
    public static byte[] Seal(ReadOnlySpan<byte> key, ReadOnlySpan<byte> plain, ReadOnlySpan<byte> bound)
    {
        var box = new byte[Overhead + plain.Length];
        Seal(key, plain, bound, box);
        return box;
    }

    /// <summary>The same into memory of the caller's, <see cref="Overhead"/> longer than what it is to hold.</summary>
    /// <exception cref="ArgumentException">The key or the box has another length.</exception>
    public static void Seal(ReadOnlySpan<byte> key, ReadOnlySpan<byte> plain, ReadOnlySpan<byte> bound, Span<byte> box)
    {
        using var cipher = CipherOf(key);
        if (box.Length != Overhead + plain.Length) throw new ArgumentException($"expected {Overhead + plain.Length} bytes, found {box.Length}", nameof(box));
        RandomNumberGenerator.Fill(box[..NonceBytes]);
        cipher.Encrypt(box[..NonceBytes], plain, box[Overhead..], box[NonceBytes..Overhead], bound);
    }

    /// <summary>What the box holds, or null when it was changed, or sealed under another key or bound to something else.</summary>
    public static byte[]? Open(ReadOnlySpan<byte> key, ReadOnlySpan<byte> box, ReadOnlySpan<byte> bound)
    {
        using var cipher = CipherOf(key);
        if (box.Length < Overhead) return null;
        var plain = new byte[box.Length - Overhead];
        try
        {
            cipher.Decrypt(box[..NonceBytes], box[Overhead..], box[NonceBytes..Overhead], plain, bound);
            return plain;
        }
        catch (AuthenticationTagMismatchException)
        {
            return null;
        }
    }

    // 128 and 192 bits would be keys too; here they are a mistake.
    private static AesGcm CipherOf(ReadOnlySpan<byte> key) =>
        key.Length == KeyBytes ? new AesGcm(key, TagBytes) : throw new ArgumentException($"expected a key of {KeyBytes} bytes, found {key.Length}", nameof(key));
}
