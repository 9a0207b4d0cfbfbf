using Postern.Core.Recording;
using Postern.Gateway.Exports;

namespace Postern.Gateway.Recordings.Stores;

/// <summary>Cuts a journal into pieces: whole records of one segment, none beyond what survives a power loss.</summary>
internal sealed class JournalPieces(string folder)
{
    private readonly JournalReader _journal = new(folder);

    /// <summary>True when something stands behind the position in its segment, and nothing will be added to it there.</summary>
    public bool IsRestOfClosed(JournalPosition position) =>
        File.Exists(Path.Combine(folder, JournalReader.SegmentFile(position.Segment + 1))) && _journal.LengthOf(position.Segment) > position.Offset;

    /// <summary>The next piece behind a cursor; null when there is nothing.</summary>
    /// <param name="cursor">What is uploaded.</param>
    /// <param name="through">The last sequence that is durable.</param>
    /// <param name="mostBytes">A piece ends before it grows beyond this, unless a single record is larger.</param>
    /// <exception cref="RecordingException">The journal cannot be read.</exception>
    /// <exception cref="IOException">The same.</exception>
    public JournalPiece? Next(ExportCursor cursor, long through, long mostBytes)
    {
        JournalPosition? begin = null;
        var end = default(JournalPosition);
        var sequence = cursor.Sequence;
        var since = DateTimeOffset.MinValue;
        foreach (var record in _journal.Read(cursor.Position, through, _ => begin is null))
        {
            if (record.Sequence != sequence + 1) throw new RecordingException($"expected sequence {sequence + 1} and found {record.Sequence}; run `postern verify` on the journal");
            if (begin is { } first && (record.Position.Segment != first.Segment || record.Next.Offset - first.Offset > mostBytes)) break;
            if (begin is null)
            {
                begin = record.Position;
                since = EventReading.TimeOf(record.Payload);
            }
            (end, sequence) = (record.Next, record.Sequence);
        }
        return begin is { } at ? new JournalPiece(new PieceName(cursor.Journal, at.Segment, at.Offset), Bytes(at.Segment, at.Offset, (int)(end.Offset - at.Offset))!, new ExportCursor(cursor.Journal, sequence, end), since) : null;
    }

    /// <summary>
    /// The piece that a store has under a name, if its records are the journal's, but for what was erased and taken out since; null when they are
    /// others, or more than the journal has.
    /// </summary>
    /// <param name="piece">What begins there in the journal.</param>
    /// <param name="cursor">What is uploaded.</param>
    /// <param name="stored">The bytes in the store.</param>
    /// <param name="through">The last sequence that is durable.</param>
    public ExportCursor? Recognise(JournalPiece piece, ExportCursor cursor, byte[] stored, long through)
    {
        var end = piece.Name.Offset + stored.Length;
        if (stored.Length == 0 || Bytes(piece.Name.Segment, piece.Name.Offset, stored.Length) is not { } bytes || !SegmentFolding.IsSame(bytes, stored, piece.Name.Offset == 0, cursor.Journal)) return null;
        foreach (var record in _journal.Read(cursor.Position, through, static _ => false))
        {
            if (record.Position.Segment == piece.Name.Segment && record.Next.Offset == end) return new ExportCursor(cursor.Journal, record.Sequence, record.Next);
            if (record.Position.Segment > piece.Name.Segment) break;
        }
        return null;
    }

    /// <summary>So many bytes of a segment; null when it is shorter.</summary>
    public byte[]? Bytes(int segment, long offset, int length)
    {
        using var storage = FolderStorage.ForReading(folder);
        using var file = storage.Open(JournalReader.SegmentFile(segment));
        if (file.Length - offset < length) return null;
        var bytes = new byte[length];
        return file.ReadFully(bytes, offset) == length ? bytes : null;
    }
}

/// <summary>Some records of a segment, as they stand in its file.</summary>
/// <param name="Name">Where they begin.</param>
/// <param name="Bytes">The bytes.</param>
/// <param name="Next">The cursor once a store has them.</param>
/// <param name="Since">When the first of them was written.</param>
internal sealed record JournalPiece(PieceName Name, byte[] Bytes, ExportCursor Next, DateTimeOffset Since);
