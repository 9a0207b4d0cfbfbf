using System.Collections.Immutable;
using System.Text;
using Postern.Core.Yaml;

namespace Postern.Gateway.Configuration;

/// <summary>What loading a configuration gave: options, or everything that stands against them.</summary>
/// <param name="Options">Null when there is any problem.</param>
/// <param name="Problems">All of them, in the order of the file.</param>
public sealed record ConfigurationResult(GatewayOptions? Options, ImmutableArray<SourceProblem> Problems);

/// <summary>Reads <c>postern.yaml</c>, lays the environment over it, checks all of it, and reports every problem at once.</summary>
public static class ConfigurationLoader
{
    private static readonly UTF8Encoding _strictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Loads one file.</summary>
    /// <param name="file">The file, as the operator named it.</param>
    /// <param name="environment">The process's variables; those that start with <c>POSTERN__</c> override keys.</param>
    /// <param name="protocols">The protocol names that connections may speak.</param>
    public static ConfigurationResult Load(string file, IEnumerable<KeyValuePair<string, string>> environment, IEnumerable<string> protocols)
    {
        string text;
        try
        {
            text = _strictUtf8.GetString(File.ReadAllBytes(file));
        }
        catch (DecoderFallbackException)
        {
            return new ConfigurationResult(null, [new SourceProblem(file, 0, 0, "the file is not valid UTF-8")]);
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            var why = unreadable is FileNotFoundException or DirectoryNotFoundException ? "there is no such file; `postern init` writes a first one, `--config` names another" : "the file cannot be read";
            return new ConfigurationResult(null, [new SourceProblem(file, 0, 0, why)]);
        }
        return Parse(file, text, environment, protocols);
    }

    /// <summary>The same for text that is already in memory; relative paths start at the folder of <paramref name="file"/>.</summary>
    public static ConfigurationResult Parse(string file, string text, IEnumerable<KeyValuePair<string, string>> environment, IEnumerable<string> protocols)
    {
        var problems = new List<SourceProblem>();
        var shape = ConfigurationKeys.Root(protocols);
        var read = YamlReader.Read(file, text, problems);
        if (read is null) return new ConfigurationResult(null, [.. problems]);

        var root = ConfigurationEnvironment.Overlay(read, shape, environment, problems);
        var check = new ConfigurationCheck(problems);
        check.Check(root, shape, "");
        var folder = Path.GetDirectoryName(Path.GetFullPath(file))!;
        var options = new ConfigurationBinder(folder, problems).Bind(root, shape);
        foreach (var (path, message) in GatewayOptionsCheck.Problems(options))
        {
            if (!check.Bad.Any(bad => Top(bad) == Top(path))) problems.Add(Place(root, path).Problem(message));
        }
        return problems.Count == 0 ? new ConfigurationResult(options, []) : new ConfigurationResult(null, [.. problems.OrderBy(problem => problem.Line).ThenBy(problem => problem.Column)]);
    }

    /// <summary>What is wrong with a section as a whole is said only once its keys are right: half a section misleads.</summary>
    private static string Top(string path) => path.Split('.')[0] is var top && top == "publicUrl" ? "listen" : top;

    /// <summary>The node at a path, or the nearest one above it that exists.</summary>
    private static YamlNode Place(YamlNode root, string path)
    {
        var node = root;
        foreach (var name in path.Split('.'))
        {
            if (node.Find(name) is not { } next) break;
            node = next;
        }
        return node;
    }
}
