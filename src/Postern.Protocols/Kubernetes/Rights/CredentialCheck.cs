using System.Collections.Immutable;
using System.Globalization;
using Postern.Core.Operations;
using Postern.Core.Pipeline;

namespace Postern.Protocols.Kubernetes.Rights;

/// <summary>Where the credential lent to a cluster is wider than the policy could ever need, and the roles that would suffice.</summary>
internal sealed class CredentialCheck(ProtocolServices services)
{
    /// <summary>Namespaces that are asked about, of those that the policy names.</summary>
    public const int MaxNamespaces = 20;

    // A namespace that no rule speaks of: what the credential may do there, it may do everywhere. It need not exist.
    private const string Elsewhere = "postern-names-no-such-namespace";

    /// <summary>Asks and compares.</summary>
    /// <exception cref="UpstreamException">The API server gave no answer.</exception>
    public async ValueTask<CredentialReport> RunAsync(Connection connection, CancellationToken cancellationToken)
    {
        var impersonates = services.Impersonating.Contains(connection.Name);
        var needed = NeededRights.Of(services.Policies.Current.GivenOn(connection, services.Clock.GetUtcNow()), impersonates);
        ImmutableArray<string> spaces = [.. needed.Select(right => right.Namespace).OfType<string>().Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        var notes = ImmutableArray.CreateBuilder<string>();
        if (spaces.Length > MaxNamespaces) notes.Add(string.Create(CultureInfo.InvariantCulture, $"the policy names {spaces.Length} namespaces; the first {MaxNamespaces} were asked about"));
        if (needed.Any(right => right.Resources.Contains("*"))) notes.Add("a star over resources gives subresources too in a role, which it does not in the policy; rules that name resources need less");
        if (impersonates) notes.Add("the cluster's own rights of each person decide; give them to the users and groups below `postern:`");

        var (everywhere, isComplete) = await AskAsync(connection, Elsewhere, cancellationToken).ConfigureAwait(false);
        var wider = ImmutableArray.CreateBuilder<WiderRight>();
        wider.AddRange(GrantedRights.Wider(everywhere, needed, space: null));
        foreach (var space in spaces.Take(MaxNamespaces))
        {
            var (here, isWhole) = await AskAsync(connection, space, cancellationToken).ConfigureAwait(false);
            isComplete &= isWhole;
            // What is given everywhere was said once.
            wider.AddRange(GrantedRights.Wider([.. here.Where(right => !everywhere.Any(other => IsSame(right, other)))], needed, space));
        }
        return new CredentialReport(wider.ToImmutable(), ["the whole cluster", .. spaces.Take(MaxNamespaces)], isComplete, NeededRights.Document(needed, connection.Name), notes.ToImmutable());
    }

    private async ValueTask<(ImmutableArray<ClusterRight> Rights, bool IsComplete)> AskAsync(Connection connection, string space, CancellationToken cancellationToken)
    {
        var errand = new RightsErrand(services, connection, space);
        await services.Pipeline.RunAsync(errand, Itself.Identity, cancellationToken).ConfigureAwait(false);
        return GrantedRights.Read(errand.Answer) ?? throw new UpstreamException(RefusalCode.UpstreamInvalid, errand.Complaint?.TrimEnd('.') ?? "the answer is no review of rules");
    }

    private static bool IsSame(ClusterRight one, ClusterRight other) =>
        one.Verbs.SequenceEqual(other.Verbs) && one.Groups.SequenceEqual(other.Groups) && one.Resources.SequenceEqual(other.Resources) && one.Names.SequenceEqual(other.Names) && one.Paths.SequenceEqual(other.Paths);
}
