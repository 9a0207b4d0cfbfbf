namespace Postern.Core.Recording;

/// <summary>
/// Zeros behind the last record of the segment that is written to. A flush of a file that grows writes its length too, and the file system's
/// own journal with it; a flush of what was written into room is one write. A segment that was closed has none.
/// </summary>
internal static class JournalRoom
{
    /// <summary>What is written at once and is larger pays for its flush by itself, and would only be written twice.</summary>
    public const int LargestBatch = 32 * 1024;

    /// <summary>The first format version whose last segment may end in room.</summary>
    public const uint Version = 5;

    /// <summary>Writes zeros from an offset on; false when the disk does not take them, which is no harm to what was written before.</summary>
    public static bool TryMake(IJournalFile file, long from, ReadOnlySpan<byte> zeros)
    {
        try
        {
            file.Write(zeros, from);
            return true;
        }
        catch (IOException)
        {
            // A full disk still takes records until one does not fit. What was written of the zeros is room all the same.
            return false;
        }
    }

    /// <summary>How many bytes of a file stand before the zeros that it ends in.</summary>
    public static long UsedLength(IJournalFile file)
    {
        var window = new byte[16 * 1024];
        for (var end = file.Length; end > 0;)
        {
            var begin = Math.Max(0, end - window.Length);
            var part = window.AsSpan(0, (int)(end - begin));
            // Cut while it was looked at: what is gone was room, or never durable.
            var count = file.ReadFully(part, begin);
            var used = part[..count].LastIndexOfAnyExcept((byte)0) + 1;
            if (used > 0) return begin + used;
            end = begin;
        }
        return 0;
    }
}
