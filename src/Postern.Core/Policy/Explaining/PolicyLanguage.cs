using System.Collections.Immutable;
using Postern.Core.Operations;
using Postern.Core.Yaml;

namespace Postern.Core.Policy.Explaining;

/// <summary>One word of the policy language.</summary>
/// <param name="Path">Where it stands: <c>policy.rules.when</c>.</param>
/// <param name="Text">What it means.</param>
/// <param name="Below">The words that stand below it.</param>
public sealed record PolicyWord(string Path, string Text, ImmutableArray<string> Below);

/// <summary>What the words of a policy mean, for those who write one. The words under <c>on</c> are those of the vocabularies.</summary>
public static class PolicyLanguage
{
    private static readonly ImmutableArray<(string Path, string Text)> Words =
    [
        ("policy", "A policy: YAML files that are read as one. What no rule permits is denied; the order of rules and files never matters."),
        ("policy.version", "The language's version: `1`. It stands in every file."),
        ("policy.rules", "Rules. Each says to whom, on what, under which condition, and what follows."),
        ("policy.rules.id", "The rule's name, unique over all files: lower-case letters, digits and `-`. Decisions and refusals name it."),
        ("policy.rules.who", "Whom the rule speaks of: `anyone` (whoever is authenticated), or a map whose keys must all match. Needed by allow and hold. Names are exact, `issuer:value` where there are several issuers."),
        ("policy.rules.who.users", "People, by the subject of their token; never by e-mail."),
        ("policy.rules.who.groups", "Groups as the issuer says: of the person acted for, or of the workload where there is no person."),
        ("policy.rules.who.agents", "Client programs (OAuth clients). Their ids are claimed, not proven."),
        ("policy.rules.who.workloads", "Programs with an identity of their own, by the subject of their token."),
        ("policy.rules.on", "What the rule speaks of: one entry or a list of them. Inside an entry all keys must match, of a list one value is enough. Allow and hold must cover all that is asked; deny and guard need only touch it."),
        ("policy.rules.on.connection", "Connections by name or pattern."),
        ("policy.rules.on.tags", "Tags that administrators set on connections; exact."),
        ("policy.rules.on.everything", "`true` stands in for the words that allow and hold must name, except for what is given by name only."),
        (Condition, "A condition in CEL that must hold. It reads `who`, `connection`, `labels`, `now` and what the connection's protocol brings. An absent field is an error, and an error denies whatever the rule says: write `has(args.x) && …`. Give numbers a lower bound too."),
        ("policy.rules.then", "`allow`: permitted. `hold`: permitted once people agree. `guard`: gives nothing; whatever gives it, people must agree first. `deny`: never. The strictest wins."),
        ("policy.rules.hold", "Under hold and guard: who must agree, and by when."),
        ("policy.rules.hold.approvers", "Who must agree; of a list, each must be met."),
        ("policy.rules.hold.approvers.groups", "Groups whose members may answer."),
        ("policy.rules.hold.approvers.users", "People who may answer."),
        ("policy.rules.hold.approvers.count", "How many distinct people; 1 otherwise. Never the requester, nor the person acted for."),
        ("policy.rules.hold.expires", "Time to answer; 30m otherwise. The shortest of all that match counts."),
        ("policy.rules.hold.valid", "Time to use an approval; 10m otherwise. The shortest of all that match counts."),
        ("policy.rules.hold.risk", "The author's rating, shown to who answers: `low`, `medium` or `high`."),
        ("policy.rules.message", "What the caller is told, in the author's words."),
        ("policy.rules.alternatives", "What the caller may do instead."),
        ("policy.rules.until", "The instant at which the rule ends."),
        ("policy.rules.mode", "`enforce`, or `report`: evaluated and recorded, without effect."),
        ("policy.rules.limits", "How often, how much and how long; all limits of matching rules apply."),
        ("policy.rules.reveal", "Argument paths where a token becomes its value on the way to the target."),
        ("policy.masks", "What is hidden from what the caller receives and from the record. Masks act on everything that their entries touch; the strongest wins."),
        ("policy.masks.id", "The mask's name, unique over all files."),
        ("policy.masks.on", "What the mask touches; everything when it is left out."),
        ("policy.masks.who", "For whom; everybody when it is left out."),
        ("policy.masks.except", "Whose own copy stays clear; the record never does."),
        ("policy.masks.fields", "JSON paths: `$`, `.name`, `..name`, `[*]`."),
        ("policy.masks.columns", "Columns of databases by their whole names."),
        ("policy.masks.headers", "Headers by name."),
        ("policy.masks.detect", "Kinds of values, wherever they stand."),
        ("policy.masks.patterns", "Patterns of one's own, matched in linear time."),
        ("policy.masks.decode", "Spellings in which detectors and patterns look as well, such as base 64."),
        ("policy.masks.as", "What stands there instead: `redact`, `hash` or `partial`."),
        ("policy.requests", "What may be asked for just in time, by whom, for how long, and who must agree."),
        ("policy.labels", "What sticks to an identity after it read something."),
        ("policy.definitions", "Definitions of targets for the file's own tests: names, or names with input schemas."),
        ("policy.tests", "Tests of the policy: no target is asked."),
        ("policy.tests.name", "The test, as a sentence."),
        ("policy.tests.as", "Who asks."),
        ("policy.tests.as.user", "A person's subject."),
        ("policy.tests.as.groups", "Their groups."),
        ("policy.tests.as.agent", "The client program."),
        ("policy.tests.as.workload", "A workload's subject, instead of a person."),
        ("policy.tests.at", "The instant; that of the run otherwise."),
        ("policy.tests.ask", "What for: `connection`, and the words of its protocol."),
        ("policy.tests.reply", "A reply as the target would give it, to see what masks make of it."),
        ("policy.tests.expect", "What should come of it."),
        ("policy.tests.expect.decision", "`allow`, `hold` or `deny`."),
        ("policy.tests.expect.rule", "The rule that decides."),
        ("policy.tests.expect.code", "The code that the caller is told."),
        ("policy.tests.expect.reply", "The reply after masks."),
    ];

