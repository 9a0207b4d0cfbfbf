using System.Text.RegularExpressions;
using Postern.Core.Yaml;

namespace Postern.Gateway.Configuration;

/// <summary>Holds a node against its shape and notes everything that is wrong, not only the first thing.</summary>
internal sealed class ConfigurationCheck(ICollection<SourceProblem> problems)
{
    /// <summary>Paths that already have a problem; what follows from them is not reported again.</summary>
    public HashSet<string> Bad { get; } = new(StringComparer.Ordinal);

    public void Check(YamlNode node, ConfigurationShape shape, string path)
    {
        switch (shape)
        {
            case ConfigurationShape.Section section:
                CheckSection(node, section, path);
                break;
            case ConfigurationShape.MapOf map:
                CheckMap(node, map, path);
                break;
            case ConfigurationShape.ListOf list:
                if (node.Kind != YamlKind.Sequence) Wrong(node, path, $"expected a list such as `[a, b]`, found {Found(node)}");
                else foreach (var item in node.Items) Check(item, list.Item, path);
                break;
            case ConfigurationShape.Value value:
                CheckValue(node, value, path);
                break;
        }
    }

    private void CheckSection(YamlNode node, ConfigurationShape.Section section, string path)
    {
        if (node.Kind != YamlKind.Mapping && !node.IsNull)
        {
            Wrong(node, path, $"expected keys ({string.Join(", ", section.Keys.Select(key => $"`{key.Name}`"))}), found {Found(node)}");
            return;
        }
        foreach (var (key, value) in node.Entries.Select(entry => (entry.Key, entry.Value)))
        {
            if (section.Find(key.Text) is not { } known)
            {
                var names = section.Keys.Select(other => other.Name).ToArray();
                var hint = NearestWord.Hint(key.Text, names);
                Wrong(key, Under(path, key.Text), $"unknown key `{key.Text}`{Where(path)}{(hint.Length > 0 ? hint : $"; known here: {string.Join(", ", names.Select(name => $"`{name}`"))}")}");
                continue;
            }
            Check(value, known.Shape, Under(path, known.Name));
        }
        foreach (var key in section.Keys)
        {
            if (key.IsRequired && node.Find(key.Name) is null) Wrong(node, Under(path, key.Name), $"`{key.Name}` is missing{Where(path)}: {Lower(key.Description)}");
        }
    }

    private void CheckMap(YamlNode node, ConfigurationShape.MapOf map, string path)
    {
        if (node.Kind != YamlKind.Mapping)
        {
            Wrong(node, path, $"`{path}` holds names with keys below them, found {Found(node)}");
            return;
        }
        foreach (var entry in node.Entries)
        {
            if (!Regex.IsMatch(entry.Key.Text, map.NamePattern, RegexOptions.NonBacktracking))
            {
                Wrong(entry.Key, Under(path, entry.Key.Text), $"`{entry.Key.Text}` is no name{Where(path)}; expected {map.NameRule}");
                continue;
            }
            Check(entry.Value, map.Item, Under(path, entry.Key.Text));
        }
    }

    private void CheckValue(YamlNode node, ConfigurationShape.Value shape, string path)
    {
        if (node.Kind != YamlKind.Scalar || node.IsNull)
        {
            Wrong(node, path, $"`{path}`: expected a value, found {Found(node)}");
            return;
        }
        if (ConfigurationValue.Expectation(shape, node.Text) is not { } expectation) return;
        // A credential is never repeated in a message, not even a wrong one.
        var found = shape.Kind == ValueKind.Secret || node.Text.Length == 0 ? "" : $", found `{node.Text}`";
        var hintAt = expectation.IndexOf("; did you mean", StringComparison.Ordinal);
        Wrong(node, path, hintAt < 0 ? $"`{path}`: {expectation}{found}" : $"`{path}`: {expectation[..hintAt]}{found}{expectation[hintAt..]}");
    }

    private void Wrong(YamlNode at, string path, string message)
    {
        Bad.Add(path);
        problems.Add(at.Problem(message));
    }

    public static string Under(string path, string name) => path.Length == 0 ? name : $"{path}.{name}";

    private static string Where(string path) => path.Length == 0 ? "" : $" in `{path}`";

    private static string Lower(string sentence) => char.ToLowerInvariant(sentence[0]) + sentence[1..].TrimEnd('.');

    private static string Found(YamlNode node) => node.Kind switch
    {
        YamlKind.Mapping => "keys",
        YamlKind.Sequence => "a list",
        _ => node.IsNull ? "nothing" : "a single value",
    };
}
