using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Postern.Tests.Identities.Vectors;

/// <summary>The encodings of RFC 8017 sections 9.1.1 and 9.2 for 2048 bits, with their parts open to damage.</summary>
internal static class RsaEncodings
{
    private const int Length = 256;

    public static byte[] DigestInfo(HashAlgorithmName hash, byte[] digest, bool hasNull = true)
    {
        var last = hash == HashAlgorithmName.SHA256 ? (byte)1 : hash == HashAlgorithmName.SHA384 ? (byte)2 : (byte)3;
        byte[] name = [0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, last];
        byte[] algorithm = hasNull ? [.. name, 0x05, 0x00] : name;
        byte[] content = [0x30, (byte)algorithm.Length, .. algorithm, 0x04, (byte)digest.Length, .. digest];
        return [0x30, (byte)content.Length, .. content];
    }

    /// <summary>The same, its outer length in two bytes, which is BER and not DER.</summary>
    public static byte[] LongForm(byte[] info) => [0x30, 0x81, .. info[1..]];

    public static byte[] Pkcs1(byte[] info, byte type = 1, byte filler = 0xFF, byte separator = 0) =>
        [0, type, .. Enumerable.Repeat(type == 2 ? (byte)0xA5 : filler, Length - info.Length - 3), separator, .. info];

    /// <summary>The shortest padding, and the rest of the number behind the digest: what made small exponents forgeable.</summary>
    public static byte[] WithGarbage(byte[] info) => [0, 1, .. Enumerable.Repeat((byte)0xFF, 8), 0, .. info, .. new byte[Length - info.Length - 11]];

    public static byte[] Pss(byte[] digest, HashAlgorithmName hash, HashAlgorithmName mask, int saltLength, byte separator = 1)
    {
        var salt = RandomNumberGenerator.GetBytes(saltLength);
        var inner = CryptographicOperations.HashData(hash, (byte[])[.. new byte[8], .. digest, .. salt]);
        var blockLength = Length - inner.Length - 1;
        byte[] block = [.. new byte[blockLength - saltLength - 1], separator, .. salt];
        var stream = Mask(inner, blockLength, mask);
        for (var i = 0; i < blockLength; i++) block[i] ^= stream[i];
        block[0] &= 0x7F;
        return [.. block, .. inner, 0xBC];
    }

    private static byte[] Mask(byte[] seed, int length, HashAlgorithmName hash)
    {
        var stream = new List<byte>();
        var counter = new byte[4];
        for (var i = 0; stream.Count < length; i++)
        {
            BinaryPrimitives.WriteInt32BigEndian(counter, i);
            stream.AddRange(CryptographicOperations.HashData(hash, (byte[])[.. seed, .. counter]));
        }
        return [.. stream.Take(length)];
    }
}
