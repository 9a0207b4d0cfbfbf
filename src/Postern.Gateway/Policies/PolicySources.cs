using System.Collections.Immutable;
using System.Text;
using Postern.Core.Policy;

namespace Postern.Gateway.Policies;

/// <summary>The policy files that the configuration names: files as they are, folders by their <c>*.yaml</c> files in order of name.</summary>
internal sealed class PolicySources(ImmutableArray<string> paths)
{
    private const long LongestFile = 4 * 1024 * 1024;
    private static readonly UTF8Encoding _strictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Every file, whether or not it can be read.</summary>
    public IEnumerable<string> Files() => paths.SelectMany(path => Directory.Exists(path)
        ? Directory.EnumerateFiles(path, "*.yaml").Concat(Directory.EnumerateFiles(path, "*.yml")).Order(StringComparer.Ordinal)
        : (IEnumerable<string>)[path]);

    /// <summary>Reads them all; what cannot be read is a problem.</summary>
    public ImmutableArray<PolicyFile> Read(ICollection<PolicyProblem> problems)
    {
        var files = ImmutableArray.CreateBuilder<PolicyFile>();
        foreach (var path in Names(problems))
        {
            try
            {
                if (new FileInfo(path) is { Exists: true, Length: > LongestFile }) problems.Add(Problem(path, $"the file is longer than {LongestFile} bytes"));
                else files.Add(new PolicyFile(path, _strictUtf8.GetString(File.ReadAllBytes(path))));
            }
            catch (DecoderFallbackException)
            {
                problems.Add(Problem(path, "the file is not valid UTF-8"));
            }
            catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
            {
                problems.Add(Problem(path, unreadable is FileNotFoundException or DirectoryNotFoundException ? "there is no such file" : "the file cannot be read"));
            }
        }
        if (files.Count == 0 && problems.Count == 0) problems.Add(Problem(string.Join(", ", paths), "there is no policy file here"));
        return files.DrainToImmutable();
    }

    private ImmutableArray<string> Names(ICollection<PolicyProblem> problems)
    {
        try
        {
            return [.. Files()];
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            problems.Add(Problem(string.Join(", ", paths), "the folder cannot be read"));
            return [];
        }
    }

    private static PolicyProblem Problem(string path, string message) => new(ProblemSeverity.Error, path, 0, 0, message);
}
