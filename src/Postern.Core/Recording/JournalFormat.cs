using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using Postern.Core.Operations;

namespace Postern.Core.Recording;

/// <summary>
/// The bytes of a journal, format version 5 (docs/journal-format.md). A segment file is a prefix of 16 bytes followed by
/// records; a record is a head of 32 bytes followed by its payload: one JSON object, then raw content. All integers are
/// little-endian.
/// </summary>
internal static class JournalFormat
{
    /// <summary>The version this code writes.</summary>
    public const uint Version = 5;

    /// <summary>The first version whose chain is over leaves and not over the records themselves.</summary>
    public const uint LeavesVersion = 4;

    /// <summary>The oldest version that it reads and calls good: nothing in it is sealed.</summary>
    public const uint OldestVersion = 2;

    /// <summary>Stands in the type of a record whose content is sealed.</summary>
    public const uint SealedFlag = 0x100;

    /// <summary>Stands in the type of a record besides when its sealed content was taken out of it (<see cref="FoldedRecord"/>).</summary>
    public const uint FoldedFlag = 0x200;

    /// <summary>Stands in the type of a record, from the fifth version on, whose digests of long content are over its pieces (<see cref="ContentDigest"/>).</summary>
    public const uint PiecesFlag = 0x400;

    /// <summary>The first version whose digests of long content are over its pieces.</summary>
    public const uint PiecesVersion = 5;

    /// <summary>One JSON object per record in UTF-8, then the kept content, sealed or as it is; the chain is over leaves, and digests of long content over its pieces.</summary>
    public const string Codec = "json+sealed+pieces";

    /// <summary>Nothing is sealed.</summary>
    public const string NoDataKey = "none";

    /// <summary>What was said is sealed with a key of its session.</summary>
    public const string SessionDataKey = "session";

    /// <summary>Magic (8 bytes), version (4), zero (4).</summary>
    public const int PrefixBytes = 8 + 4 + 4;

    /// <summary>Checksum (4), payload length (4), content length (4), type (4), sequence (8), flushed (8).</summary>
    public const int HeadBytes = 4 + 4 + 4 + 4 + 8 + 8;

    /// <summary>No payload is longer; a length beyond it is damage, not data.</summary>
    public const int MaxPayloadBytes = 64 * 1024 * 1024;

    /// <summary>A segment's prefix and header record are never longer, and are durable before any other record is written.</summary>
    public const int MaxHeaderBytes = 2048;

    /// <summary>A checkpoint follows after at most so many other records.</summary>
    public const int RecordsPerCheckpoint = 1_000;

    /// <summary>The first bytes of every segment.</summary>
    public static ReadOnlySpan<byte> Magic => "PSTNJRNL"u8;

    /// <summary>The codec that a header of this version names; each has its own, so that none passes for another.</summary>
    public static string CodecOf(uint version) => version switch
    {
        OldestVersion => "json+content", // kept as it is
        < LeavesVersion => "json+sealed",
        < PiecesVersion => "json+sealed+leaves",
        _ => Codec,
    };

    /// <summary><c>journal-000001.pjl</c>.</summary>
    public static string SegmentName(int number) => $"journal-{number:D6}.pjl";

    /// <summary>The number in a segment's file name; false for other files.</summary>
    public static bool TryReadSegmentName(string name, out int number)
    {
        number = 0;
        return name.StartsWith("journal-", StringComparison.Ordinal)
            && name.EndsWith(".pjl", StringComparison.Ordinal)
            && int.TryParse(name.AsSpan(8, name.Length - 12), System.Globalization.NumberStyles.None, null, out number)
            && number > 0
            && string.Equals(name, SegmentName(number), StringComparison.Ordinal);
    }

