using System.Text.Json.Nodes;
using Postern.Core.Policy.Suggesting;

namespace Postern.Gateway.Policies;

/// <summary>What was learnt from recordings, as the control API and the command line tell it.</summary>
internal static class SuggestionDocument
{
    public static JsonObject Of(Suggestions suggestions, NarrowerPolicy? narrower) => new()
    {
        ["operations"] = suggestions.Operations,
        ["rules"] = suggestions.Rules.Length,
        ["policy"] = suggestions.ToYaml(),
        ["uncovered"] = new JsonObject(suggestions.Uncovered.Select(pair => KeyValuePair.Create<string, JsonNode?>(pair.Key, pair.Value))),
        ["unused"] = narrower is null ? null : new JsonArray([.. narrower.Unused]),
        ["kept"] = narrower is null ? null : new JsonArray([.. narrower.Kept]),
        ["diff"] = narrower?.Diff,
        ["harmless"] = narrower?.IsHarmless,
        ["unfaithful"] = narrower?.Proof is { } proof ? proof.Unfaithful.Sum(pair => pair.Value) : null,
    };
}
