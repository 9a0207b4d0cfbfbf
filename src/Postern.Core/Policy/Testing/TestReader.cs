using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Text.Json;
using Postern.Core.Operations;
using Postern.Core.Policy.Reading;
using Postern.Core.Yaml;

namespace Postern.Core.Policy.Testing;

/// <summary>Reads one test.</summary>
internal static class TestReader
{
    private static readonly ImmutableArray<string> Keys = ["name", "as", "at", "ask", "reply", "expect"];
    private static readonly ImmutableArray<string> AsKeys = ["user", "groups", "agent", "workload", "grants"];
    private static readonly ImmutableArray<string> AsNotEnforced = ["labels"];
    private static readonly ImmutableArray<string> ExpectKeys = ["decision", "rule", "code", "reply"];
    private static readonly ImmutableArray<(string, int)> Decisions = [.. PolicyTest.Decisions.Select((word, index) => (word, index))];

    // Whoever the test does not name: a person of the one issuer, or of the first.
    private const string Somebody = "somebody";

    public static PolicyTest? Read(LoadContext context, YamlNode node, IDefinitionCatalogue definitions)
    {
        if (!context.IsMapping(node, "a test")) return null;
        context.CheckKeys(node, Keys);
        var name = node.Find("name") is { } nameNode ? context.Text(nameNode, "`name`") : Missing(context, node, "name");
        var identity = node.Find("as") is { } asNode ? As(context, asNode) : null;
        if (node.Find("as") is null) Missing(context, node, "as");
        if (node.Find("ask") is not { } askNode)
        {
            Missing(context, node, "ask");
            return null;
        }
        var (connection, ask) = Ask(context, askNode);
        if (node.Find("expect") is not { } expect)
        {
            Missing(context, node, "expect");
            return null;
        }
        if (!context.IsMapping(expect, "`expect`")) return null;
        context.CheckKeys(expect, ExpectKeys);
        var decision = expect.Find("decision") is { } decisionNode ? Decision(context, decisionNode) : Missing(context, expect, "decision");
        var reply = node.Find("reply");
        if (expect.Find("reply") is { } expectedReply && reply is null) context.Error(expectedReply, "`expect: reply` needs the target's `reply` beside `ask`");
        if (name is null || identity is null || connection is null || decision is null) return null;
        return new PolicyTest
        {
            Name = name,
            File = node.File,
            Line = node.Line,
            As = identity,
            Grants = node.Find("as")?.Find("grants") is { } grants ? context.Texts(grants, "`grants`") : [],
            At = node.Find("at") is { } at ? context.Instant(at, "`at`") : null,
            Connection = connection,
            Ask = ask,
            Definitions = definitions,
            Reply = reply is null ? null : YamlJson.ToUtf8(reply),
            Decision = decision,
            Rule = expect.Find("rule") is { } rule ? context.Text(rule, "`rule`") : null,
            Code = expect.Find("code") is { } code ? context.Text(code, "`code`") : null,
            ExpectedReply = expect.Find("reply") is { } wanted ? YamlJson.Read(wanted) : null,
        };
    }

    private static string? Decision(LoadContext context, YamlNode node) => context.Word(node, "`decision`", Decisions) is { } index ? PolicyTest.Decisions[index] : null;

    private static string? Missing(LoadContext context, YamlNode node, string key)
    {
        context.Error(node, $"`{key}` is missing; a test has `name`, `as`, `ask` with `connection`, and `expect` with `decision`");
        return null;
    }

    private static Identity? As(LoadContext context, YamlNode node)
    {
        if (!context.IsMapping(node, "`as`")) return null;
        context.CheckKeys(node, AsKeys, AsNotEnforced);
        var user = Name(context, node, "user");
        var workload = Name(context, node, "workload");
        var agent = Name(context, node, "agent");
        var groups = node.Find("groups") is { } groupsNode ? WhoReader.Names(context, groupsNode, "`groups`") : [];
        var isOwn = groups.Contains(WhoReader.OwnGroup);
        groups = groups.Remove(WhoReader.OwnGroup);
        if (user is not null && workload is not null) context.Error(node, "`as` is a `user` or a `workload`, not both");
        ImmutableArray<string> all = [.. new[] { user, workload, agent }.OfType<string>(), .. groups];
        var issuer = all.IsEmpty ? context.Environment.Issuers.FirstOrDefault("") : Issuer(all[0]);
        if (all.FirstOrDefault(name => Issuer(name) != issuer) is { } stranger)
        {
            context.Error(node, $"`{stranger}` is of another issuer than `{all[0]}`; one token has one issuer");
            return null;
        }
        return new Identity
        {
            Issuer = issuer,
            Subject = (user ?? workload)?[(issuer.Length + 1)..] ?? Somebody,
            Kind = workload is null ? IdentityKind.Person : IdentityKind.Workload,
            Agent = agent?[(issuer.Length + 1)..],
            Groups = [.. groups.Select(group => group[(issuer.Length + 1)..])],
            OwnGroups = isOwn ? [WhoReader.OwnGroup[(WhoReader.OwnGroup.IndexOf(':', StringComparison.Ordinal) + 1)..]] : [],
        };
    }

    private static string Issuer(string qualified) => qualified[..qualified.IndexOf(':', StringComparison.Ordinal)];

    private static string? Name(LoadContext context, YamlNode node, string key)
    {
        if (node.Find(key) is not { } value) return null;
        if (value.Kind == YamlKind.Scalar) return WhoReader.Names(context, value, $"`{key}`") is [var name] ? name : null;
        context.Error(value, $"`{key}` is one name, found {LoadContext.Shown(value)}");
        return null;
    }

    private static (Connection? Connection, FrozenDictionary<string, JsonElement> Ask) Ask(LoadContext context, YamlNode node)
    {
        var none = FrozenDictionary<string, JsonElement>.Empty;
        if (!context.IsMapping(node, "`ask`")) return (null, none);
        if (node.Find("connection") is not { } at || context.Text(at, "`connection`") is not { } name)
        {
            context.Error(node, "`ask` must name its `connection`");
            return (null, none);
        }
        var all = context.Environment.Connections;
        var connection = all.FirstOrDefault(candidate => candidate.Name == name);
        if (connection is null)
        {
            context.Error(at, $"no connection is called `{name}`{NearestWord.Hint(name, all.Select(candidate => candidate.Name))}");
            return (null, none);
        }
        var vocabulary = context.Environment.Vocabularies.FirstOrDefault(candidate => candidate.Protocols.Contains(connection.Protocol));
        if (vocabulary is null)
        {
            context.Error(at, $"nothing here speaks `{connection.Protocol}`, so `{name}` cannot be asked");
            return (null, none);
        }
        context.CheckKeys(node, ["connection", .. vocabulary.AskKeys]);
        return (connection, node.Entries.Where(entry => entry.Key.Text != "connection").ToFrozenDictionary(entry => entry.Key.Text, entry => YamlJson.Read(entry.Value), StringComparer.Ordinal));
    }
}