    /// <summary>Writes the 16 bytes before a segment's first record.</summary>
    public static void WritePrefix(Span<byte> destination)
    {
        Magic.CopyTo(destination);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[8..], Version);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[12..], 0);
    }

    /// <summary>Writes the head over a record whose payload is in place, checksum last.</summary>
    public static void WriteHead(Span<byte> record, RecordHead head, uint seed)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(record[4..], (uint)head.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(record[8..], (uint)head.ContentLength);
        BinaryPrimitives.WriteUInt32LittleEndian(record[12..], (uint)head.Type | (head.IsSealed ? SealedFlag : 0) | (head.IsInPieces ? PiecesFlag : 0));
        BinaryPrimitives.WriteInt64LittleEndian(record[16..], head.Sequence);
        BinaryPrimitives.WriteInt64LittleEndian(record[24..], head.Flushed);
        BinaryPrimitives.WriteUInt32LittleEndian(record, Checksum(record[4..(HeadBytes + head.Length)], seed));
    }

    /// <summary>Reads a head; says nothing about whether it is right.</summary>
    public static RecordHead ReadHead(ReadOnlySpan<byte> record) => new(
        BinaryPrimitives.ReadInt32LittleEndian(record[4..]),
        BinaryPrimitives.ReadInt32LittleEndian(record[8..]),
        (RecordType)(BinaryPrimitives.ReadUInt32LittleEndian(record[12..]) & ~(SealedFlag | FoldedFlag | PiecesFlag)),
        BinaryPrimitives.ReadInt64LittleEndian(record[16..]),
        BinaryPrimitives.ReadInt64LittleEndian(record[24..]),
        (BinaryPrimitives.ReadUInt32LittleEndian(record[12..]) & SealedFlag) != 0,
        (BinaryPrimitives.ReadUInt32LittleEndian(record[12..]) & FoldedFlag) != 0,
        (BinaryPrimitives.ReadUInt32LittleEndian(record[12..]) & PiecesFlag) != 0);

    /// <summary>True when the record's bytes are those that its checksum was made over.</summary>
    public static bool IsIntact(ReadOnlySpan<byte> record, uint seed) =>
        BinaryPrimitives.ReadUInt32LittleEndian(record) == Checksum(record[4..], seed);

    /// <summary>
    /// What a journal's checksums start from. Taken from its random id, so that content which imitates a record, or a record
    /// of another journal, does not pass for one of this journal's.
    /// </summary>
    public static uint SeedOf(ReadOnlySpan<byte> journalId) => Checksum(journalId, 0);

    /// <summary>CRC-32C (RFC 3720 appendix B.4) over the bytes.</summary>
    public static uint Checksum(ReadOnlySpan<byte> bytes, uint seed)
    {
        var crc = ~seed;
        var words = MemoryMarshal.Cast<byte, ulong>(bytes);
        foreach (var word in words) crc = BitOperations.Crc32C(crc, BitConverter.IsLittleEndian ? word : BinaryPrimitives.ReverseEndianness(word));
        foreach (var rest in bytes[(words.Length * sizeof(ulong))..]) crc = BitOperations.Crc32C(crc, rest);
        return ~crc;
    }
}

/// <summary>What a record is about. The list is closed: a verifier never calls an unknown type good.</summary>
public enum RecordType
{
    /// <summary>Not a type.</summary>
    None = 0,

    /// <summary>Opens a segment.</summary>
    Header = 1,

    /// <summary>A signature over the chain so far.</summary>
    Checkpoint = 2,

    /// <summary>An operation, before anything of it is forwarded.</summary>
    Intent = 3,

    /// <summary>People's agreement was used.</summary>
    Clearing = 4,

    /// <summary>Content that went either way.</summary>
    Frame = 5,

    /// <summary>How an operation ended.</summary>
    Ending = 6,

    /// <summary>Something outside an operation.</summary>
    Occurrence = 7,

    /// <summary>Identical denials, counted.</summary>
    Denials = 8,
}

/// <summary>A record's head without its checksum.</summary>
/// <param name="Length">Bytes of payload, JSON and content together.</param>
/// <param name="ContentLength">How many of them, at the end, are content.</param>
/// <param name="Type">What it is about.</param>
/// <param name="Sequence">Counts every record of the journal from 1, without a gap, across segments.</param>
/// <param name="Flushed">The last sequence known to be durable when this record was written; tells a torn tail from damage.</param>
/// <param name="IsSealed">True when the content is sealed with a key that it names.</param>
/// <param name="IsFolded">True when that content was taken out; no writer writes such a record.</param>
/// <param name="IsInPieces">True when digests of long content are over its pieces.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct RecordHead(int Length, int ContentLength, RecordType Type, long Sequence, long Flushed, bool IsSealed = false, bool IsFolded = false, bool IsInPieces = false)
{
    /// <summary>The digest of content in such a record, as whoever checks it makes it.</summary>
    public Digest DigestOf(ReadOnlySpan<byte> content) => IsInPieces ? ContentDigest.ByLibrary(content) : Digest.Of(content);

    /// <summary>False for lengths and types that no writer of this version makes.</summary>
    public bool IsPlausible =>
        Length is > 0 and <= JournalFormat.MaxPayloadBytes && ContentLength >= 0 && ContentLength < Length
        && Type is >= RecordType.Header and <= RecordType.Denials && Sequence > 0 && Flushed >= 0 && Flushed < Sequence
        && (!IsSealed || (Type is RecordType.Intent or RecordType.Frame or RecordType.Ending or RecordType.Denials && ContentLength >= SessionKey.OverheadBytes))
        && (!IsInPieces || Type >= RecordType.Intent)
        && (!IsFolded || (IsSealed && Type != RecordType.Denials && ContentLength >= FoldedRecord.LeastContent));
}
