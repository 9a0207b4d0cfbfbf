using System.Collections.Immutable;
using Postern.Core.Operations;
using Postern.Core.Policy.Reading;
using Postern.Core.Policy.Testing;
using Postern.Core.Yaml;

namespace Postern.Core.Policy.Checking;

/// <summary>What loads but is probably not meant, and conditions that a definition's schema shows to be unsafe (policy.md section 9).</summary>
internal static class RuleChecks
{
    public static void Run(LoadContext context, IDefinitionCatalogue definitions, ImmutableArray<ReadRule> rules, ImmutableArray<PolicyTest> tests)
    {
        var tested = tests.Select(test => test.Rule).OfType<string>().ToHashSet(StringComparer.Ordinal);
        foreach (var (rule, node) in rules)
        {
            FieldChecks.Run(context, definitions, rule, node);
            CheckLiterals(context, definitions, rule, rule.Request is null ? node : node.Find("grant")!);
            if (rule.Effect == RuleEffect.Allow) CheckBounds(context, rule, node);
            if (rule.Effect == RuleEffect.Allow && rule.Who is { Agents: not null, Users: null, Groups: null, Workloads: null }) context.Warn(node.Find("who")!, $"`{rule.Id}` trusts `agents` alone: a client's id is claimed, not proven; add `users`, `groups` or `workloads`");
            if (rule.Who is { Users: not null, Workloads: not null }) context.Warn(node.Find("who")!, $"`{rule.Id}` includes nobody: no one is a person and a workload at once; write two rules");
            if (!tested.Contains(rule.Id)) context.Warn(node, $"`{rule.Id}` has no test; write one with `expect: {{rule: {rule.Id}}}`");
        }
        foreach (var test in tests)
        {
            foreach (var grant in test.Grants)
            {
                var known = rules.Where(read => read.Rule.Request is not null).Select(read => read.Rule.Id).ToList();
                if (!known.Contains(grant)) context.Add(ProblemSeverity.Error, test.File, test.Line, 1, $"`{test.Name}`: nothing under `requests` is called `{grant}`{NearestWord.Hint(grant, known)}");
            }
        }
        ReachChecks.Run(context, rules);
    }

    private static void CheckBounds(LoadContext context, Rule rule, YamlNode node)
    {
        if (rule.When is null || node.Find("when") is not { } when) return;
        foreach (var (path, offset) in Bounds.UpperOnly(rule.When.Root))
        {
            var (line, column) = RuleReader.Place(when, when.Text, offset);
            context.Add(ProblemSeverity.Warning, when.File, line, column, $"`{path}` has an upper bound and no lower one, so negative numbers pass; add `{path} > 0` or what is meant");
        }
    }

    private static void CheckLiterals(LoadContext context, IDefinitionCatalogue definitions, Rule rule, YamlNode node)
    {
        foreach (var entry in rule.On)
        {
            ImmutableArray<Connection> on = [.. context.Environment.Connections.Where(entry.IsOn)];
            if (on.IsEmpty || !on.All(connection => definitions.Knows(connection.Name))) continue;
            foreach (var selector in entry.Selectors.Where(selector => selector.Key.PatternsNeedDefinition))
            {
                foreach (var literal in selector.Literals.Order(StringComparer.Ordinal))
                {
                    var fact = selector.Key.Fact;
                    if (on.Any(connection => definitions.Find(connection.Name, fact, literal) is not null)) continue;
                    context.Warn(node.Find("on")!, $"`{selector.Key.Name}`: nothing is called `{literal}` there{NearestWord.Hint(literal, on.SelectMany(connection => definitions.Names(connection.Name, fact)))}");
                }
            }
        }
    }
}
