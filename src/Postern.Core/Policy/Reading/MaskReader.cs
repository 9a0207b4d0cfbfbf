using System.Collections.Immutable;
using Postern.Core.Masking;
using Postern.Core.Yaml;

namespace Postern.Core.Policy.Reading;

/// <summary>Reads one mask.</summary>
internal static class MaskReader
{
    private const int MaxPatterns = 32;
    private const int MaxShown = 80;

    private static readonly ImmutableArray<string> Keys = ["id", "on", "who", "except", "fields", "columns", "headers", "detect", "patterns", "decode", "as"];
    private static readonly ImmutableArray<string> Says = ["fields", "columns", "headers", "detect", "patterns"];
    private static readonly ImmutableArray<(string, MaskKind)> Kinds = [("redact", MaskKind.Redact), ("hash", MaskKind.Hash), ("partial", MaskKind.Partial)];

    public static Mask? Read(LoadContext context, YamlNode node, int ordinal)
    {
        if (!context.IsMapping(node, "a mask")) return null;
        context.CheckKeys(node, Keys);
        var id = Ids.Read(context, node, "mask");
        var fields = node.Find("fields") is { } fieldsNode ? Fields(context, fieldsNode) : [];
        if (node.Find("headers") is { } headersNode) fields = [.. fields, .. Headers(context, headersNode)];
        var columns = node.Find("columns") is { } columnsNode ? Columns(context, columnsNode) : [];
        var detectors = node.Find("detect") is { } detectNode ? DetectorsOf(context, detectNode) : [];
        var patterns = node.Find("patterns") is { } patternsNode ? Patterns(context, patternsNode) : [];
        if (!node.Entries.Any(entry => Says.Contains(entry.Key.Text))) context.Error(node, "a mask must say what it hides: `fields`, `columns`, `headers`, `detect` or `patterns`");
        return new Mask
        {
            Ordinal = ordinal,
            Rule = new MaskRule(id ?? "", fields, detectors, Kind(context, node)) { Columns = columns, Patterns = patterns, Decode = Decode(context, node) },
            On = node.Find("on") is { } on ? EntryReader.Read(context, on, mustName: false) : [],
            Who = node.Find("who") is { } who && who is not { Kind: YamlKind.Scalar, Text: "anyone" } ? WhoReader.Read(context, who, "`who`") : null,
            Except = node.Find("except") is { } except ? WhoReader.Read(context, except, "`except`") : null,
        };
    }

    // Protocols that have headers show them as members of `headers`, in lower case; a name has no case of its own.
    private static ImmutableArray<JsonPath> Headers(LoadContext context, YamlNode node)
    {
        if (!context.Environment.Vocabularies.Any(vocabulary => vocabulary.Variables.Any(variable => variable.Name == "headers")))
        {
            context.Error(node, "no protocol of this gateway has `headers` that a mask could read; use `fields`, `columns` or `detect`");
            return [];
        }
        var paths = ImmutableArray.CreateBuilder<JsonPath>();
        foreach (var name in context.Texts(node, "`headers`"))
        {
            if (name.All(character => char.IsAsciiLetterOrDigit(character) || character is '-' or '_') && JsonPath.TryParse("$.headers." + name.ToLowerInvariant(), out var path, out _)) paths.Add(path!);
            else context.Error(node, $"`{name}` is no name of a header; a name is letters, digits and `-`");
        }
        return paths.DrainToImmutable();
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

    private static ImmutableArray<ColumnPattern> Columns(LoadContext context, YamlNode node)
    {
        if (!context.AllKeys.Any(key => key.Name == "columns"))
        {
            context.Error(node, "no protocol of this gateway has `columns` that a mask could read; use `fields` or `detect`");
            return [];
        }
        var columns = ImmutableArray.CreateBuilder<ColumnPattern>();
        foreach (var item in context.Items(node, "`columns`"))
        {
            if (context.Text(item, "`columns`") is not { } text) continue;
            if (ColumnPattern.TryParse(text, out var column, out var error)) columns.Add(column!);
            else context.Error(item, $"`{text}`: {error}");
        }
        return columns.DrainToImmutable();
    }

    private static ImmutableArray<MaskPattern> Patterns(LoadContext context, YamlNode node)
    {
        var patterns = ImmutableArray.CreateBuilder<MaskPattern>();
        foreach (var item in context.Items(node, "`patterns`"))
        {
            if (patterns.Count == MaxPatterns)
            {
                context.Error(item, $"a mask has at most {MaxPatterns} patterns; join some with `|`, or write a second mask");
                break;
            }
            if (context.Text(item, "`patterns`") is not { } text) continue;
            if (MaskPattern.TryParse(text, out var pattern, out var error)) patterns.Add(pattern!);
            else context.Error(item, $"`{(text.Length <= MaxShown ? text : text[..MaxShown] + "…")}`: {error}");
        }
        return patterns.DrainToImmutable();
    }

    private static Decodings Decode(LoadContext context, YamlNode node)
    {
        if (node.Find("decode") is not { } decode) return Decodings.None;
        if (node.Find("detect") is null && node.Find("patterns") is null) context.Error(decode, "`decode` says where `detect` and `patterns` look as well; name one of them");
        return context.Items(decode, "`decode`").Aggregate(Decodings.None, (all, item) => all | (context.Word(item, "`decode`", DecodingNames.All) ?? Decodings.None));
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
