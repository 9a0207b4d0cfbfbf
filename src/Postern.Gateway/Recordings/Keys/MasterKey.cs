using System.Security.Cryptography;
using System.Text;
using Postern.Core.Recording;

namespace Postern.Gateway.Recordings.Keys;

/// <summary>
/// The key that data keys are wrapped with, and nothing else: AES-256-GCM with a random nonce for each. Whoever has it and the folder can read
/// what was not erased; whoever has the folder alone cannot.
/// </summary>
internal sealed class MasterKey : IDisposable
{
    /// <summary>Bytes of the key.</summary>
    public const int Bytes = 32;

    private const int NonceBytes = 12;
    private const int TagBytes = 16;

    private readonly AesGcm _aes;
    private readonly Lock _gate = new();

    private MasterKey(ReadOnlySpan<byte> key)
    {
        _aes = new AesGcm(key, TagBytes);
        Id = Convert.ToHexStringLower(HMACSHA256.HashData(key, "postern master key"u8))[..16];
    }

    /// <summary>Tells which one it is, and nothing of it.</summary>
    public string Id { get; }

    /// <summary>The key of these bytes: 32 of them as they are, or in hexadecimal, or in base64.</summary>
    /// <param name="source">The bytes.</param>
    /// <param name="what">How it is called in errors.</param>
    /// <exception cref="RecordingException">They are no key.</exception>
    public static MasterKey Read(ReadOnlySpan<byte> source, string what)
    {
        if (source.Length == Bytes) return new MasterKey(source);
        var text = Encoding.ASCII.GetString(source).Trim();
        var key = new byte[Bytes];
        var isHex = text.Length == 2 * Bytes && Convert.FromHexString(text, key, out _, out _) == System.Buffers.OperationStatus.Done;
        if (!isHex && (!Convert.TryFromBase64String(text, key, out var written) || written != Bytes))
        {
            throw new RecordingException($"{what} is no master key; expected {Bytes} random bytes, as they are, in hexadecimal or in base64 (`openssl rand -hex {Bytes}` makes one)");
        }
        var read = new MasterKey(key);
        CryptographicOperations.ZeroMemory(key);
        return read;
    }

    /// <summary>The data key as it is kept: nonce, ciphertext, tag; bound to its id and session.</summary>
    public byte[] Wrap(UInt128 id, string session, ReadOnlySpan<byte> key)
    {
        var wrapped = new byte[NonceBytes + key.Length + TagBytes];
        RandomNumberGenerator.Fill(wrapped.AsSpan(0, NonceBytes));
        lock (_gate) _aes.Encrypt(wrapped.AsSpan(0, NonceBytes), key, wrapped.AsSpan(NonceBytes, key.Length), wrapped.AsSpan(NonceBytes + key.Length), About(id, session));
        return wrapped;
    }

    /// <summary>The data key; null when it was wrapped by another master key, or is another session's.</summary>
    public byte[]? Unwrap(UInt128 id, string session, ReadOnlySpan<byte> wrapped)
    {
        if (wrapped.Length <= NonceBytes + TagBytes) return null;
        var key = new byte[wrapped.Length - NonceBytes - TagBytes];
        try
        {
            lock (_gate) _aes.Decrypt(wrapped[..NonceBytes], wrapped[NonceBytes..^TagBytes], wrapped[^TagBytes..], key, About(id, session));
            return key;
        }
        catch (CryptographicException)
        {
            return null;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _aes.Dispose();

    private static byte[] About(UInt128 id, string session) => Encoding.UTF8.GetBytes($"postern data key\n{id:x32}\n{session}\n");
}
