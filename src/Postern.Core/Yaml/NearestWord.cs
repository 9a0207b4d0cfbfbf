namespace Postern.Core.Yaml;

/// <summary>Finds what an operator probably meant.</summary>
public static class NearestWord
{
    private const int LongestCompared = 64;

    /// <summary>
    /// The candidate at the smallest distance (insertions, deletions, substitutions, swaps of neighbours; case counts little),
    /// or null when none is near: more than a third of the longer word would have to change.
    /// </summary>
    public static string? Of(string word, IEnumerable<string> candidates)
    {
        if (word.Length is 0 or > LongestCompared) return null;
        string? best = null;
        var bestDistance = int.MaxValue;
        foreach (var candidate in candidates)
        {
            if (candidate.Length is 0 or > LongestCompared) continue;
            var distance = Distance(word.ToLowerInvariant(), candidate.ToLowerInvariant());
            if (distance >= bestDistance || distance > Math.Max(1, Math.Max(word.Length, candidate.Length) / 3)) continue;
            best = candidate;
            bestDistance = distance;
        }
        return best;
    }

    /// <summary><c>; did you mean `x`?</c>, or nothing when no candidate is near.</summary>
    public static string Hint(string word, IEnumerable<string> candidates) => Of(word, candidates) is { } near ? $"; did you mean `{near}`?" : "";

    private static int Distance(string left, string right)
    {
        var beforePrevious = new int[right.Length + 1];
        var previous = new int[right.Length + 1];
        var current = new int[right.Length + 1];
        for (var column = 0; column <= right.Length; column++) previous[column] = column;
        for (var row = 1; row <= left.Length; row++)
        {
            current[0] = row;
            for (var column = 1; column <= right.Length; column++)
            {
                var substitution = previous[column - 1] + (left[row - 1] == right[column - 1] ? 0 : 1);
                current[column] = Math.Min(substitution, Math.Min(previous[column], current[column - 1]) + 1);
                if (row > 1 && column > 1 && left[row - 1] == right[column - 2] && left[row - 2] == right[column - 1])
                {
                    current[column] = Math.Min(current[column], beforePrevious[column - 2] + 1);
                }
            }
            (beforePrevious, previous, current) = (previous, current, beforePrevious);
        }
        return previous[right.Length];
    }
}
