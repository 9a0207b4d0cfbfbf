using System.Buffers;
using System.Globalization;
using Postern.Core.Recording;

namespace Postern.Gateway.Recordings.Stores;

/// <summary>
/// What a piece of a journal is called: <c>JOURNAL/journal-000001.pjl/000000000000</c>, the journal's id, the segment and the byte that
/// it begins at. Two pieces cannot begin at the same byte, and the pieces of a segment, one behind the other, are its file.
/// </summary>
internal sealed record PieceName(string Journal, int Segment, long Offset)
{
    private const int IdLength = 32;
    private const int OffsetLength = 12;
    private static readonly SearchValues<char> Hexadecimal = SearchValues.Create("0123456789abcdef");

    /// <inheritdoc/>
    public override string ToString() => $"{Journal}/{JournalReader.SegmentFile(Segment)}/{Offset.ToString("D12", CultureInfo.InvariantCulture)}";

    /// <summary>Reads a name; null when it is none of a piece.</summary>
    public static PieceName? TryRead(string name)
    {
        var steps = name.Split('/');
        if (steps is not [{ Length: IdLength } journal, var file, { Length: OffsetLength } offset]) return null;
        if (journal.AsSpan().ContainsAnyExcept(Hexadecimal) || !long.TryParse(offset, NumberStyles.None, CultureInfo.InvariantCulture, out var at)) return null;
        if (JournalReader.SegmentNumber(file) is not { } segment) return null;
        return new PieceName(journal, segment, at);
    }
}
