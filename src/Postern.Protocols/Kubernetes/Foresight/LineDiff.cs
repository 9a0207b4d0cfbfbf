using System.Globalization;
using System.Text;

namespace Postern.Protocols.Kubernetes.Foresight;

/// <summary>Two texts line by line: what went is marked <c>-</c>, what came <c>+</c>, with three lines around. Bounded in time and length.</summary>
internal static class LineDiff
{
    /// <summary>Most characters that are written; the rest is said to be there.</summary>
    public const int MaxLength = 64 * 1024;

    // The table of the longest common subsequence; beyond it the middle is shown as gone and come.
    private const long MaxCells = 4_000_000;
    private const int Context = 3;

    public static string Of(string before, string after)
    {
        if (before == after) return "";
        var (old, now) = (Lines(before), Lines(after));
        var start = 0;
        while (start < old.Length && start < now.Length && old[start] == now[start]) start++;
        var end = 0;
        while (end < old.Length - start && end < now.Length - start && old[^(end + 1)] == now[^(end + 1)]) end++;
        var marked = new List<(char Mark, string Line)>();
        for (var i = 0; i < start; i++) marked.Add((' ', old[i]));
        Middle(old.AsSpan(start, old.Length - start - end), now.AsSpan(start, now.Length - start - end), marked);
        for (var i = old.Length - end; i < old.Length; i++) marked.Add((' ', old[i]));
        return Written(marked);
    }

    private static string[] Lines(string text) => text.Length == 0 ? [] : text.Split('\n');

    private static void Middle(ReadOnlySpan<string> old, ReadOnlySpan<string> now, List<(char, string)> marked)
    {
        if ((long)old.Length * now.Length > MaxCells)
        {
            foreach (var line in old) marked.Add(('-', line));
            foreach (var line in now) marked.Add(('+', line));
            return;
        }
        var width = now.Length + 1;
        var common = new int[(old.Length + 1) * width];
        for (var i = old.Length - 1; i >= 0; i--)
        {
            for (var j = now.Length - 1; j >= 0; j--)
            {
                common[(i * width) + j] = old[i] == now[j] ? common[((i + 1) * width) + j + 1] + 1 : Math.Max(common[((i + 1) * width) + j], common[(i * width) + j + 1]);
            }
        }
        for (int i = 0, j = 0; i < old.Length || j < now.Length;)
        {
            if (i < old.Length && j < now.Length && old[i] == now[j])
            {
                marked.Add((' ', old[i]));
                (i, j) = (i + 1, j + 1);
            }
            else if (j == now.Length || (i < old.Length && common[((i + 1) * width) + j] >= common[(i * width) + j + 1])) marked.Add(('-', old[i++]));
            else marked.Add(('+', now[j++]));
        }
    }

    private static string Written(List<(char Mark, string Line)> marked)
    {
        var text = new StringBuilder();
        var isSkipping = false;
        for (var i = 0; i < marked.Count; i++)
        {
            var isNear = false;
            for (var near = Math.Max(0, i - Context); near <= Math.Min(marked.Count - 1, i + Context) && !isNear; near++) isNear = marked[near].Mark != ' ';
            if (!isNear)
            {
                if (!isSkipping) text.Append("  …\n");
                isSkipping = true;
                continue;
            }
            isSkipping = false;
            if (text.Length + marked[i].Line.Length > MaxLength) return text.Append(CultureInfo.InvariantCulture, $"… {marked.Count - i} more lines\n").ToString();
            text.Append(marked[i].Mark).Append(' ').Append(marked[i].Line).Append('\n');
        }
        return text.ToString();
    }
}
