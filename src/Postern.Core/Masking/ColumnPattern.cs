using Postern.Core.Policy;

namespace Postern.Core.Masking;

/// <summary>
/// A column, or a pattern of columns, written whole: <c>public.orders.email</c>, <c>public.orders.*</c>, <c>**.email</c>.
/// A star is any run inside a segment, two cross segments.
/// </summary>
public sealed class ColumnPattern
{
    /// <summary>Longest pattern, in characters.</summary>
    public const int MaxLength = Glob.MaxLength;

    // Schema, table, column.
    private const int LeastSegments = 3;

    private readonly Glob _glob;

    private ColumnPattern(string text)
    {
        Text = text;
        _glob = new Glob(text, segment: '.');
    }

    /// <summary>The pattern as written.</summary>
    public string Text { get; }

    /// <summary>Reads a pattern. On failure <paramref name="error"/> says what is wrong with it.</summary>
    public static bool TryParse(string text, out ColumnPattern? pattern, out string? error)
    {
        pattern = null;
        error = null;
        if (text.Length > MaxLength) error = $"a column has at most {MaxLength} characters, found {text.Length}";
        else if (text.Split('.').Any(segment => segment.Length == 0)) error = "a segment of the column is empty";
        else if (!text.Contains("**", StringComparison.Ordinal) && text.Split('.').Length < LeastSegments) error = "columns are written whole, as in `public.orders.email` or `public.orders.*`";
        else pattern = new ColumnPattern(text);
        return pattern is not null;
    }

    /// <summary>True when the column is meant.</summary>
    public bool Matches(string column) => _glob.IsMatch(column);

    /// <inheritdoc/>
    public override string ToString() => Text;
}
