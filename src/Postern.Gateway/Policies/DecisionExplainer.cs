using System.Collections.Immutable;
using Postern.Core.Grants;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Core.Policy.Explaining;
using Postern.Core.Recording;
using Postern.Gateway.Recordings;

namespace Postern.Gateway.Policies;

/// <summary>The account of a recorded decision.</summary>
/// <param name="Lines">It as text.</param>
/// <param name="Nearly">The rules of the version that decided that lacked one thing; default where they cannot be told.</param>
/// <param name="Today">What the version in force says of the same question.</param>
internal sealed record DecisionAccount(ImmutableArray<string> Lines, ImmutableArray<ExplainedRule> Nearly, Reconsidered Today);

/// <summary>Explains recorded decisions: by the one engine, from what the record holds, under the version that decided, and under the one in force.</summary>
internal sealed class DecisionExplainer(PolicyStore store, IGrantStore grants, RecordingIndex index)
{
    // A session's decisions were mostly made by one version, and are asked about one after the other.
    private volatile PolicySet? _last;

    /// <summary>The account of a decision, or null when it is not there or not the asker's to see.</summary>
    /// <param name="id">The operation, whose id is its decision's.</param>
    /// <param name="by">Who asks.</param>
    /// <param name="mayReadPolicy">Whether they may read rules, and what others did.</param>
    /// <param name="cancellationToken">Ends with the caller.</param>
    public async ValueTask<DecisionAccount?> ExplainAsync(OperationId id, Identity by, bool mayReadPolicy, CancellationToken cancellationToken)
    {
        if (await index.GetOperationAsync(id, mayReadPolicy ? null : by.Key, cancellationToken).ConfigureAwait(false) is not { } recorded) return null;
        var (intent, decision) = (recorded.Intent, recorded.Intent.Decision);
        var lines = ImmutableArray.CreateBuilder<string>();
        lines.Add($"decided under policy version {decision.Version}, {intent.At.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss.fff'Z'}: {decision.Kind}{(decision.Code is null ? "" : $" ({decision.Code})")}{(mayReadPolicy ? $", {decision.Reason}" : "")}");
        if (!mayReadPolicy)
        {
            // Which rule forbids is not told to whom it forbids: for a hidden name it would say that there is one.
            if (decision.Kind != "deny" && decision.RuleLabel is { } label) lines.Add($"by `{label}`");
            lines.Add("which rules matched is told to whom a policy grants `policy.read`");
            var told = Reconsidered.Of(store.Current, recorded, await GrantsAsync(decision.Grants, null, cancellationToken).ConfigureAwait(false));
            return new DecisionAccount(lines.DrainToImmutable(), default, told.AsRefusal());
        }
        if (recorded.Closed is { } closed)
        {
            // Of half a question nothing is derived.
            lines.Add($"what was asked cannot be read: {closed}; these rules matched: {string.Join(", ", decision.Rules.Select(rule => $"`{rule.Rule}` ({rule.Effect})"))}");
            return new DecisionAccount(lines.DrainToImmutable(), default, Reconsidered.Of(store.Current, recorded, []));
        }
        var counted = await GrantsAsync(decision.Grants, lines, cancellationToken).ConfigureAwait(false);
        var today = Reconsidered.Of(store.Current, recorded, counted);
        if (await VersionOfAsync(decision, cancellationToken).ConfigureAwait(false) is not { } set)
        {
            lines.Add($"the text of version {decision.Version} was not kept, or names what is no longer configured; these rules matched: {string.Join(", ", decision.Rules.Select(rule => $"`{rule.Rule}` ({rule.Effect})"))}");
            return new DecisionAccount(lines.DrainToImmutable(), default, today);
        }
        var explanation = Explanation.OfRecorded(set, recorded, counted, out var unfaithful);
        if (unfaithful is not null) lines.Add($"not all that was read is recorded: {unfaithful}");
        lines.AddRange(explanation.Lines());
        lines.Add(Said(today));
        return new DecisionAccount(lines.DrainToImmutable(), explanation.Nearly, today);
    }

    private static string Said(Reconsidered today) => today.Kind == Reconsidered.UnknownKind
        ? $"what version {today.Version}, in force now, says is unknown: {today.Reason}"
        : $"version {today.Version}, in force now, says {(today.Differs == true ? "otherwise" : "the same")}: {today.Kind}{(today.Code is null ? "" : $" ({today.Code})")}, {today.Reason}";

    /// <summary>The version that decided, as it was; null when it is not kept.</summary>
    private async ValueTask<PolicySet?> VersionOfAsync(RecordedDecision decision, CancellationToken cancellationToken)
    {
        bool IsIt(PolicySet set) => set.Version.Number == decision.Version && set.Version.Hash.ToString() == decision.Hash;
        if (store.Current is { } current && IsIt(current)) return current;
        if (_last is { } last && IsIt(last)) return last;
        var version = await store.Versions.FindAsync(decision.Version, cancellationToken).ConfigureAwait(false);
        return version is null || version.Hash != decision.Hash ? null : _last = store.Compile(version);
    }

    // Which access for a time it counted on: whose request, under which entry, and who agreed.
    private async ValueTask<ImmutableArray<Grant>> GrantsAsync(ImmutableArray<string> ids, ImmutableArray<string>.Builder? lines, CancellationToken cancellationToken)
    {
        var found = ImmutableArray.CreateBuilder<Grant>(ids.Length);
        foreach (var id in ids)
        {
            if (await grants.FindAsync(id, cancellationToken).ConfigureAwait(false) is not { } grant)
            {
                lines?.Add($"by grant `{id}`, which is no longer kept");
                continue;
            }
            var agreed = grant.IsBreakGlass ? "nobody was asked" : $"agreed to by {string.Join(", ", grant.Approvers.Select(approver => $"`{approver}`"))}";
            lines?.Add($"by grant `{id}` under the entry `{grant.Entry}`, to {grant.EndsAt?.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss'Z'}; {agreed}; asked for because: {grant.Reason}");
            found.Add(grant);
        }
        return found.DrainToImmutable();
    }
}
