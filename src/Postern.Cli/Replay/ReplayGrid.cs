using System.Collections.Immutable;
using System.Globalization;
using Postern.Core.Recording;
using Postern.Protocols;

namespace Postern.Cli.Replay;

/// <summary>Rows as a box of lines, no wider than the terminal. Everything in it passes <see cref="VisibleText"/>.</summary>
internal static class ReplayGrid
{
    private const int MinColumn = 4;
    private const string Between = " | ";
    private const string NullText = "(null)";

    /// <summary>The lines of the box.</summary>
    /// <param name="grid">What to draw.</param>
    /// <param name="width">Most characters of a line.</param>
    /// <param name="maxRows">Most rows that are drawn.</param>
    public static IEnumerable<string> Lines(ReplayItem.Grid grid, int width, int maxRows)
    {
        var rows = grid.Rows.Take(maxRows).Select(row => row.Select(value => value is null ? NullText : OneLine(value)).ToArray()).ToArray();
        var names = grid.Columns.Select(OneLine).ToArray();
        var widths = Widths(names, rows, width);
        if (names.Length > 0)
        {
            yield return Line(names, widths);
            yield return string.Join("-+-", widths.Select(size => new string('-', size)));
        }
        foreach (var row in rows) yield return Line(row, widths);
        var more = grid.Rows.Count - rows.Length;
        yield return more > 0
            ? string.Create(CultureInfo.InvariantCulture, $"({grid.Rows.Count} rows; {more} more, shown by --full)")
            : string.Create(CultureInfo.InvariantCulture, $"({grid.Rows.Count} {(grid.Rows.Count == 1 ? "row" : "rows")})");
    }

    /// <summary>As wide as the content asks for; where that is too much, the widest give way.</summary>
    private static int[] Widths(string[] names, string[][] rows, int width)
    {
        var widths = names.Select((name, i) => Math.Max(Math.Max(MinColumn, name.Length), rows.Select(row => i < row.Length ? row[i].Length : 0).DefaultIfEmpty().Max())).ToArray();
        var room = Math.Max(MinColumn * widths.Length, width - (Between.Length * Math.Max(0, widths.Length - 1)));
        while (widths.Sum() > room)
        {
            var widest = Array.IndexOf(widths, widths.Max());
            var next = widths.Where(size => size < widths[widest]).DefaultIfEmpty(MinColumn).Max();
            var least = Math.Max(Math.Max(MinColumn, next), widths[widest] - (widths.Sum() - room));
            widths[widest] = least < widths[widest] ? least : widths[widest] - 1;
        }
        return widths;
    }

    private static string Line(string[] cells, int[] widths) =>
        string.Join(Between, widths.Select((width, i) => Fit(i < cells.Length ? cells[i] : "", width))).TrimEnd();

    private static string Fit(string text, int width) => text.Length <= width ? text.PadRight(width) : text[..(width - 1)] + "…";

    private static string OneLine(string text) => VisibleText.OfLine(text);
}
