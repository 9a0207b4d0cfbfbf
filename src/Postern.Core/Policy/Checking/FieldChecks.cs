using System.Collections.Immutable;
using System.Text.Json;
using Postern.Core.Operations;
using Postern.Core.Policy.Reading;
using Postern.Core.Yaml;

namespace Postern.Core.Policy.Checking;

/// <summary>
/// Holds a condition against the input schemas of the definitions that its rule reaches: what may be absent must be guarded,
/// because at run time an absent field is an error, and an error denies.
/// </summary>
internal static class FieldChecks
{
    // A schema that combines others is not followed: what it lets be absent is left to the moment of the decision.
    private static readonly string[] Combining = ["$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "if"];

    public static void Run(LoadContext context, IDefinitionCatalogue definitions, Rule rule, YamlNode node)
    {
        if (rule.When is null || node.Find("when") is not { } when) return;
        var uses = FieldUses.Unguarded(rule.When.Root);
        var reported = new HashSet<string>(StringComparer.Ordinal);
        foreach (var vocabulary in context.Environment.Vocabularies)
        {
            foreach (var variable in vocabulary.Variables.Where(variable => variable.SchemaFact is not null))
            {
                foreach (var (definition, connection) in Reached(context, definitions, rule, vocabulary, variable.SchemaFact!))
                {
                    foreach (var (path, offset) in uses.Where(use => use.Path.Variable == variable.Name))
                    {
                        if (Missing(definition.InputSchema, path) is not { } why || !reported.Add(path.Text)) continue;
                        var (line, column) = RuleReader.Place(when, when.Text, offset);
                        context.Add(ProblemSeverity.Error, when.File, line, column, $"in `when`: `{path.Text}` {why.Text} by the definition of `{definition.Name}` on `{connection}`; {(why.Hint.Length > 0 ? why.Hint : $"an absent field is an error, so write `has({path.Text}) && …` or `.?{path.Fields[^1]}.orValue(…)`")}");
                    }
                }
            }
        }
    }

    private static IEnumerable<(Definition Definition, string Connection)> Reached(LoadContext context, IDefinitionCatalogue definitions, Rule rule, Vocabulary vocabulary, string fact)
    {
        foreach (var entry in rule.On)
        {
            if (entry.Vocabulary is not null && entry.Vocabulary != vocabulary) continue;
            var selector = entry.Selectors.FirstOrDefault(candidate => candidate.Key.Fact == fact);
            if (selector is null && !entry.Selectors.IsEmpty) continue;
            foreach (var connection in context.Environment.Connections.Where(connection => entry.IsOn(connection) && vocabulary.Protocols.Contains(connection.Protocol) && definitions.Knows(connection.Name)))
            {
                foreach (var name in definitions.Names(connection.Name, fact))
                {
                    if (selector?.Names(name) != false && definitions.Find(connection.Name, fact, name) is { } definition) yield return (definition, connection.Name);
                }
            }
        }
    }

    private static (string Text, string Hint)? Missing(ReadOnlyMemory<byte> schema, FieldPath path)
    {
        if (schema.IsEmpty) return null;
        try
        {
            using var document = JsonDocument.Parse(schema);
            return Missing(document.RootElement, path.Fields);
        }
        catch (JsonException)
        {
            // A target's schema that is no JSON says nothing about what may be absent.
            return null;
        }
    }

    private static (string Text, string Hint)? Missing(JsonElement schema, ImmutableArray<string> fields)
    {
        foreach (var field in fields)
        {
            if (schema.ValueKind != JsonValueKind.Object || Combining.Any(word => schema.TryGetProperty(word, out _))) return null;
            var hasProperties = schema.TryGetProperty("properties", out var properties) && properties.ValueKind == JsonValueKind.Object;
            JsonElement property = default;
            var isKnown = hasProperties && properties.TryGetProperty(field, out property);
            if (!isKnown && schema.TryGetProperty("additionalProperties", out var additional) && additional.ValueKind == JsonValueKind.False)
            {
                return ("is never there", hasProperties ? NearestWord.Hint(field, properties.EnumerateObject().Select(known => known.Name)).TrimStart(';', ' ') : "");
            }
            var isRequired = schema.TryGetProperty("required", out var required) && required.ValueKind == JsonValueKind.Array
                && required.EnumerateArray().Any(name => name.ValueKind == JsonValueKind.String && name.ValueEquals(field));
            if (!isRequired) return ("may be absent", "");
            if (!isKnown) return null;
            schema = property;
        }
        return null;
    }
}
