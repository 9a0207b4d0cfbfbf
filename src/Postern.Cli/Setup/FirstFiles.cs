using System.Globalization;
using System.Text;
using Postern.Cli.Output;

namespace Postern.Cli.Setup;

/// <summary>What <c>postern init</c> was told.</summary>
/// <param name="Provider">Who vouches for people.</param>
/// <param name="Details">The provider's details by option.</param>
/// <param name="Target">What to protect.</param>
/// <param name="Audience">Who may what.</param>
internal sealed record FirstAnswers(ProviderChoice Provider, IReadOnlyDictionary<string, string> Details, NewConnection Target, DraftAudience Audience);

/// <summary>Writes the first configuration and the first policy: the least that starts, and says what to change.</summary>
internal static class FirstFiles
{
    /// <summary><c>postern.yaml</c>.</summary>
    /// <param name="answers">What was said.</param>
    /// <param name="folder">Where the file will be: paths start there.</param>
    public static string Configuration(FirstAnswers answers, string folder)
    {
        var text = new StringBuilder("# Written by `postern init`. Every key: docs/configuration.md. What changes here counts at the next start.\n\n");
        if (answers.Target.Speaks == "postgres") text.Append("listen:\n  postgres: { tls: optional }   # on this machine only; beyond it give `certificate` and `key`\n\n");
        text.Append(CultureInfo.InvariantCulture, $"# Who vouches for people and agents: {answers.Provider.Title}. Policies write its name in front of groups and people: `{answers.Provider.Name}:support`,\n# and may leave it out while it is the only one.\nissuers:\n  {answers.Provider.Name}:\n");
        foreach (var line in answers.Provider.Lines(answers.Details)) text.Append(CultureInfo.InvariantCulture, $"    {line}\n");
        text.Append("\n# What is protected. `postern connections add` adds more.\nconnections:\n");
        text.Append(CultureInfo.InvariantCulture, $"  {answers.Target.Name}:\n");
        foreach (var line in answers.Target.Lines(folder)) text.Append(CultureInfo.InvariantCulture, $"    {line}\n");
        text.Append("\n# Who may do what. Without a rule nobody may do anything.\npolicy: [policy.yaml]\n\n# The recording, the database and the keys; for the gateway's user alone.\ndata: data\n");
        return text.ToString();
    }

    /// <summary><c>policy.yaml</c>.</summary>
    public static string Policy(FirstAnswers answers, Protocols.TargetAnswer? answer)
    {
        var policy = new DraftedPolicy(answers.Audience);
        answers.Target.Draft(policy, answer);
        var (key, names) = answers.Audience.Approvers.IsEmpty ? ("users", answers.Audience.ApprovingPeople) : ("groups", answers.Audience.Approvers);
        var admins = $"{{ {key}: [{string.Join(", ", names.Select(YamlText.Scalar))}] }}";
        var one = $"{{ {(key == "users" ? "user" : "groups")}: {(key == "users" ? YamlText.Scalar(names[0]) : $"[{YamlText.Scalar(names[0])}]")} }}";
        policy.Add(
            $"  # Who agrees also looks after the gateway: reads policies, accepts what a server changed of its tools, sees what credentials may do.\n  - id: approvers-look-after-the-gateway\n    who: {admins}\n    on: {{ admin: [policy.read, definitions.accept, connections.check] }}\n    then: allow\n",
            $"  - {{ name: approvers read the policy, as: {one}, ask: {{ connection: gateway, admin: policy.read }}, expect: {{ decision: allow, rule: approvers-look-after-the-gateway }} }}\n  - {{ name: others do not, as: {{ user: somebody }}, ask: {{ connection: gateway, admin: policy.read }}, expect: {{ decision: deny }} }}\n");
        return policy.Text(
        [
            "Written by `postern init`: a beginning. What reads is free for whoever signs in (`who: anyone`), what changes something waits for people,",
            "and what no rule speaks of is refused. Nobody approves what they asked for themselves.",
            "",
            "postern policy check   finds what is wrong        postern policy test   runs the tests below",
        ]);
    }
}
