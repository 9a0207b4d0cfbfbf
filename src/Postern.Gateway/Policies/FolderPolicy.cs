using System.Collections.Immutable;
using Postern.Core.Policy;

namespace Postern.Gateway.Policies;

/// <summary>What the configured paths hold at one moment.</summary>
/// <param name="Files">The files under the names that versions keep: without folders, wherever that leaves them apart.</param>
/// <param name="Hash">The digest that a version of them carries.</param>
/// <param name="Problems">Why they cannot be read; then the rest says nothing.</param>
internal sealed record FolderPolicy(ImmutableArray<PolicyFile> Files, string Hash, ImmutableArray<PolicyProblem> Problems)
{
    public static FolderPolicy Read(PolicySources sources)
    {
        var problems = new List<PolicyProblem>();
        var read = sources.Read(problems);
        ImmutableArray<PolicyFile> files = [.. read.Select(file => file with { Path = NameOf(file.Path, read) })];
        return new FolderPolicy(files, PolicyLoader.HashOf(files).ToString(), [.. problems]);
    }

    private static string NameOf(string path, ImmutableArray<PolicyFile> all)
    {
        var name = Path.GetFileName(path);
        return all.Count(file => Path.GetFileName(file.Path) == name) == 1 ? name : path;
    }
}
