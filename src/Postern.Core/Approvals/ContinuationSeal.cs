using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Core.Sealing;

namespace Postern.Core.Approvals;

/// <summary>
/// Seals what a caller is to bring back (<see cref="SealedBox"/>) under keys that are derived, one a day, from the gateway's
/// root key (HKDF-SHA-256, RFC 5869). Keys so rotate without being told to; what was sealed yesterday still opens. Another root key
/// voids what is out, and nothing else: the caller repeats its call.
/// </summary>
public sealed class ContinuationSeal
{
    /// <summary>Bytes of the root key.</summary>
    public const int KeyBytes = SealedBox.KeyBytes;

    /// <summary>Longest life of anything sealed; a key is good for its own day and the next.</summary>
    public static readonly TimeSpan LongestLife = TimeSpan.FromHours(24);

    /// <summary>How long a caller that waits may take to come back.</summary>
    public static readonly TimeSpan WaitingLife = TimeSpan.FromMinutes(2);

    private const byte Format = 2;
    private const int HeadBytes = sizeof(byte) + sizeof(int); // format, day
    private const int IdBytes = 26;
    private const int FixedBytes = 1 + 1 + IdBytes + 1 + IdBytes + sizeof(long) + Digest.Size; // kind, leg, operation, hold's length, hold, end, binding

    private readonly byte[] _root;
    private readonly TimeProvider _clock;

    /// <summary>Derives from this root key.</summary>
    public ContinuationSeal(ReadOnlySpan<byte> root, TimeProvider clock)
    {
        if (root.Length != KeyBytes) throw new ArgumentException($"expected {KeyBytes} bytes, found {root.Length}", nameof(root));
        _root = root.ToArray();
        _clock = clock;
    }

    /// <summary>For a caller that waits for a hold and is to come back with the identical call.</summary>
    /// <param name="identity">The caller.</param>
    /// <param name="operation">What it asked.</param>
    /// <param name="hold">What it waits for.</param>
    /// <param name="leg">How many legs of waiting now lie behind.</param>
    /// <param name="carried">The protocol's own.</param>
    public string SealWaiting(Identity identity, Operation operation, Hold hold, int leg, ReadOnlySpan<byte> carried)
    {
        ArgumentNullException.ThrowIfNull(operation);
        ArgumentNullException.ThrowIfNull(hold);
        return Seal(ContinuationKind.Waiting, identity, operation, operation.Digest, hold.Id, leg, _clock.GetUtcNow() + WaitingLife, carried);
    }

    /// <summary>
    /// For a caller whose target asked back. What people approved stays approved for the answers, until the approval's own end
    /// and no longer.
    /// </summary>
    /// <param name="clearance">Under which the target asked.</param>
    /// <param name="asked">Digest of the call without the answers.</param>
    /// <param name="carried">The protocol's own.</param>
    public string SealAnswering(Clearance clearance, Digest asked, ReadOnlySpan<byte> carried)
    {
        ArgumentNullException.ThrowIfNull(clearance);
        var latest = _clock.GetUtcNow() + LongestLife;
        return clearance.Approval is { } hold
            ? Seal(ContinuationKind.Cleared, clearance.Identity, clearance.Operation, asked, hold.Id, 0, hold.UsableUntil is { } end && end < latest ? end : latest, carried)
            : Seal(ContinuationKind.Answering, clearance.Identity, clearance.Operation, asked, "", 0, latest, carried);
    }

    /// <summary>What was sealed here and has not ended, or null for anything else. Whom and what it fits is to be asked next.</summary>
    public Continuation? Open(ReadOnlySpan<byte> text)
    {
        var bytes = new byte[Base64Url.GetMaxDecodedLength(text.Length)];
        if (Base64Url.DecodeFromUtf8(text, bytes, out var consumed, out var length) != System.Buffers.OperationStatus.Done || consumed != text.Length) return null;
        // One spelling each: another one of the same bytes would be another text to whoever compares texts.
        if (!text.SequenceEqual(Base64Url.EncodeToUtf8(bytes.AsSpan(0, length)))) return null;
        if (length < HeadBytes + FixedBytes + SealedBox.Overhead || bytes[0] != Format) return null;
        var now = _clock.GetUtcNow();
        var day = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(1));
        var age = DayOf(now) - day;
        // Sealed at most one day before; or one day after, by a clock that was ahead of this one around midnight.
        if (age is < -1 or > 1) return null;
        return SealedBox.Open(KeyOf(day), bytes.AsSpan(HeadBytes, length - HeadBytes), bytes.AsSpan(0, HeadBytes)) is { } plain && Read(plain) is { } opened && now < opened.Ends ? opened : null;
    }

    private string Seal(ContinuationKind kind, Identity identity, Operation operation, Digest asked, string hold, int leg, DateTimeOffset ends, ReadOnlySpan<byte> carried)
    {
        var plain = new byte[FixedBytes + carried.Length];
        plain[0] = (byte)kind;
        plain[1] = checked((byte)leg);
        Encoding.ASCII.GetBytes(operation.Id.ToString(), plain.AsSpan(2, IdBytes));
        plain[2 + IdBytes] = (byte)Encoding.ASCII.GetBytes(hold, plain.AsSpan(3 + IdBytes, IdBytes));
        BinaryPrimitives.WriteInt64LittleEndian(plain.AsSpan(3 + IdBytes + IdBytes), ends.UtcTicks);
        ApprovalBinding.Of(identity, operation, asked).CopyTo(plain.AsSpan(FixedBytes - Digest.Size, Digest.Size));
        carried.CopyTo(plain.AsSpan(FixedBytes));

        var bytes = new byte[HeadBytes + SealedBox.Overhead + plain.Length];
        var day = DayOf(_clock.GetUtcNow());
        bytes[0] = Format;
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(1), day);
        SealedBox.Seal(KeyOf(day), plain, bytes.AsSpan(0, HeadBytes), bytes.AsSpan(HeadBytes));
        return Base64Url.EncodeToString(bytes);
    }

    private static Continuation? Read(ReadOnlyMemory<byte> sealedHere)
    {
        var plain = sealedHere.Span;
        var holdLength = plain[2 + IdBytes];
        if (holdLength > IdBytes || !OperationId.TryParse(Encoding.ASCII.GetString(plain.Slice(2, IdBytes)), out var of)) return null;
        return new Continuation(
            (ContinuationKind)plain[0], of, Encoding.ASCII.GetString(plain.Slice(3 + IdBytes, holdLength)), plain[1],
            new DateTimeOffset(BinaryPrimitives.ReadInt64LittleEndian(plain[(3 + IdBytes + IdBytes)..]), TimeSpan.Zero),
            new Digest(plain.Slice(FixedBytes - Digest.Size, Digest.Size)), sealedHere[FixedBytes..]);
    }

    private byte[] KeyOf(int day)
    {
        Span<byte> info = stackalloc byte[19 + sizeof(int)];
        "postern continuing "u8.CopyTo(info);
        BinaryPrimitives.WriteInt32LittleEndian(info[19..], day);
        var key = new byte[KeyBytes];
        HKDF.Expand(HashAlgorithmName.SHA256, _root, key, info);
        return key;
    }

    private static int DayOf(DateTimeOffset instant) => (int)(instant.UtcTicks / TimeSpan.TicksPerDay);
}
