using System.Collections.Immutable;
using System.Text.RegularExpressions;
using Postern.Core.Yaml;

namespace Postern.Gateway.Configuration;

/// <summary>
/// Lays <c>POSTERN__LISTEN__URL=…</c> over what the file says. Segments are compared without case, <c>_</c> and <c>-</c>,
/// so that <c>POSTERN__ISSUERS__ENTRA__CLIENTSECRET_FILE</c> is <c>issuers.entra.clientSecretFile</c>. Lists are written with commas.
/// A variable that names no key is a problem, not ignored: a typo must not leave a default in force.
/// </summary>
internal static class ConfigurationEnvironment
{
    public const string Prefix = "POSTERN__";

    public static YamlNode Overlay(YamlNode root, ConfigurationShape.Section shape, IEnumerable<KeyValuePair<string, string>> variables, ICollection<SourceProblem> problems)
    {
        foreach (var (name, text) in variables.OrderBy(variable => variable.Key, StringComparer.Ordinal))
        {
            if (!name.StartsWith(Prefix, StringComparison.Ordinal)) continue;
            var origin = $"environment variable `{name}`";
            if (Resolve(name, root, shape, out var error) is not { } target)
            {
                problems.Add(new SourceProblem(origin, 0, 0, error));
                continue;
            }
            root = Set(root, target.Path, 0, Value(origin, text, target.Shape));
        }
        return root;
    }

    private static (ImmutableArray<string> Path, ConfigurationShape Shape)? Resolve(string variable, YamlNode root, ConfigurationShape.Section table, out string error)
    {
        var segments = variable[Prefix.Length..].Split("__");
        var path = ImmutableArray.CreateBuilder<string>();
        ConfigurationShape shape = table;
        YamlNode? node = root;
        error = "";
        foreach (var segment in segments)
        {
            switch (shape)
            {
                case ConfigurationShape.Section section:
                    if (section.Keys.FirstOrDefault(key => Normal(key.Name) == Normal(segment)) is not { } key)
                    {
                        var known = section.Keys.Select(other => VariableName([.. path, other.Name])).ToArray();
                        error = $"names no key{NearestWord.Hint(VariableName([.. path, segment]), known)}{(NearestWord.Of(VariableName([.. path, segment]), known) is null ? $"; known here: {string.Join(", ", known)}" : "")}";
                        return null;
                    }
                    path.Add(key.Name);
                    shape = key.Shape;
                    break;
                case ConfigurationShape.MapOf map:
                    var existing = node?.Entries.FirstOrDefault(entry => Normal(entry.Key.Text) == Normal(segment)).Key?.Text;
                    var name = existing ?? segment.ToLowerInvariant().Replace('_', '-');
                    if (!Regex.IsMatch(name, map.NamePattern, RegexOptions.NonBacktracking))
                    {
                        error = $"`{segment}` is no name; expected {map.NameRule}";
                        return null;
                    }
                    path.Add(name);
                    shape = map.Item;
                    break;
                default:
                    error = $"goes on after `{string.Join('.', path)}`, which is a value";
                    return null;
            }
            node = node?.Find(path[^1]);
        }
        if (shape is ConfigurationShape.Value or ConfigurationShape.ListOf) return (path.DrainToImmutable(), shape);
        error = $"stops at `{string.Join('.', path)}`, which has keys of its own; go on with `__` and one of them";
        return null;
    }

    private static YamlNode Value(string origin, string text, ConfigurationShape shape) => shape is ConfigurationShape.ListOf
        ? new YamlNode { Kind = YamlKind.Sequence, File = origin, Line = 0, Column = 0, Items = [.. text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(item => Scalar(origin, item))] }
        : Scalar(origin, text);

    private static YamlNode Scalar(string origin, string text) => new() { Kind = YamlKind.Scalar, File = origin, Line = 0, Column = 0, Text = text };

    private static YamlNode Set(YamlNode? current, ImmutableArray<string> path, int depth, YamlNode value)
    {
        if (depth == path.Length) return value;
        var mapping = current is null or { IsNull: true } ? new YamlNode { Kind = YamlKind.Mapping, File = value.File, Line = 0, Column = 0 } : current;
        // A list or value where a section belongs is reported where it stands, by the check that follows.
        if (mapping.Kind != YamlKind.Mapping) return mapping;
        var entries = mapping.Entries.ToList();
        var at = entries.FindIndex(entry => string.Equals(entry.Key.Text, path[depth], StringComparison.Ordinal));
        var child = Set(at < 0 ? null : entries[at].Value, path, depth + 1, value);
        if (at < 0) entries.Add(new YamlEntry(Scalar(value.File, path[depth]), child));
        else entries[at] = entries[at] with { Value = child };
        return new YamlNode { Kind = YamlKind.Mapping, File = mapping.File, Line = mapping.Line, Column = mapping.Column, Entries = [.. entries] };
    }

    private static string VariableName(IEnumerable<string> path) => Prefix + string.Join("__", path.Select(name => name.ToUpperInvariant().Replace('-', '_')));

    private static string Normal(string name) => name.Replace("_", "", StringComparison.Ordinal).Replace("-", "", StringComparison.Ordinal).ToUpperInvariant();
}
