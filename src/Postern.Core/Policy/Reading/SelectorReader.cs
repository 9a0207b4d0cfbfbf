using System.Collections.Immutable;
using Postern.Core.Operations;
using Postern.Core.Yaml;

namespace Postern.Core.Policy.Reading;

/// <summary>Reads the values of one selector key.</summary>
internal static class SelectorReader
{
    public static ImmutableArray<string> Values(LoadContext context, Vocabulary vocabulary, SelectorKey key, YamlNode node)
    {
        var written = new HashSet<string>(StringComparer.Ordinal);
        var values = ImmutableArray.CreateBuilder<string>();
        foreach (var item in context.Items(node, $"`{key.Name}`"))
        {
            if (context.Text(item, $"`{key.Name}`") is not { } value) continue;
            if (!written.Add(value)) context.Error(item, $"`{value}` stands in `{key.Name}` twice");
            else if (IsLegal(context, key, item, value)) AddAll(values, vocabulary.SpellingsOf(key, value));
        }
        return values.DrainToImmutable();
    }

    private static void AddAll(ImmutableArray<string>.Builder values, ImmutableArray<string> spellings)
    {
        foreach (var spelling in spellings)
        {
            if (!values.Contains(spelling)) values.Add(spelling);
        }
    }

    private static bool IsLegal(LoadContext context, SelectorKey key, YamlNode node, string value)
    {
        if (value.Length > Glob.MaxLength && Glob.IsPattern(value))
        {
            context.Error(node, $"a pattern has at most {Glob.MaxLength} characters");
            return false;
        }
        if (Glob.IsPattern(value) && key.ByNameOnly)
        {
            context.Error(node, $"`{value}`: `{key.Name}` is given by name only; write the names out");
            return false;
        }
        if (key.ClosedValues.IsEmpty) return true;
        if (Glob.IsPattern(value))
        {
            var glob = new Glob(value, key.Segment);
            if (key.ClosedValues.Any(glob.IsMatch)) return true;
            context.Error(node, $"`{value}` matches no value of `{key.Name}`: {Shown(key.ClosedValues)}");
            return false;
        }
        if (key.ClosedValues.Contains(value)) return true;
        context.Error(node, $"`{key.Name}` has no value `{value}`; the values are {Shown(key.ClosedValues)}{NearestWord.Hint(value, key.ClosedValues)}");
        return false;
    }

    private static string Shown(ImmutableArray<string> values) => string.Join(", ", values.Select(value => $"`{value}`"));
}
