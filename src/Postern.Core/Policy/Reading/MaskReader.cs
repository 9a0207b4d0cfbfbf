using System.Collections.Immutable;
using Postern.Core.Masking;
using Postern.Core.Yaml;

namespace Postern.Core.Policy.Reading;

/// <summary>Reads one mask.</summary>
internal static class MaskReader
{
    private static readonly ImmutableArray<string> Keys = ["id", "on", "who", "except", "fields", "detect", "as"];
    private static readonly ImmutableArray<string> NotReadYet = ["columns", "headers"];
    private static readonly ImmutableArray<(string, MaskKind)> Kinds = [("redact", MaskKind.Redact), ("hash", MaskKind.Hash), ("partial", MaskKind.Partial)];

    public static Mask? Read(LoadContext context, YamlNode node, int ordinal)
    {
        if (!context.IsMapping(node, "a mask")) return null;
        context.CheckKeys(node, [.. Keys, .. NotReadYet]);
        foreach (var entry in node.Entries)
        {
            if (NotReadYet.Contains(entry.Key.Text)) context.Error(entry.Key, $"no protocol of this gateway has `{entry.Key.Text}` that a mask could read; use `fields` or `detect`");
        }
        var id = Ids.Read(context, node, "mask");
        var fields = node.Find("fields") is { } fieldsNode ? Fields(context, fieldsNode) : [];
        var detectors = node.Find("detect") is { } detectNode ? DetectorsOf(context, detectNode) : [];
        if (!node.Entries.Any(entry => entry.Key.Text is "fields" or "detect" || NotReadYet.Contains(entry.Key.Text))) context.Error(node, "a mask must say what it hides: `fields`, `detect` or both");
        return new Mask
        {
            Ordinal = ordinal,
            Rule = new MaskRule(id ?? "", fields, detectors, Kind(context, node)),
            On = node.Find("on") is { } on ? EntryReader.Read(context, on, mustName: false) : [],
            Who = node.Find("who") is { } who && who is not { Kind: YamlKind.Scalar, Text: "anyone" } ? WhoReader.Read(context, who, "`who`") : null,
            Except = node.Find("except") is { } except ? WhoReader.Read(context, except, "`except`") : null,
        };
    }

    private static MaskKind Kind(LoadContext context, YamlNode node)
    {
        if (node.Find("as") is not { } at)
        {
            context.Error(node, "a mask must say `as`: `redact`, `hash` or `partial`");
            return MaskKind.Redact;
        }
        if (at is { Kind: YamlKind.Scalar, Text: "token" })
        {
            context.Error(at, "`as: token` is not enforced yet, so it cannot stand in a policy; use `redact`, `hash` or `partial`");
            return MaskKind.Redact;
        }
        return context.Word(at, "`as`", Kinds) ?? MaskKind.Redact;
    }

    private static ImmutableArray<JsonPath> Fields(LoadContext context, YamlNode node)
    {
        var paths = ImmutableArray.CreateBuilder<JsonPath>();
        foreach (var item in context.Items(node, "`fields`"))
        {
            if (context.Text(item, "`fields`") is not { } text) continue;
            if (JsonPath.TryParse(text, out var path, out var error)) paths.Add(path!);
            else context.Error(item, $"`{text}`: {error}");
        }
        return paths.DrainToImmutable();
    }

    private static ImmutableArray<string> DetectorsOf(LoadContext context, YamlNode node)
    {
        var names = context.Texts(node, "`detect`");
        foreach (var name in names)
        {
            if (!Detectors.Names.Contains(name)) context.Error(node, $"no detector is called `{name}`; the detectors are {string.Join(", ", Detectors.Names.Select(known => $"`{known}`"))}{NearestWord.Hint(name, Detectors.Names)}");
        }
        return names;
    }
}
