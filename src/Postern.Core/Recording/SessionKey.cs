using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Postern.Core.Recording;

/// <summary>
/// The key that the content of one session is sealed with while this process writes it: AES-256-GCM (NIST SP 800-38D). A process never takes
/// up a key of an earlier one, so that a counter is enough to use no nonce twice.
/// </summary>
#pragma warning disable CA1001 // accounts that are under way seal with it beyond its session's end; the cipher goes when the last of them is gone
internal sealed class SessionKey
#pragma warning restore CA1001
{
    /// <summary>Bytes of a data key.</summary>
    public const int KeyBytes = 32;

    /// <summary>Random for each key (4), a counter (8).</summary>
    internal const int NonceBytes = 4 + 8;

    /// <summary>Bytes of the tag.</summary>
    internal const int TagBytes = 16;

    /// <summary>The key's id.</summary>
    internal const int IdBytes = 16;

    /// <summary>What a sealed content is longer by than what is in it: id, nonce, the length of the JSON, tag.</summary>
    internal const int OverheadBytes = IdBytes + NonceBytes + sizeof(int) + TagBytes;

    private readonly AesGcm _aes;
    private readonly uint _prefix;
    private readonly Lock _gate = new();
    private ulong _used;

    internal SessionKey(string session, UInt128 id, ReadOnlySpan<byte> key)
    {
        Session = session;
        Id = id;
        _aes = new AesGcm(key, TagBytes);
        _prefix = BinaryPrimitives.ReadUInt32LittleEndian(RandomNumberGenerator.GetBytes(sizeof(uint)));
    }

    /// <summary>Whose it is.</summary>
    internal string Session { get; }

    /// <summary>Stands before every content that is sealed with it.</summary>
    internal UInt128 Id { get; }

    /// <summary>Set at every use, taken away by a sweep: what was not used since the last one is let go.</summary>
    internal bool IsUsed { get; set; } = true;

    /// <summary>Seals in place: <paramref name="box"/> is id, nonce, what is sealed, and room for the tag.</summary>
    internal void Seal(Span<byte> box, ReadOnlySpan<byte> about)
    {
        BinaryPrimitives.WriteUInt128BigEndian(box, Id);
        var nonce = box.Slice(IdBytes, NonceBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(nonce, _prefix);
        var inside = box[(IdBytes + NonceBytes)..^TagBytes];
        // One at a time: the cipher's state is not for several threads, and the counter moves with it.
        lock (_gate)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(nonce[sizeof(uint)..], checked(++_used));
            _aes.Encrypt(nonce, inside, inside, box[^TagBytes..], about);
        }
    }
}
