using System.Buffers;
using System.Collections.Immutable;
using System.Text;

namespace Postern.Core.Masking;

/// <summary>
/// A parsed mask path: <c>$</c> first, then <c>.name</c> (a member), <c>..name</c> (a member at any depth) and <c>[*]</c> (every array item).
/// </summary>
public sealed class JsonPath
{
    // What a name cannot hold, because it would read as part of the path or of a wider JSON path language.
    private static readonly SearchValues<char> s_notInNames = SearchValues.Create(".[]*?@()'\",:<>=!&| \t\r\n");

    private JsonPath(string text, ImmutableArray<PathStep> steps)
    {
        Text = text;
        Steps = steps;
    }

    /// <summary>The path as written.</summary>
    public string Text { get; }

    internal ImmutableArray<PathStep> Steps { get; }

    /// <summary>Reads a path. On failure <paramref name="error"/> says what was expected, at which character (from 1).</summary>
    public static bool TryParse(string text, out JsonPath? path, out string? error)
    {
        path = null;
        if (!text.StartsWith('$')) return Refuse(text, 0, "`$`", out error);
        var steps = ImmutableArray.CreateBuilder<PathStep>();
        var at = 1;
        while (at < text.Length)
        {
            if (text[at] == '[')
            {
                if (string.CompareOrdinal(text, at, "[*]", 0, 3) != 0) return Refuse(text, at, "`[*]`, the one index that masks know", out error);
                steps.Add(PathStep.EveryItem);
                at += 3;
                continue;
            }
            if (text[at] != '.') return Refuse(text, at, "`.name`, `..name` or `[*]`", out error);
            var isDeep = at + 1 < text.Length && text[at + 1] == '.';
            at += isDeep ? 2 : 1;
            var end = text.AsSpan(at).IndexOfAny(s_notInNames);
            end = end < 0 ? text.Length : at + end;
            if (end == at || (end < text.Length && text[end] is not ('.' or '['))) return Refuse(text, end, "a name", out error);
            steps.Add(new PathStep(text[at..end], isDeep));
            at = end;
        }
        path = new JsonPath(text, steps.ToImmutable());
        error = null;
        return true;
    }

    /// <inheritdoc/>
    public override string ToString() => Text;

    private static bool Refuse(string text, int at, string expected, out string? error)
    {
        var found = at < text.Length ? $"`{text[at]}`" : "the end";
        error = $"expected {expected} at character {at + 1}, found {found}";
        return false;
    }
}

/// <summary>
/// One step of a path: a member by name, at any depth if deep; or, without a name, every array item or every member. Every
/// member is for the places of a shape; policies cannot write it.
/// </summary>
internal readonly record struct PathStep(string? Name, bool IsDeep, bool IsEveryMember = false)
{
    public static readonly PathStep EveryItem = new(null, false);

    public static readonly PathStep EveryMember = new(null, false, IsEveryMember: true);

    public byte[]? Utf8Name => Name is null ? null : Encoding.UTF8.GetBytes(Name);
}
