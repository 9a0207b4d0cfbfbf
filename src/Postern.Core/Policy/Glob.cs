namespace Postern.Core.Policy;

/// <summary>
/// A pattern: <c>*</c> is any run inside a segment, <c>**</c> crosses segments; without segments both are any run.
/// Ordinal, case-sensitive, untrimmed. Takes time in proportion to pattern times value, whatever they hold.
/// </summary>
internal sealed class Glob
{
    /// <summary>A longer pattern is a load error.</summary>
    public const int MaxLength = 512;

    private readonly (bool IsStar, bool Crosses, char Character)[] _steps;
    private readonly char? _segment;

    public Glob(string text, char? segment)
    {
        Text = text;
        _segment = segment;
        var steps = new List<(bool, bool, char)>();
        for (var at = 0; at < text.Length; at++)
        {
            if (text[at] != '*')
            {
                steps.Add((false, false, text[at]));
                continue;
            }
            var crosses = at + 1 < text.Length && text[at + 1] == '*';
            if (crosses) at++;
            steps.Add((true, crosses || segment is null, '*'));
        }
        _steps = [.. steps];
        Start = text[..Math.Max(0, text.IndexOf('*', StringComparison.Ordinal))];
        MatchesAll = _steps is [(true, true, _)];
    }

    /// <summary>The pattern as written.</summary>
    public string Text { get; }

    /// <summary>What every value that matches begins with; empty where a star comes first.</summary>
    public string Start { get; }

    /// <summary>True when every value matches, so that it reaches even what is not bounded.</summary>
    public bool MatchesAll { get; }

    /// <summary>True when the text holds a star.</summary>
    public static bool IsPattern(string text) => text.Contains('*', StringComparison.Ordinal);

    public bool IsMatch(string value)
    {
        if (MatchesAll) return true;
        if (!value.StartsWith(Start, StringComparison.Ordinal)) return false;
        var count = _steps.Length;
        Span<bool> reached = stackalloc bool[count + 1];
        Span<bool> next = stackalloc bool[count + 1];
        reached[0] = true;
        Skip(reached);
        foreach (var character in value)
        {
            next.Clear();
            var any = false;
            for (var at = 0; at < count; at++)
            {
                if (!reached[at]) continue;
                var (isStar, crosses, wanted) = _steps[at];
                if (isStar && (crosses || character != _segment)) any = next[at] = true;
                else if (!isStar && character == wanted) any = next[at + 1] = true;
            }
            if (!any) return false;
            Skip(next);
            next.CopyTo(reached);
        }
        return reached[count];
    }

    // A star may stand for nothing.
    private void Skip(Span<bool> reached)
    {
        for (var at = 0; at < _steps.Length; at++)
        {
            if (reached[at] && _steps[at].IsStar) reached[at + 1] = true;
        }
    }
}
