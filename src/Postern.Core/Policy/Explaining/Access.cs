using System.Collections.Immutable;
using Postern.Core.Operations;
using Postern.Core.Policy.Cel;

namespace Postern.Core.Policy.Explaining;

/// <summary>A rule that speaks of an operation, and of whom.</summary>
/// <param name="Part">The action of the part that it matches.</param>
/// <param name="Rule">The rule's id.</param>
/// <param name="Effect">Its <c>then</c>, in lower case.</param>
/// <param name="Who">Whom it speaks of.</param>
/// <param name="Condition">Null without one or when it holds; otherwise what it depends on.</param>
public sealed record AccessRule(string Part, string Rule, string Effect, string Who, string? Condition)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Effect} {Who}, by `{Rule}` on {Part}{(Condition is null ? "" : $", {Condition}")}";
}

/// <summary>Who can do something: the rules that give it, and those that take, whoever asks. Groups are the issuer's, so people are not listed.</summary>
public static class Access
{
    private static readonly Identity Nobody = new() { Issuer = "", Subject = "", Kind = IdentityKind.Person };

    /// <summary>Every rule in force that matches a part of the operation but for who asks, in order of parts and effects.</summary>
    public static ImmutableArray<AccessRule> Of(PolicySet policy, Operation operation, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(policy);
        ArgumentNullException.ThrowIfNull(operation);
        if (policy.VocabularyOf(operation.Connection) is not { } vocabulary) return [];
        var found = ImmutableArray.CreateBuilder<AccessRule>();
        foreach (var part in operation.Parts)
        {
            foreach (var rule in policy.Rules.OrderBy(rule => rule.Effect))
            {
                if (rule.IsReport || !rule.IsInForce(now)) continue;
                if (!rule.On.Any(entry => entry.IsOn(operation.Connection) && new Clause(rule, entry).Matches(part, vocabulary, operation.Definition is not null))) continue;
                if (Condition(rule, part, operation.Connection, now) is { Holds: true } condition) found.Add(new AccessRule(part.Action, rule.Id, rule.Effect.ToString().ToLowerInvariant(), WhoText.Of(rule.Who), condition.Text));
            }
        }
        return found.DrainToImmutable();
    }

    private static (bool Holds, string? Text) Condition(Rule rule, Part part, Connection connection, DateTimeOffset now)
    {
        if (rule.When is null) return (true, null);
        if (CelWalk.All(rule.When.Root).Any(node => node is CelNode.Name { Id: "who" })) return (true, "if its condition holds for who asks");
        var context = new CelContext { Identity = Nobody, Connection = connection, Now = now, Variables = part.Variables };
        return rule.Evaluate(ref context, out var error) switch
        {
            Outcome.False => (false, null),
            Outcome.True => (true, null),
            Outcome.Error => (true, $"whose condition fails and so denies: {error}"),
            _ => (true, "if its condition holds for what is not known yet"),
        };
    }
}
