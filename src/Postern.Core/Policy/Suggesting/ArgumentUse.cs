using System.Buffers;
using System.Globalization;
using System.Text.Json;

namespace Postern.Core.Policy.Suggesting;

/// <summary>How the values of one argument are covered, narrowest first.</summary>
public enum Generalisation
{
    /// <summary>One value; adds nothing.</summary>
    Constant,

    /// <summary>The values that were seen; adds nothing.</summary>
    Set,

    /// <summary>Every number between the least and the greatest.</summary>
    Range,

    /// <summary>Every text that begins alike.</summary>
    Prefix,

    /// <summary>Whatever it is: no narrower form would last.</summary>
    Any,
}

/// <summary>One argument of a suggested rule.</summary>
/// <param name="Path">As a condition reads it.</param>
/// <param name="Kind">How its values are covered.</param>
/// <param name="Condition">The condition, or null for <see cref="Generalisation.Any"/>.</param>
/// <param name="Adds">What is permitted beyond what was seen, in words.</param>
public sealed record SuggestedArgument(string Path, Generalisation Kind, string? Condition, string Adds);

/// <summary>What was seen of one argument.</summary>
internal sealed class ArgumentUse(string variable, string name)
{
    // More than these would not be read by anybody; fewer uses than these say little of what comes tomorrow.
    private const int MaxSet = 12;
    private const int MinUsesForSet = 20;
    private const int MinUsesForConstant = 5;
    private const int MaxKept = 4_096;
    private const int MinPrefix = 3;

    private static readonly SearchValues<char> Separators = SearchValues.Create("/:._-@ ");

    private readonly Dictionary<string, int> _values = new(StringComparer.Ordinal);
    private JsonValueKind? _kind;
    private bool _isMixed;
    private int _uses;

    public void Add(JsonElement value)
    {
        _uses++;
        var kind = value.ValueKind == JsonValueKind.False ? JsonValueKind.True : value.ValueKind;
        _isMixed |= kind is not (JsonValueKind.String or JsonValueKind.Number or JsonValueKind.True) || (_kind is not null && _kind != kind);
        _kind ??= kind;
        if (_isMixed) return;
        var text = value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText();
        if (_values.Count < MaxKept || _values.ContainsKey(text)) _values[text] = _values.GetValueOrDefault(text) + 1;
        else _isMixed = true;
    }

    /// <summary>The narrowest form that what was seen supports.</summary>
    /// <param name="total">How often the operation was used, with the argument or without.</param>
    public SuggestedArgument Suggest(int total)
    {
        var path = IsName(name) ? $"{variable}.{name}" : $"{variable}[{QuotedText.Of(name)}]";
        if (_isMixed) return new SuggestedArgument(path, Generalisation.Any, null, "any value: values of several kinds were seen");
        var (kind, condition, adds) = Narrowest(path);
        // An absent field is an error, and an error denies.
        if (condition is not null && _uses < total) condition = $"(!({QuotedText.Of(name)} in {variable}) || {condition})";
        return new SuggestedArgument(path, kind, condition, adds);
    }

    private (Generalisation Kind, string? Condition, string Adds) Narrowest(string path)
    {
        var isText = _kind == JsonValueKind.String;
        string Shown(string value) => isText ? QuotedText.Of(value) : value;
        if (_values.Count == 1 && _uses >= MinUsesForConstant) return (Generalisation.Constant, $"{path} == {Shown(_values.Keys.First())}", "nothing: it was always this");
        // Values that keep coming back will be back; one that was seen once says that others will be seen once.
        if (_values.Count <= MaxSet && _uses >= MinUsesForSet && !_values.ContainsValue(1)) return (Generalisation.Set, $"{path} in [{string.Join(", ", _values.Keys.Order(StringComparer.Ordinal).Select(Shown))}]", "nothing: only what was seen");
        if (_kind == JsonValueKind.Number && Range() is var (least, most)) return (Generalisation.Range, $"{path} >= {Number(least)} && {path} <= {Number(most)}", $"every number between; {_values.Count} different ones were seen");
        if (isText && Prefix() is { } prefix) return (Generalisation.Prefix, $"{path}.startsWith({QuotedText.Of(prefix)})", $"every text that begins with `{prefix}`; {_values.Count} different ones were seen");
        return (Generalisation.Any, null, $"any value; {_values.Count} different ones were seen");
    }

    private (decimal Least, decimal Most)? Range()
    {
        var (least, most) = (decimal.MaxValue, decimal.MinValue);
        foreach (var value in _values.Keys)
        {
            if (!decimal.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)) return null;
            (least, most) = (Math.Min(least, number), Math.Max(most, number));
        }
        return (least, most);
    }

    // Up to the last separator that all share: a prefix that ends inside a word would be chance.
    private string? Prefix()
    {
        var common = _values.Keys.Aggregate(static (left, right) => left[..left.AsSpan().CommonPrefixLength(right)]);
        var end = common.AsSpan().LastIndexOfAny(Separators);
        return end + 1 >= MinPrefix ? common[..(end + 1)] : null;
    }

    private static string Number(decimal value) => value.ToString(CultureInfo.InvariantCulture);

    private static bool IsName(string name) => name.Length > 0 && (char.IsAsciiLetter(name[0]) || name[0] == '_') && name.All(character => char.IsAsciiLetterOrDigit(character) || character == '_') && name is not ("in" or "true" or "false" or "null");
}
