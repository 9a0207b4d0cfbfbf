using System.Buffers.Binary;
using Postern.Core.Masking;

namespace Postern.Protocols.Postgres.Masking;

/// <summary>
/// A batch of whole messages from a server, with the rows of one description at most. A message that is not here does not pass under a
/// mask: each is masked, or shown to hold nothing that anybody chose (guarantee G11).
/// </summary>
internal sealed class ReplyReader(RowColumns rows) : CellReader
{
    private const int HeaderLength = 1 + sizeof(int);

    // Counts of rows have at most twenty digits; the longest words are `CREATE TEXT SEARCH CONFIGURATION`, say.
    private const int LongestTag = 96;

    private static readonly System.Buffers.SearchValues<byte> s_tag = System.Buffers.SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789"u8);

    /// <inheritdoc/>
    public override CellColumns Columns => rows.Sources;

    /// <inheritdoc/>
    public override void Read(ReadOnlySpan<byte> frame, scoped ref CellRun run)
    {
        for (var at = 0; at < frame.Length;)
        {
            if (frame.Length - at < HeaderLength) throw Broken();
            var length = BinaryPrimitives.ReadInt32BigEndian(frame[(at + 1)..]);
            if (length < sizeof(int) || length > frame.Length - at - 1) throw Broken();
            var end = at + 1 + length;
            Message(frame, at, end, ref run);
            at = end;
        }
    }

    private void Message(ReadOnlySpan<byte> frame, int at, int end, scoped ref CellRun run)
    {
        var body = at + HeaderLength;
        switch (frame[at])
        {
            case (byte)'D':
                Row(frame, at, end, ref run);
                return;
            case (byte)'E' or (byte)'N':
                Report(frame, at, end, ref run);
                return;
            case (byte)'T':
                Description(frame, at, end, ref run);
                return;
            case (byte)'S':
                Setting(frame, at, end, ref run);
                return;
            case (byte)'C' when end - body is > 0 and <= LongestTag && frame[end - 1] == 0 && !frame[body..(end - 1)].ContainsAnyExcept(s_tag):
            case (byte)'Z' when end - body == 1 && frame[body] is (byte)'I' or (byte)'T' or (byte)'E':
            case (byte)'1' or (byte)'2' or (byte)'3' or (byte)'n' or (byte)'I' when end == body:
            case (byte)'t' when end - body >= 2 && end - body == 2 + (BinaryPrimitives.ReadUInt16BigEndian(frame[body..]) * sizeof(uint)):
                return;
            default:
                throw Broken();
        }
    }

    private void Row(ReadOnlySpan<byte> frame, int at, int end, scoped ref CellRun run)
    {
        var forms = rows.Forms;
        var cell = at + HeaderLength;
        // Values that no column describes are values that no mask knows (attack M13).
        if (end - cell < 2 || BinaryPrimitives.ReadUInt16BigEndian(frame[cell..]) != forms.Length) throw Broken();
        cell += 2;
        if (run.IsIdle) return;
        var place = run.PlaceOf(at);
        for (var column = 0; column < forms.Length; column++)
        {
            var next = BinaryCells.Next(frame, cell, end, out var isNull);
            if (!isNull && (run.ReadsTexts || run.IsMasked(column))) CellCodec.Mask(ref run, frame, cell, next, forms[column], column);
            cell = next;
        }
        if (cell != end) throw Broken();
        if (run.HasReplacedSince(at)) BinaryCells.CloseMessage(ref run, place, end);
    }

    /// <summary>Names of columns are chosen by whoever writes the statement, and may be taken from data.</summary>
    private static void Description(ReadOnlySpan<byte> frame, int at, int end, scoped ref CellRun run)
    {
        const int FieldLength = 18;
        if (!run.ReadsTexts) return;
        var place = run.PlaceOf(at);
        var from = at + HeaderLength + 2;
        while (from < end)
        {
            var length = frame[from..end].IndexOf((byte)0);
            if (length < 0 || end - from - length - 1 < FieldLength) throw Broken();
            if (run.Text(frame.Slice(from, length), CellRun.NoColumn, maxCharacters: 63)) run.Replace(from, from + length, run.Replacement);
            from += length + 1 + FieldLength;
        }
        if (from != end) throw Broken();
        if (run.HasReplacedSince(at)) BinaryCells.CloseMessage(ref run, place, end);
    }

    private static void Setting(ReadOnlySpan<byte> frame, int at, int end, scoped ref CellRun run)
    {
        var place = run.PlaceOf(at);
        var from = at + HeaderLength;
        for (var i = 0; i < 2; i++)
        {
            var length = frame[from..end].IndexOf((byte)0);
            if (length < 0) throw Broken();
            if (run.Text(frame.Slice(from, length), CellRun.NoColumn)) run.Replace(from, from + length, run.Replacement);
            from += length + 1;
        }
        if (from != end) throw Broken();
        if (run.HasReplacedSince(at)) BinaryCells.CloseMessage(ref run, place, end);
    }

    /// <summary>
    /// Fields of an error or a notice, each a letter and a text. Where columns are masked, the texts that may quote a row give way as a whole:
    /// nobody can tell which column a quoted value is from.
    /// </summary>
    private static void Report(ReadOnlySpan<byte> frame, int at, int end, scoped ref CellRun run)
    {
        var place = run.PlaceOf(at);
        var mayQuote = run.MasksColumns && ReportTexts.MayQuote(frame[(at + HeaderLength)..end]);
        var from = at + HeaderLength;
        while (from < end && frame[from] != 0)
        {
            var field = frame[from++];
            var length = frame[from..end].IndexOf((byte)0);
            if (length < 0) throw Broken();
            if (ReportTexts.IsCode(field))
            {
                if (!ReportTexts.IsSound(field, frame.Slice(from, length))) throw Broken();
            }
            else if (run.MasksColumns && ReportTexts.IsWithheld(field, mayQuote))
            {
                run.Replace(from, from + length, ReportTexts.Withheld);
                run.Count();
            }
            else if (run.Text(frame.Slice(from, length), CellRun.NoColumn))
            {
                run.Replace(from, from + length, run.Replacement);
            }
            from += length + 1;
        }
        if (from != end - 1) throw Broken();
        if (run.HasReplacedSince(at)) BinaryCells.CloseMessage(ref run, place, end);
    }

    private static MaskingException Broken() => new("a server's message is not what it should be; blocked");
}
