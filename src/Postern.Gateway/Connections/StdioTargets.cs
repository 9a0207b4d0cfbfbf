using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Text.Json;
using Postern.Core.Yaml;
using Postern.Gateway.Configuration;
using Postern.Upstreams.Stdio;

namespace Postern.Gateway.Connections;

/// <summary>The servers that the gateway starts itself: what of the configuration makes which process.</summary>
internal static class StdioTargets
{
    /// <summary>All that a child has of the gateway's environment: where programs are, who and where it is. Nothing that could be a secret.</summary>
    public static readonly ImmutableArray<string> Essentials = ["PATH", "HOME", "USER", "LANG", "TZ", "TMPDIR"];

    /// <summary>What stands against a connection's way to its target, each with the key it belongs to.</summary>
    public static IEnumerable<(string Path, string Message)> Problems(ConnectionOptions connection)
    {
        var path = $"connections.{connection.Name}";
        if (connection.Stdio is not { } stdio)
        {
            if (connection.Url.Length == 0) yield return (path, "a connection needs `url`, where its target is, or `stdio`, how to start it");
            yield break;
        }
        if (connection.Url.Length > 0) yield return ($"{path}.url", "both `url` and `stdio` are given; keep one");
        if (connection.Credential is not null) yield return ($"{path}.credential", "a server over stdio takes no header; give it secrets in `stdio.environment`");
        if (!OperatingSystem.IsLinux()) yield return ($"{path}.stdio", "servers over stdio are started on Linux only");
        else if (Find(stdio) is null) yield return ($"{path}.stdio.command", $"`{stdio.Command}` is no program that can be run; expected a path, or a name on the `PATH`{Hint(stdio)}");
        if (stdio.State is null && stdio.Arguments.Concat(stdio.Environment.Select(one => one.Value)).Any(text => text.Contains(StdioTarget.StateMark, StringComparison.Ordinal)))
        {
            yield return ($"{path}.stdio", $"`{StdioTarget.StateMark}` stands for a folder under `stdio.state`, which is not given");
        }
        if (!Directory.Exists(stdio.Folder)) yield return ($"{path}.stdio.folder", $"there is no folder `{stdio.Folder}`");
    }

    /// <summary>How a connection names such a target, in records and to reviewers; an approval is bound to it. Without the environment, which holds secrets.</summary>
    public static string TextOf(StdioOptions stdio) => "stdio:" + string.Join(' ', stdio.Arguments.Prepend(stdio.Command).Select(Word));

    /// <summary>The lookup of targets by connection name.</summary>
    public static FrozenDictionary<string, StdioTarget> Of(GatewayOptions options) => options.Connections
        .Where(connection => connection.Stdio is not null)
        .ToFrozenDictionary(connection => connection.Name, connection => TargetOf(connection.Stdio!, connection.Patience.Silence), StringComparer.Ordinal);

    /// <summary>The names of those that one child serves for everybody.</summary>
    public static ImmutableArray<string> SharedIn(GatewayOptions options) => [.. options.Connections.Where(connection => connection.Stdio is { IsShared: true }).Select(connection => connection.Name)];

    private static StdioTarget TargetOf(StdioOptions stdio, TimeSpan silence) => new(Find(stdio) ?? stdio.Command, stdio.Arguments, stdio.Folder)
    {
        Environment = [.. EnvironmentOf(stdio)],
        Secrets = [.. stdio.Environment.Select(variable => variable.Value)],
        LogsErrors = stdio.LogsErrors,
        Silence = silence,
        State = stdio.State,
        Idle = stdio.Idle,
        IsShared = stdio.IsShared,
    };

    private static Dictionary<string, string> EnvironmentOf(StdioOptions stdio)
    {
        var all = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var name in Essentials)
        {
            if (Environment.GetEnvironmentVariable(name) is { } value) all[name] = value;
        }
        foreach (var (name, value) in stdio.Environment) all[name] = value;
        return all;
    }

    /// <summary>The program's full path, as the child itself would find it, or null.</summary>
    private static string? Find(StdioOptions stdio)
    {
        if (stdio.Command.Contains('/')) return Runnable(Path.GetFullPath(stdio.Command, stdio.Folder));
        foreach (var folder in EnvironmentOf(stdio).GetValueOrDefault("PATH", "").Split(':', StringSplitOptions.RemoveEmptyEntries))
        {
            if (Path.IsPathRooted(folder) && Runnable(Path.Combine(folder, stdio.Command)) is { } found) return found;
        }
        return null;
    }

    private static string? Runnable(string path)
    {
        const UnixFileMode Execute = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
        try
        {
            return OperatingSystem.IsLinux() && File.Exists(path) && (File.GetUnixFileMode(path) & Execute) != UnixFileMode.None ? path : null;
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string Hint(StdioOptions stdio) => NearestWord.Hint(stdio.Command, ["node", "npx", "python3", "uvx", "docker", "dotnet"]);

    /// <summary>A word as it stands when nothing in it could be misread, else as a JSON string.</summary>
    private static string Word(string word) => word.Length > 0 && word.All(static character => char.IsAsciiLetterOrDigit(character) || "-_./:=@,+%".Contains(character)) ? word : JsonSerializer.Serialize(word);
}
