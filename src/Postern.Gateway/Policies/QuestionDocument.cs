using System.Collections.Immutable;
using System.Text.Json.Nodes;
using Postern.Core.Pipeline;
using Postern.Core.Policy;
using Postern.Core.Policy.Explaining;

namespace Postern.Gateway.Policies;

/// <summary>Answers to questions about access, as the control API and the command line tell them.</summary>
internal static class QuestionDocument
{
    /// <param name="explanation">The answer.</param>
    /// <param name="mayRead">False for whoever may not read rules: then no more than a refusal would say.</param>
    public static JsonObject Of(Explanation explanation, bool mayRead)
    {
        var decision = explanation.Decision;
        return new JsonObject
        {
            ["decision"] = decision switch { Decision.Allow => "allow", Decision.Hold => "hold", _ => "deny" },
            ["code"] = decision switch { Decision.Hold => RefusalCode.HoldPending, Decision.Deny deny => deny.Code, _ => null },
            ["policyVersion"] = decision.Version.Number,
            ["rule"] = decision is Decision.Deny && !mayRead ? null : decision.RuleLabel,
            ["message"] = decision is Decision.Deny { IsVisible: false } && !mayRead ? null : decision.Message,
            ["lines"] = mayRead ? new JsonArray([.. explanation.Lines()]) : [],
        };
    }

    public static JsonObject Of(IEnumerable<AccessRule> rules) => new()
    {
        ["items"] = new JsonArray([.. rules.Select(rule => new JsonObject { ["part"] = rule.Part, ["effect"] = rule.Effect, ["who"] = rule.Who, ["rule"] = rule.Rule, ["condition"] = rule.Condition })]),
    };

    public static JsonObject Of(DecisionAccount account) => new()
    {
        ["items"] = new JsonArray([.. account.Lines]),
        ["nearly"] = account.Nearly.IsDefault ? null : Of(account.Nearly),
        ["today"] = Of(account.Today),
    };

    public static JsonObject Of(Reconsidered today) => new()
    {
        ["version"] = today.Version,
        ["kind"] = today.Kind,
        ["code"] = today.Code,
        ["reason"] = today.Reason,
        ["rules"] = new JsonArray([.. today.Rules.Select(rule => new JsonObject { ["rule"] = rule.Rule, ["effect"] = rule.Effect.ToString().ToLowerInvariant() })]),
        ["nearly"] = Of(today.Nearly),
        ["differs"] = today.Differs,
    };

    private static JsonArray Of(ImmutableArray<ExplainedRule> nearly) =>
        new([.. nearly.Select(rule => new JsonObject { ["rule"] = rule.Rule, ["effect"] = rule.Effect, ["part"] = rule.Part, ["lacks"] = rule.Wants[0] })]);
}
