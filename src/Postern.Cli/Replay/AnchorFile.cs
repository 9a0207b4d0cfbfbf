using System.Text.Json;
using System.Text.Json.Nodes;
using Postern.Core.Recording;

namespace Postern.Cli.Replay;

/// <summary>Signed points that an earlier verification wrote down: the lines of <c>postern verify -o ndjson</c>, or one JSON list of them.</summary>
internal static class AnchorFile
{
    /// <summary>Its anchors.</summary>
    /// <exception cref="CommandException">There is no such file, or it holds something else. What is not understood is not skipped: an anchor less would prove less.</exception>
    public static IReadOnlyList<JournalAnchor> Read(string path)
    {
        if (!File.Exists(path)) throw new CommandException(ExitCode.NotFound, $"the anchors `{path}` do not exist; `postern verify … -o ndjson > {path}` writes them");
        var text = File.ReadAllText(path).Trim();
        try
        {
            var items = text.StartsWith('[') ? JsonNode.Parse(text)!.AsArray().ToArray() : [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line))];
            if (items.Length == 0) throw new CommandException(ExitCode.Failure, $"`{path}` holds no anchors; expected what `postern verify … -o ndjson` writes");
            return [.. items.Select(AnchorOf)];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw new CommandException(ExitCode.Failure, $"`{path}` cannot be read as anchors: {e.Message}; expected what `postern verify … -o ndjson` writes");
        }
    }

    private static JournalAnchor AnchorOf(JsonNode? item) =>
        item?["journal"] is { } journal && item["signedThrough"] is { } sequence && item["chain"] is { } chain
            ? new JournalAnchor(journal.GetValue<string>(), sequence.GetValue<long>(), chain.GetValue<string>())
            : throw new FormatException("a line has no `journal`, `signedThrough` or `chain`");
}
