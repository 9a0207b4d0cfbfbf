using Postern.Cli.Replay;
using Postern.Protocols;
using Postern.Protocols.Postgres.Masking;
using static Postern.Tests.Postgres.Masking.Frames;

namespace Postern.Tests.Postgres.Masking;

/// <summary>Recorded replies as people read them.</summary>
[Guarantee("G18")]
public sealed class ReplyTextTests
{
    [Fact]
    public void Rows_in_both_formats_become_a_grid_and_the_rest_is_said()
    {
        Column[] columns = [new(PgTypes.Int4, IsBinary: true, Name: "id"), new(PgTypes.Text, Name: "mail"), new(PgTypes.Date, IsBinary: true, Name: "day"), new(PgTypes.TimestampTz, IsBinary: true, Name: "at"), new(PgTypes.Numeric, IsBinary: true, Name: "sum")];
        byte[] frame =
        [
            .. Message('T', Description(columns)),
            .. Row(Int32(7), "[masked:m]"u8.ToArray(), Int32(1), Int64(1_500_000), [0, 2, 0, 0, 0, 0, 0, 2, 0, 12, .. Int16(3400)]),
            .. Row(null, null, null, null, null),
            .. Message('C', [.. "SELECT 2"u8, 0]),
            .. Report('E', "SERROR", "C22012", "Mdivision by zero", "Hdo not"),
        ];

        var items = RecordedReplies.Read("postgres", [frame])!;

        var grid = Assert.IsType<ReplayItem.Grid>(items[0]);
        Assert.Equal(["id", "mail", "day", "at", "sum"], grid.Columns);
        Assert.Equal((string?[])["7", "[masked:m]", "2000-01-02", "2000-01-01 00:00:01.5+00", "12.34"], grid.Rows[0]);
        Assert.All(grid.Rows[1], Assert.Null);
        Assert.Equal("completed: SELECT 2", Said(items[1]));
        Assert.Equal("error: ERROR 22012: division by zero\nhint: do not", Said(items[2]));
        Assert.Equal(3, items.Count);
        Assert.Null(RecordedReplies.Read("mcp", [frame]));
    }

    [Fact]
    public void Rows_that_were_described_earlier_are_shown_by_their_looks_and_what_is_cut_off_ends_it()
    {
        byte[] frame = [.. Row("word"u8.ToArray(), Int32(7)), .. Done];

        var items = RecordedReplies.Read("postgres", [frame, frame.AsMemory(0, 9)])!;

        Assert.Equal(["column 1", "column 2"], Assert.IsType<ReplayItem.Grid>(items[0]).Columns);
        Assert.Equal((string?[])["word", "\\x00000007"], ((ReplayItem.Grid)items[0]).Rows[0]);
        Assert.Equal(2, items.Count);
    }

    [Fact]
    public void Rows_that_were_described_earlier_have_the_names_that_the_request_tells()
    {
        byte[] frame = [.. Message('C', [.. "UPDATE 1"u8, 0]), .. Row("word"u8.ToArray(), Int32(7)), .. Message('C', [.. "SELECT 1"u8, 0]), .. Row(Int32(8)), .. Done];
        var request = """{"statements":[],"results":[null,[["note",25,-1,0],["id",23,-1,1]],[["too",25,-1,0],["many",25,-1,0]]]}"""u8.ToArray();

        var grids = RecordedReplies.Read("postgres", [frame], request)!.OfType<ReplayItem.Grid>().ToArray();

        Assert.Equal(["note", "id"], grids[0].Columns);
        Assert.Equal((string?[])["word", "7"], grids[0].Rows[0]);
        // What does not fit the rows is not believed.
        Assert.Equal(["column 1"], grids[1].Columns);
        foreach (var broken in (string[])["", "[]", """{"results":1}""", """{"results":[[[]]]}""", """{"results":[[["a",-1,0,0]]]}""", "\"not kept\""])
        {
            Assert.Equal(["column 1", "column 2"], RecordedReplies.Read("postgres", [Row("word"u8.ToArray(), Int32(7))], Utf8(broken))!.OfType<ReplayItem.Grid>().Single().Columns);
        }
    }

    [Fact]
    public void A_grid_is_no_wider_than_its_room_and_shows_what_is_invisible()
    {
        var grid = new ReplayItem.Grid(["id", "note"], [["1", new string('x', 200)], ["2", "a\u001b[31m\u202eb"], ["3", null]]);

        var lines = ReplayGrid.Lines(grid, width: 40, maxRows: 2).ToArray();

        Assert.All(lines, line => Assert.True(line.Length <= 40, line));
        Assert.StartsWith("id   | note", lines[0], StringComparison.Ordinal);
        Assert.EndsWith("…", lines[2], StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', lines[3]);
        Assert.DoesNotContain('\u202e', lines[3]);
        Assert.Equal("(3 rows; 1 more, shown by --full)", lines[^1]);
    }

    private static string Said(ReplayItem item) => item is ReplayItem.Said said ? $"{said.Kind}: {said.Text}" : item.ToString()!;
}
