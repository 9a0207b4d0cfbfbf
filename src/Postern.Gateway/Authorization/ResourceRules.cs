using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;

namespace Postern.Gateway.Authorization;

/// <summary>
/// The resources that a token can be for (RFC 8707): one connection's URL each. Any well-formed name is one, so that nobody learns here
/// which connections exist; a token for one that does not is good for nothing.
/// </summary>
internal sealed partial class ResourceRules(string publicUrl)
{
    /// <summary>The longest that is looked at, in characters.</summary>
    public const int MaxLength = 300;

    /// <summary>The canonical URL of the one resource that is asked for; false for anything else.</summary>
    public bool TryRead(string? asked, [NotNullWhen(true)] out string? resource)
    {
        resource = null;
        if (asked is not { Length: > 0 and <= MaxLength } || !asked.StartsWith(publicUrl, StringComparison.Ordinal) || !Route().IsMatch(asked.AsSpan(publicUrl.Length))) return false;
        resource = asked.TrimEnd('/');
        return true;
    }

    /// <summary>The path of a resource, for people.</summary>
    public string PathOf(string resource) => resource[publicUrl.Length..];

    [GeneratedRegex(@"^/(mcp|http|k8s|postgres)/[a-z0-9][a-z0-9-]{0,62}/?\z", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant)]
    private static partial Regex Route();
}
