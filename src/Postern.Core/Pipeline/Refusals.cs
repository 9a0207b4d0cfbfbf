using System.Collections.Immutable;
using Postern.Core.Approvals;
using Postern.Core.Operations;
using Postern.Core.Policy;

namespace Postern.Core.Pipeline;

/// <summary>
/// The words for every way of saying no. For what the caller may not see the refusal is constant but for its id, so that
/// hidden and absent cannot be told apart (attack P01).
/// </summary>
internal sealed class Refusals(string publicUrl)
{
    private const string Denied = "denied";
    private const string Held = "held";

    public Refusal For(OperationId id, Decision.Deny decision, Identity identity)
    {
        if (!decision.IsVisible)
        {
            return new Refusal
            {
                DecisionId = id, Decision = Denied, Code = RefusalCode.NotPermitted, Retry = RetryMode.AfterChange,
                Reason = "This is not permitted for you here.",
            };
        }
        return new Refusal
        {
            DecisionId = id, Decision = Denied, Code = decision.Code, Rule = decision.RuleLabel, Retry = RetryMode.AfterChange,
            Reason = decision.Message ?? decision.Code switch
            {
                RefusalCode.PolicyError => "The policy could not be evaluated for these arguments, so the call is refused. Check that every expected argument is there.",
                RefusalCode.Quarantined => "The definition of this changed since it was accepted. It stays unavailable until an administrator accepts it.",
                _ when decision.Offer is { } offer => $"This is not permitted for you as it stands, but may be asked for: request `{offer.Id}`, for at most {Grants.GrantText.Of(offer.Max)}, with a reason.",
                _ => "These arguments are not permitted for you here.",
            },
            Alternatives = decision.Alternatives,
            RequestUrl = decision.Offer is { } possible ? LinkTo(possible, identity) : null,
            Approvers = decision.Offer is { } asked ? ApproversOf(asked.Terms) : [],
        };
    }

    public Refusal Pending(OperationId id, Decision.Hold decision, Hold hold) => new()
    {
        DecisionId = id, Decision = Held, Code = RefusalCode.HoldPending, Rule = decision.RuleLabel, Retry = RetryMode.SameCall,
        Reason = (decision.Message is { } message ? message + " " : "")
            + "This waits for people to approve exactly this call. Nothing was done.",
        RequestUrl = LinkTo(hold), Approvers = ApproversOf(decision.Terms), Alternatives = decision.Alternatives,
    };

    public Refusal Rejected(OperationId id, Decision.Hold decision, Hold hold) => new()
    {
        DecisionId = id, Decision = Denied, Code = RefusalCode.HoldRejected, Rule = decision.RuleLabel, Retry = RetryMode.AfterChange,
        Reason = "A person was asked and said no to exactly this call. Nothing was done; repeating it will not help.",
        RequestUrl = LinkTo(hold), Alternatives = decision.Alternatives,
    };

    public Refusal Expired(OperationId id, Decision.Hold decision) => new()
    {
        DecisionId = id, Decision = Denied, Code = RefusalCode.HoldExpired, Rule = decision.RuleLabel, Retry = RetryMode.After,
        Reason = "People were asked, and nobody answered in time, or the approval was not used in time. Nothing was done. Repeating the call asks them again.",
        Alternatives = decision.Alternatives,
    };

    public Refusal Spent(OperationId id, Decision.Hold decision) => new()
    {
        DecisionId = id, Decision = Denied, Code = RefusalCode.HoldExpired, Rule = decision.RuleLabel, Retry = RetryMode.AfterChange,
        Reason = "The approval that this goes on with was used by another call, or is over. Nothing was done. Make the call anew, without anything from an earlier answer.",
    };

    public Refusal LimitReached(OperationId id, Decision decision, RuleLimits reached, TimeSpan wait) => new()
    {
        DecisionId = id, Decision = Denied, Code = RefusalCode.Limit, Rule = $"{reached.Rule}@{decision.Version.Number}", Retry = RetryMode.After, RetryAfter = wait,
        Reason = reached.Calls is { } calls && wait > TimeSpan.FromSeconds(1)
            ? $"At most {calls} calls within {Grants.GrantText.Of(reached.Window)} are permitted here, and they were made. Nothing was done."
            : "As many calls as are permitted at once are running. Nothing was done.",
        Alternatives = decision.Alternatives,
    };

