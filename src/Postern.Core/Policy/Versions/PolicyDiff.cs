using System.Collections.Immutable;
using System.Text;

namespace Postern.Core.Policy.Versions;

/// <summary>What changed between the files of two policies.</summary>
public static class PolicyDiff
{
    private const string Nothing = "/dev/null";

    /// <summary>A unified diff over all files, in order of their names; empty when nothing changed.</summary>
    public static string Of(ImmutableArray<PolicyFile> before, ImmutableArray<PolicyFile> after)
    {
        var text = new StringBuilder();
        foreach (var path in before.Concat(after).Select(file => file.Path).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
        {
            var (old, now) = (Find(before, path), Find(after, path));
            text.Append(LineDiff.Unified(old is null ? Nothing : path, old?.Text ?? "", now is null ? Nothing : path, now?.Text ?? ""));
        }
        return text.ToString();
    }

    private static PolicyFile? Find(ImmutableArray<PolicyFile> files, string path) => files.FirstOrDefault(file => string.Equals(file.Path, path, StringComparison.Ordinal));
}
