using System.Text.Json.Nodes;

namespace Postern.Cli.Output;

/// <summary>One column of a table: a title, and the text of an item's cell.</summary>
internal sealed record Column(string Title, Func<JsonObject, string?> Text)
{
    /// <summary>A column that shows a member as it is; a list is joined by commas.</summary>
    public static Column Of(string title, string member) => new(title, item => Plain(item[member]));

    /// <summary>A member as text.</summary>
    public static string? Plain(JsonNode? node) => node switch
    {
        null => null,
        JsonArray list => string.Join(", ", list.Select(Plain)),
        JsonValue value when value.TryGetValue<string>(out var text) => text,
        _ => node.ToJsonString(),
    };
}