    public Refusal TooManyOpen(OperationId id) => new()
    {
        DecisionId = id, Decision = Denied, Code = RefusalCode.Limit, Retry = RetryMode.After, RetryAfter = TimeSpan.FromMinutes(1),
        Reason = "So many of your questions wait for people already that this one was not put. Nothing was done. Wait until some are answered.",
    };

    public Refusal NotRecordable(OperationId id) => Unavailable(id, RefusalCode.RecordUnavailable, "The gateway cannot write its record at the moment, so nothing was done. Try again later.");

    /// <param name="id">The operation.</param>
    /// <param name="code">Why it ended.</param>
    /// <param name="mayHaveHappened">Something of it was sent.</param>
    /// <param name="fault">What is wrong with the request, in words of ours; said for <see cref="RefusalCode.InvalidRequest"/> alone.</param>
    public Refusal BrokenOff(OperationId id, string code, bool mayHaveHappened, string? fault = null) => code switch
    {
        RefusalCode.InvalidRequest => new Refusal
        {
            DecisionId = id, Decision = Denied, Code = code, Retry = RetryMode.AfterChange,
            Reason = $"The request is not well-formed: {fault ?? "its body could not be read to its end"}. {Happened(mayHaveHappened)}",
        },
        RefusalCode.CredentialEnded => new Refusal
        {
            DecisionId = id, Decision = Denied, Code = code, Retry = RetryMode.AfterChange,
            Reason = "The sign-in that this call ran on is over, so the call was ended. Sign in again. " + Happened(mayHaveHappened),
        },
        RefusalCode.NotPermitted => new Refusal
        {
            DecisionId = id, Decision = Denied, Code = code, Retry = RetryMode.AfterChange,
            Reason = "The policy changed and no longer permits this call, so it was ended. " + Happened(mayHaveHappened),
        },
        RefusalCode.Limit => new Refusal
        {
            DecisionId = id, Decision = Denied, Code = code, Retry = RetryMode.AfterChange,
            Reason = "The answer is longer, or took longer, than the policy permits for one call, so it was ended. Ask for less at a time. " + Happened(mayHaveHappened),
        },
        RefusalCode.GrantExpired => new Refusal
        {
            DecisionId = id, Decision = Denied, Code = code, Retry = RetryMode.AfterChange,
            Reason = "The access that this call ran on was granted for a time that is over, or was taken back, so the call was ended. " + Happened(mayHaveHappened),
        },
        RefusalCode.UpstreamUnavailable => Unavailable(id, code, "The target cannot be reached or broke off. " + Happened(mayHaveHappened)),
        RefusalCode.UpstreamInvalid => Unavailable(id, code, "The target's answer could not be passed on safely. " + Happened(mayHaveHappened)),
        RefusalCode.RecordUnavailable => Unavailable(id, code, "The gateway cannot write its record at the moment, so the answer is withheld. " + Happened(mayHaveHappened)),
        _ => Unavailable(id, RefusalCode.GatewayUnavailable, "The gateway could not finish this call. " + Happened(mayHaveHappened)),
    };

    private static string Happened(bool mayHave) => mayHave
        ? "The call may have taken effect; check before you repeat it."
        : "Nothing was done.";

    private static Refusal Unavailable(OperationId id, string code, string reason) => new()
    {
        DecisionId = id, Decision = Denied, Code = code, Retry = RetryMode.After, RetryAfter = TimeSpan.FromSeconds(10), Reason = reason,
    };

    private static ImmutableArray<string> ApproversOf(HoldTerms terms) =>
        [.. terms.Requirements.SelectMany(requirement => requirement.Groups).Select(Unqualify).Distinct(StringComparer.Ordinal)];

    // Groups only: people's names never reach a caller.
    private static string Unqualify(string name) => name[(name.IndexOf(':', StringComparison.Ordinal) + 1)..];

    // The agent that was refused is the one that the access would be for; it names itself and nobody else.
    private string LinkTo(RequestEntry entry, Identity identity) =>
        $"{publicUrl}/request/{entry.Id}{(identity.Agent is { } agent ? "?agent=" + Uri.EscapeDataString(agent) : "")}";

    private string LinkTo(Hold hold) => $"{publicUrl}/approve/{hold.Id}";
}
