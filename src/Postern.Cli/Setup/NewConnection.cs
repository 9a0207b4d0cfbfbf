using System.Collections.Immutable;
using Postern.Cli.Output;
using Postern.Gateway.Configuration;

namespace Postern.Cli.Setup;

/// <summary>A connection as somebody asked for it on a command line, and how it stands in a configuration.</summary>
internal sealed record NewConnection
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>Where the target is; null for one that is started.</summary>
    public string? Url { get; init; }

    /// <summary>The program and its arguments; empty for a target at an URL.</summary>
    public ImmutableArray<string> Command { get; init; } = [];

    /// <summary>How it speaks, as asked for; null for what its URL suggests.</summary>
    public string? Protocol { get; init; }

    /// <summary>Words that policies select by.</summary>
    public ImmutableArray<string> Tags { get; init; } = [];

    /// <summary>A file with the credential: a header's whole value, or a password. As the person at the terminal named it.</summary>
    public string? CredentialFile { get; init; }

    /// <summary>For PostgreSQL: the role.</summary>
    public string? User { get; init; }

    /// <summary>For a server over stdio: variable and the file that holds its value.</summary>
    public ImmutableArray<KeyValuePair<string, string>> EnvironmentFiles { get; init; } = [];

    /// <summary>How it speaks: what was said, or what its URL suggests.</summary>
    public string Speaks => Protocol ?? (Url?.StartsWith("postgresql://", StringComparison.OrdinalIgnoreCase) == true || Url?.StartsWith("postgres://", StringComparison.OrdinalIgnoreCase) == true ? "postgres" : "mcp");

    /// <summary>The lines below its name in <c>connections:</c>.</summary>
    /// <param name="folder">The configuration's folder: paths in it start there.</param>
    public ImmutableArray<string> Lines(string folder)
    {
        var lines = ImmutableArray.CreateBuilder<string>();
        lines.Add($"protocol: {YamlText.Scalar(Speaks)}");
        if (Url is { } url) lines.Add($"url: {YamlText.Scalar(url.StartsWith("postgres://", StringComparison.OrdinalIgnoreCase) ? "postgresql" + url["postgres".Length..] : url)}");
        if (Command is [var program, .. var arguments])
        {
            lines.Add("stdio:");
            lines.Add($"  command: {YamlText.Scalar(program)}");
            if (arguments.Length > 0) lines.Add($"  args: [{string.Join(", ", arguments.Select(YamlText.Scalar))}]");
            if (EnvironmentFiles.Length > 0) lines.Add("  environment:");
            foreach (var (name, file) in EnvironmentFiles) lines.Add($"    {YamlText.Scalar(name)}: {{ valueFile: {YamlText.Scalar(PathIn(folder, file))} }}");
        }
        if (Tags.Length > 0) lines.Add($"tags: [{string.Join(", ", Tags.Select(YamlText.Scalar))}]");
        if (Speaks == "postgres")
        {
            lines.Add($"credential: {{ user: {YamlText.Scalar(User ?? "postgres")}{(CredentialFile is { } password ? $", passwordFile: {YamlText.Scalar(PathIn(folder, password))}" : "")} }}");
            // Without TLS the gateway reaches loopback alone, and a database on the same machine seldom has a certificate.
            if (Url is not null && Uri.TryCreate(Url, UriKind.Absolute, out var target) && target.IsLoopback) lines.Add("tls: { mode: off }");
        }
        else if (CredentialFile is { } file) lines.Add($"credential: {{ valueFile: {YamlText.Scalar(PathIn(folder, file))} }}");
        return lines.ToImmutable();
    }

    /// <summary>Writes the first policy of it.</summary>
    public void Draft(DraftedPolicy policy, Protocols.TargetAnswer? answer)
    {
        switch (Speaks)
        {
            case "http":
                policy.AddHttp(Name);
                break;
            case "kubernetes":
                policy.AddKubernetes(Name);
                break;
            case "postgres":
                policy.AddPostgres(Name);
                break;
            case "mcp" when answer is { State: Protocols.TargetState.Good }:
                policy.AddTools(Name, answer.Tools);
                break;
            default:
                policy.AddUnknownTools(Name);
                break;
        }
    }

    private static string PathIn(string folder, string path)
    {
        var full = Path.GetFullPath(path);
        var relative = Path.GetRelativePath(folder, full);
        return relative.StartsWith("..", StringComparison.Ordinal) || Path.IsPathRooted(relative) ? full : relative;
    }
}
