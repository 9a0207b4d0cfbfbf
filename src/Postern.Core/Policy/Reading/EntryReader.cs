using System.Collections.Immutable;
using Postern.Core.Operations;
using Postern.Core.Yaml;

namespace Postern.Core.Policy.Reading;

/// <summary>Reads <c>on</c>: one entry or a list of them.</summary>
internal static class EntryReader
{
    private static readonly ImmutableArray<string> CommonKeys = ["connection", "tags", "everything"];

    /// <summary>The entries that could be read. With <paramref name="mustName"/> each must name a vocabulary's required keys.</summary>
    public static ImmutableArray<Entry> Read(LoadContext context, YamlNode node, bool mustName)
    {
        var entries = ImmutableArray.CreateBuilder<Entry>();
        foreach (var item in context.Items(node, "`on`"))
        {
            if (context.IsMapping(item, "an entry of `on`") && ReadOne(context, item, mustName) is { } entry) entries.Add(entry);
        }
        return entries.DrainToImmutable();
    }

    private static Entry? ReadOne(LoadContext context, YamlNode node, bool mustName)
    {
        if (node.Entries.IsEmpty)
        {
            context.Error(node, "an entry of `on` is empty; to mean every connection write `connection: \"*\"`");
            return null;
        }
        Vocabulary? vocabulary = null;
        YamlNode? vocabularyKey = null;
        var isEverything = false;
        ImmutableArray<string>? tags = null;
        ImmutableArray<string>? connections = null;
        var isUnderstood = true;
        var selectors = ImmutableArray.CreateBuilder<Selector>();
        foreach (var (keyNode, value) in node.Entries)
        {
            switch (keyNode.Text)
            {
                case "connection": connections = context.Texts(value, "`connection`"); continue;
                case "tags": tags = Tags(context, value); continue;
                case "everything": isEverything = Everything(context, value); continue;
                default: break;
            }
            var (owner, key) = Find(context, keyNode.Text);
            if (owner is null || key is null)
            {
                context.Error(keyNode, $"unknown key `{keyNode.Text}`{NearestWord.Hint(keyNode.Text, context.AllKeys.Select(known => known.Name).Concat(CommonKeys))}");
                isUnderstood = false;
                continue;
            }
            if (vocabulary is not null && vocabulary != owner)
            {
                context.Error(keyNode, $"`{keyNode.Text}` is a word of {owner.Name}, `{vocabularyKey!.Text}` one of {vocabulary.Name}; an entry speaks one vocabulary, so write two entries");
                isUnderstood = false;
                continue;
            }
            (vocabulary, vocabularyKey) = (owner, keyNode);
            selectors.Add(new Selector(key, SelectorReader.Values(context, owner, key, value)));
        }
        var entry = new Entry(connections, tags, vocabulary, isEverything, selectors.DrainToImmutable());
        CheckExclusive(context, node, entry);
        if (isUnderstood) CheckRequired(context, node, entry, mustName);
        CheckConnections(context, node, entry, connections);
        return entry;
    }

    private static (Vocabulary? Vocabulary, SelectorKey? Key) Find(LoadContext context, string name)
    {
        foreach (var vocabulary in context.Environment.Vocabularies)
        {
            foreach (var key in vocabulary.Keys)
            {
                if (string.Equals(key.Name, name, StringComparison.Ordinal)) return (vocabulary, key);
            }
        }
        return (null, null);
    }

    private static ImmutableArray<string> Tags(LoadContext context, YamlNode node)
    {
        var tags = context.Texts(node, "`tags`");
        foreach (var tag in tags)
        {
            if (Glob.IsPattern(tag)) context.Error(node, $"`{tag}`: tags are exact; `*` is not read here");
        }
        return tags;
    }

    private static bool Everything(LoadContext context, YamlNode node)
    {
        if (node is { Kind: YamlKind.Scalar, IsPlain: true, Text: "true" }) return true;
        context.Error(node, $"`everything` can only be `true`, found {LoadContext.Shown(node)}; leave the key out otherwise");
        return false;
    }

    private static void CheckExclusive(LoadContext context, YamlNode node, Entry entry)
    {
        foreach (var group in entry.Vocabulary?.ExclusiveKeys ?? [])
        {
            var written = entry.Selectors.Where(selector => group.Contains(selector.Key.Name)).Select(selector => $"`{selector.Key.Name}`").ToList();
            if (written.Count > 1) context.Error(node, $"{string.Join(" and ", written)} never meet in one operation; write an entry for each");
        }
    }

    private static void CheckRequired(LoadContext context, YamlNode node, Entry entry, bool mustName)
    {
        if (entry.IsEverything)
        {
            if (entry.Vocabulary?.RequiredKeys.FirstOrDefault(Written) is { IsDefaultOrEmpty: false } doubled) context.Error(node, $"`everything: true` stands in for {Shown(doubled)}; write one of them");
            return;
        }
        if (!mustName || (entry.Vocabulary is not null && entry.Vocabulary.RequiredKeys.Any(Written))) return;
        var vocabularies = entry.Vocabulary is not null ? [entry.Vocabulary] : context.Environment.Vocabularies;
        var alternatives = string.Join(" or ", vocabularies.SelectMany(vocabulary => vocabulary.RequiredKeys).Select(Shown));
        context.Error(node, $"`allow` and `hold` must name what they give: {alternatives}, or `everything: true`");

        bool Written(ImmutableArray<string> keys) => keys.All(key => entry.Selectors.Any(selector => selector.Key.Name == key));
    }

    private static string Shown(ImmutableArray<string> keys) => string.Join(" with ", keys.Select(key => $"`{key}`"));

    private static void CheckConnections(LoadContext context, YamlNode node, Entry entry, ImmutableArray<string>? names)
    {
        var at = node.Find("connection");
        foreach (var name in names ?? [])
        {
            var all = context.Environment.Connections;
            if (Glob.IsPattern(name))
            {
                if (name.Length > Glob.MaxLength) context.Error(at!, $"a pattern has at most {Glob.MaxLength} characters");
                continue;
            }
            var connection = all.FirstOrDefault(candidate => string.Equals(candidate.Name, name, StringComparison.Ordinal));
            if (connection is null) context.Error(at!, $"no connection is called `{name}`{NearestWord.Hint(name, all.Select(candidate => candidate.Name))}");
            else if (entry.Vocabulary is not null && !entry.Vocabulary.Protocols.Contains(connection.Protocol)) context.Error(at!, $"`{name}` speaks `{connection.Protocol}`, but `{entry.Selectors[0].Key.Name}` is a word of {entry.Vocabulary.Name}");
        }
    }
}
