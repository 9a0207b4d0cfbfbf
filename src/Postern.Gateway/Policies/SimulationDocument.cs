using System.Text.Json.Nodes;
using Postern.Core.Policy.Replay;

namespace Postern.Gateway.Policies;

/// <summary>What a simulation came to, as the control API and the command line tell it.</summary>
internal static class SimulationDocument
{
    public static JsonObject Of(SimulationResult result) => new()
    {
        ["operations"] = result.Operations,
        ["unchanged"] = result.Unchanged,
        ["changes"] = new JsonArray([.. result.Changes.Select(Of)]),
        ["unfaithful"] = new JsonObject(result.Unfaithful.Select(pair => KeyValuePair.Create<string, JsonNode?>(pair.Key, pair.Value))),
        ["unknownMasks"] = result.UnknownMasks,
    };

    private static JsonObject Of(SimulatedChanges change) => new()
    {
        ["change"] = WordOf(change.Change),
        ["identity"] = change.Identity,
        ["connection"] = change.Connection,
        ["asked"] = change.Asked,
        ["before"] = change.Before,
        ["after"] = change.After,
        ["rule"] = change.Rule,
        ["count"] = change.Count,
        ["sessions"] = new JsonArray([.. change.Sessions]),
        ["example"] = change.Example,
    };

    private static string WordOf(SimulatedChange change) => change switch
    {
        SimulatedChange.Allowed => "allowed",
        SimulatedChange.Held => "held",
        SimulatedChange.Denied => "denied",
        SimulatedChange.Masked => "masked",
        _ => "unmasked",
    };
}
