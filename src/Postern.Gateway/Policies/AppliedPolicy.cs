using System.Collections.Immutable;
using Postern.Core.Policy;

namespace Postern.Gateway.Policies;

/// <summary>Where a policy version came from.</summary>
internal static class PolicyOrigin
{
    /// <summary>The files that the configuration names.</summary>
    public const string Folder = "folder";

    /// <summary>Published through the control API.</summary>
    public const string Api = "api";

    /// <summary>An earlier version, published again.</summary>
    public const string Rollback = "rollback";
}

/// <summary>One version as the database keeps it. Immutable once it was in force.</summary>
/// <param name="Number">Counts up from 1.</param>
/// <param name="Hash">Digest over the files, as in every decision.</param>
/// <param name="Author"><c>issuer:subject</c>; the gateway itself for what came from the folder.</param>
/// <param name="Reason">The author's words.</param>
/// <param name="Source">One of <see cref="PolicyOrigin"/>.</param>
/// <param name="BasedOn">The version that it was made from, or null for the first.</param>
/// <param name="Operation">The recorded operation that published it, or null for the first.</param>
/// <param name="AppliedAt">When.</param>
/// <param name="Files">What it says; default where a list leaves it out, or a version from before texts were kept.</param>
internal sealed record AppliedPolicy(
    int Number, string Hash, string Author, string Reason, string Source, int? BasedOn, string? Operation, DateTimeOffset AppliedAt, ImmutableArray<PolicyFile> Files);

/// <summary>A version that is not in force yet.</summary>
/// <param name="Files">What it says.</param>
/// <param name="Author">Who publishes it.</param>
/// <param name="Reason">Why.</param>
/// <param name="Source">One of <see cref="PolicyOrigin"/>.</param>
/// <param name="From">The version that its author had before them; it must still be in force.</param>
internal sealed record PolicyDraft(ImmutableArray<PolicyFile> Files, string Author, string Reason, string Source, int From);

/// <summary>Somebody else published in between: what the author saw is not what would be replaced.</summary>
internal sealed class StalePolicyException(int inForce) : Exception($"version {inForce} is in force now")
{
    public int InForce { get; } = inForce;
}
