using System.Globalization;
using System.Text;

namespace Postern.Core.Policy.Versions;

/// <summary>
/// What changed between two texts, line by line, in the unified form that <c>patch</c> reads: the shortest edit, found as in E. W. Myers,
/// "An O(ND) Difference Algorithm and Its Variations" (1986). Texts that differ almost everywhere are shown as replaced whole.
/// </summary>
public static class LineDiff
{
    private const int Context = 3;

    // The trace of the search takes memory in the square of the edits.
    private const int MaxEdits = 2_000;

    /// <summary>The difference, with a line feed behind every line; empty when the texts are equal.</summary>
    /// <param name="beforeName">What the first text is called; <c>/dev/null</c> when there is none.</param>
    /// <param name="before">The first text.</param>
    /// <param name="afterName">What the second text is called; <c>/dev/null</c> when there is none.</param>
    /// <param name="after">The second text.</param>
    public static string Unified(string beforeName, string before, string afterName, string after)
    {
        ArgumentNullException.ThrowIfNull(before);
        ArgumentNullException.ThrowIfNull(after);
        if (string.Equals(before, after, StringComparison.Ordinal)) return "";
        var (left, right) = (Lines(before), Lines(after));
        var edits = Edits(left, right);
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"--- {beforeName}\n+++ {afterName}\n");
        for (var at = 0; at < edits.Count;)
        {
            if (edits[at].Kind == ' ')
            {
                at++;
                continue;
            }
            var start = Math.Max(0, at - Context);
            var end = at;
            for (var next = at; next < edits.Count && next <= end + (2 * Context); next++)
            {
                if (edits[next].Kind != ' ') end = next;
            }
            var stop = Math.Min(edits.Count, end + Context + 1);
            Hunk(text, edits, start, stop);
            at = stop;
        }
        return text.ToString();
    }

    private static void Hunk(StringBuilder text, List<(char Kind, string Line)> edits, int start, int stop)
    {
        var (left, right) = (0, 0);
        for (var at = 0; at < start; at++)
        {
            if (edits[at].Kind != '+') left++;
            if (edits[at].Kind != '-') right++;
        }
        var (removed, added) = (0, 0);
        for (var at = start; at < stop; at++)
        {
            if (edits[at].Kind != '+') removed++;
            if (edits[at].Kind != '-') added++;
        }
        text.Append(CultureInfo.InvariantCulture, $"@@ -{(removed == 0 ? left : left + 1)},{removed} +{(added == 0 ? right : right + 1)},{added} @@\n");
        for (var at = start; at < stop; at++)
        {
            text.Append(edits[at].Kind).Append(edits[at].Line);
            text.Append(edits[at].Line.EndsWith('\n') ? "" : "\n\\ No newline at end of file\n");
        }
    }

    // A line keeps its line feed, so that a missing one at the end is a difference.
    private static List<string> Lines(string text)
    {
        var lines = new List<string>();
        for (var at = 0; at < text.Length;)
        {
            var end = text.IndexOf('\n', at);
            var next = end < 0 ? text.Length : end + 1;
            lines.Add(text[at..next]);
            at = next;
        }
        return lines;
    }

    private static List<(char Kind, string Line)> Edits(List<string> left, List<string> right)
    {
        var prefix = 0;
        while (prefix < left.Count && prefix < right.Count && left[prefix] == right[prefix]) prefix++;
        var suffix = 0;
        while (suffix < left.Count - prefix && suffix < right.Count - prefix && left[^(suffix + 1)] == right[^(suffix + 1)]) suffix++;
        var edits = new List<(char, string)>();
        for (var at = 0; at < prefix; at++) edits.Add((' ', left[at]));
        Middle(edits, left.GetRange(prefix, left.Count - prefix - suffix), right.GetRange(prefix, right.Count - prefix - suffix));
        for (var at = left.Count - suffix; at < left.Count; at++) edits.Add((' ', left[at]));
        return edits;
    }

    private static void Middle(List<(char Kind, string Line)> edits, List<string> left, List<string> right)
    {
        var (lines, columns) = (left.Count, right.Count);
        var most = Math.Min(lines + columns, MaxEdits);
        var reached = new int[(2 * most) + 3];
        var origin = most + 1;
        var trace = new List<int[]>();
        for (var steps = 0; steps <= most; steps++)
        {
            trace.Add(reached[(origin - steps - 1)..(origin + steps + 2)]);
            for (var diagonal = -steps; diagonal <= steps; diagonal += 2)
            {
                var line = diagonal == -steps || (diagonal != steps && reached[origin + diagonal - 1] < reached[origin + diagonal + 1])
                    ? reached[origin + diagonal + 1]
                    : reached[origin + diagonal - 1] + 1;
                while (line < lines && line - diagonal < columns && left[line] == right[line - diagonal]) line++;
                reached[origin + diagonal] = line;
                if (line < lines || line - diagonal < columns) continue;
                edits.AddRange(Walk(trace, left, right));
                return;
            }
        }
        foreach (var line in left) edits.Add(('-', line));
        foreach (var line in right) edits.Add(('+', line));
    }

    private static List<(char Kind, string Line)> Walk(List<int[]> trace, List<string> left, List<string> right)
    {
        var edits = new List<(char, string)>();
        var (line, column) = (left.Count, right.Count);
        for (var steps = trace.Count - 1; steps >= 0; steps--)
        {
            // Each kept slice begins one diagonal before the first that the step could come from.
            var reached = trace[steps];
            var middle = steps + 1;
            var diagonal = line - column;
            var isDown = diagonal == -steps || (diagonal != steps && reached[middle + diagonal - 1] < reached[middle + diagonal + 1]);
            var before = isDown ? diagonal + 1 : diagonal - 1;
            var (fromLine, fromColumn) = steps == 0 ? (0, 0) : (reached[middle + before], reached[middle + before] - before);
            while (line > fromLine && column > fromColumn && line > 0 && column > 0 && left[line - 1] == right[column - 1])
            {
                edits.Add((' ', left[--line]));
                column--;
            }
            if (steps == 0) break;
            edits.Add(isDown ? ('+', right[--column]) : ('-', left[--line]));
        }
        edits.Reverse();
        return edits;
    }
}
