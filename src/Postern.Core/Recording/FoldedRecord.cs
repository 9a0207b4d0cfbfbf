using System.Buffers.Binary;
using Postern.Core.Operations;

namespace Postern.Core.Recording;

/// <summary>
/// A record that says all it said but its sealed content, whose key was destroyed. In the content's place stand the id of that key, the
/// content's digest, which is what the chain is over, and a checksum; the rest is zeros that a file need not hold. Head and JSON are as they were
/// written, but for the mark in the type, so every link and every signature stands (docs/journal-format.md, Folded segments).
/// </summary>
internal static class FoldedRecord
{
    /// <summary>What stands in the content's place before the zeros: id of the data key, digest, checksum.</summary>
    public const int ContentBytes = SessionKey.IdBytes + Digest.Size + sizeof(uint);

    /// <summary>Content that is shorter stays: what it takes is less than what it would take to say that it is gone.</summary>
    public const int LeastContent = 2 * ContentBytes;

    private const int MarkOffset = 12;

    /// <summary>True for a record that can be folded, and is not.</summary>
    public static bool IsFoldable(RecordHead head) => head is { IsSealed: true, IsFolded: false, ContentLength: >= LeastContent, Type: RecordType.Intent or RecordType.Frame or RecordType.Ending };

    /// <summary>How many bytes at a record's end are zeros when it is folded.</summary>
    public static int ZerosOf(RecordHead head) => head.ContentLength - ContentBytes;

    /// <summary>Folds a record: what is left of it, without the zeros.</summary>
    public static byte[] Fold(ReadOnlySpan<byte> record, RecordHead head, uint seed)
    {
        var begin = record.Length - head.ContentLength;
        var content = record[begin..];
        var folded = new byte[begin + ContentBytes];
        record[..(begin + SessionKey.IdBytes)].CopyTo(folded);
        BinaryPrimitives.WriteUInt32LittleEndian(folded.AsSpan(MarkOffset), BinaryPrimitives.ReadUInt32LittleEndian(folded.AsSpan(MarkOffset)) | JournalFormat.FoldedFlag);
        head.DigestOf(content).CopyTo(folded.AsSpan(begin + SessionKey.IdBytes));
        BinaryPrimitives.WriteUInt32LittleEndian(folded.AsSpan(folded.Length - sizeof(uint)), JournalFormat.Checksum(folded.AsSpan(0, folded.Length - sizeof(uint)), seed));
        return folded;
    }

    /// <summary>True when a folded record is what <see cref="Fold"/> makes; whether it may be, the verifier says.</summary>
    public static bool IsIntact(ReadOnlySpan<byte> record, RecordHead head, uint seed)
    {
        var end = record.Length - ZerosOf(head);
        return BinaryPrimitives.ReadUInt32LittleEndian(record[(end - sizeof(uint))..]) == JournalFormat.Checksum(record[..(end - sizeof(uint))], seed) && !record[end..].ContainsAnyExcept((byte)0);
    }

    /// <summary>The digest of the content that stood there.</summary>
    public static Digest DigestOf(ReadOnlySpan<byte> content) => new(content.Slice(SessionKey.IdBytes, Digest.Size));

    /// <summary>Head and JSON as they were written.</summary>
    public static byte[] AsWritten(ReadOnlySpan<byte> headAndJson)
    {
        var written = headAndJson.ToArray();
        BinaryPrimitives.WriteUInt32LittleEndian(written.AsSpan(MarkOffset), BinaryPrimitives.ReadUInt32LittleEndian(written.AsSpan(MarkOffset)) & ~JournalFormat.FoldedFlag);
        return written;
    }

    /// <summary>True when two records are the same, or one is what the other folds to.</summary>
    public static bool IsSame(ReadOnlySpan<byte> one, ReadOnlySpan<byte> other, uint seed)
    {
        if (one.SequenceEqual(other)) return true;
        if (one.Length != other.Length || one.Length < JournalFormat.HeadBytes) return false;
        var (head, otherHead) = (JournalFormat.ReadHead(one), JournalFormat.ReadHead(other));
        if (head.IsFolded == otherHead.IsFolded) return false;
        if (head.IsFolded) return IsSame(other, one, seed);
        if (JournalFormat.HeadBytes + head.Length != one.Length || !head.IsPlausible || !otherHead.IsPlausible || !IsFoldable(head) || !IsIntact(other, otherHead, seed)) return false;
        var folded = Fold(one, head, seed);
        return other.StartsWith(folded);
    }
}