    private const string Condition = "policy.rules.when";

    /// <summary>Every word, those of the vocabularies included.</summary>
    public static ImmutableArray<string> Paths(IEnumerable<Vocabulary> vocabularies) => [.. All(vocabularies).Select(word => word.Path)];

    /// <summary>The word at a path, or null with the nearest that there is.</summary>
    public static PolicyWord? Find(string path, IEnumerable<Vocabulary> vocabularies, out string hint)
    {
        ArgumentNullException.ThrowIfNull(path);
        var all = All(vocabularies).ToList();
        var found = all.Find(word => word.Path == path);
        hint = found.Path is null ? NearestWord.Hint(path, all.Select(word => word.Path)) : "";
        if (found.Path is null) return null;
        var below = path + ".";
        var text = path == Condition ? $"{found.Text} {string.Join("; ", vocabularies.Select(VariablesOf).OfType<string>())}." : found.Text;
        return new PolicyWord(path, text, [.. all.Select(word => word.Path).Where(word => word.StartsWith(below, StringComparison.Ordinal) && !word.AsSpan(below.Length).Contains('.'))]);
    }

    private static IEnumerable<(string Path, string Text)> All(IEnumerable<Vocabulary> vocabularies) =>
        Words.Concat(vocabularies.SelectMany(vocabulary => vocabulary.Keys.Select(key => ($"policy.rules.on.{key.Name}", TextOf(vocabulary, key)))));

    private static string? VariablesOf(Vocabulary vocabulary) =>
        vocabulary.Variables.IsEmpty ? null : $"{vocabulary.Name} brings {string.Join(", ", vocabulary.Variables.Select(variable => $"`{variable.Name}`"))}";

    private static string TextOf(Vocabulary vocabulary, SelectorKey key)
    {
        var text = $"A word of {vocabulary.Name}, for connections that speak {string.Join(", ", vocabulary.Protocols)}.";
        if (!key.ClosedValues.IsEmpty) text += $" Its values: {string.Join(", ", key.ClosedValues)}.";
        if (key.ByNameOnly) text += " Given by name only: no pattern.";
        else if (key.Segment is { } segment) text += $" In a pattern `*` ends at `{segment}`, `**` does not.";
        else text += " In a pattern `*` is any run of characters.";
        if (key.PatternsNeedDefinition) text += " A pattern in allow and hold reaches only what has an accepted definition.";
        if (!key.NamedOnlyValues.IsEmpty) text += $" Never reached by a pattern in allow and hold: {string.Join(", ", key.NamedOnlyValues)}.";
        return text;
    }
}
