using System.Collections.Immutable;
using Postern.Core.Masking;

namespace Postern.Tests.Masking;

/// <summary>
/// A toy wire: a frame is messages, each one byte of length and its cells; a cell is a letter for its form, one byte of length and its
/// content. Columns are counted from the start of each message.
/// </summary>
internal sealed class ToyCells(params string[] columns) : CellReader
{
    public override CellColumns Columns { get; } = new([.. columns.Select(SourcesOf)]);

    public override void Read(ReadOnlySpan<byte> frame, scoped ref CellRun run)
    {
        for (var at = 0; at < frame.Length;)
        {
            var end = at + 1 + frame[at];
            if (end > frame.Length) throw new MaskingException("a toy message ends early; blocked");
            var place = run.PlaceOf(at);
            var cell = at + 1;
            for (var column = 0; cell < end; column++)
            {
                if (cell + 2 > end || cell + 2 + frame[cell + 1] > end) throw new MaskingException("a toy cell ends early; blocked");
                var value = frame.Slice(cell + 2, frame[cell + 1]);
                var cellEnd = cell + 2 + value.Length;
                switch (frame[cell])
                {
                    case (byte)'t' when run.Text(value, column, maxCharacters: 40):
                    case (byte)'j' when run.Document(value, column):
                    case (byte)'b' when run.Bytes(value, column):
                        run.Replace(cell + 1, cellEnd, [(byte)run.Replacement.Length], run.Replacement);
                        break;
                    case (byte)'n' when run.Number(value, column):
                        run.Replace(cell + 1, cellEnd, [1, (byte)'0']);
                        break;
                    case (byte)'v' when run.Value(column):
                        run.Replace(cell + 1, cellEnd, [0]);
                        break;
                    case (byte)'t' or (byte)'j' or (byte)'b' or (byte)'n' or (byte)'v':
                        break;
                    default:
                        throw new MaskingException("an unknown toy form; blocked");
                }
                cell = cellEnd;
            }
            if (run.HasReplacedSince(at)) run.Patch(place, [(byte)(run.PlaceOf(end) - place - 1)]);
            at = end;
        }
    }

    /// <summary>A frame of messages, each of cells written as a letter and the content.</summary>
    public static byte[] Frame(params string[][] messages) =>
    [
        .. messages.SelectMany(message =>
        {
            byte[] cells = [.. message.SelectMany(cell => (byte[])[(byte)cell[0], (byte)Bytes(cell).Length, .. Bytes(cell)])];
            return (byte[])[(byte)cells.Length, .. cells];
        }),
    ];

    private static ImmutableArray<string> SourcesOf(string column) => column switch
    {
        "" => [],
        "?" => default,
        _ => [.. column.Split('+')],
    };

    private static byte[] Bytes(string cell) => System.Text.Encoding.UTF8.GetBytes(cell[1..]);
}
