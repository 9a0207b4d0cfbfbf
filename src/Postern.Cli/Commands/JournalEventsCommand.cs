using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Postern.Cli.Console;
using Postern.Cli.Output;
using Postern.Core.Recording;

namespace Postern.Cli.Commands;

/// <summary><c>postern journal events</c>: what happened outside operations: changes of configuration and policy, keys, refusals, answers.</summary>
internal static class JournalEventsCommand
{
    private static readonly Column[] Columns =
    [
        new("At", item => (string?)item["at"] is { Length: > 19 } at ? at[..19].Replace('T', ' ') : null),
        Column.Of("Event", "event"),
        new("Facts", item => item["facts"] is JsonObject facts ? string.Join("  ", facts.Select(fact => $"{fact.Key}={fact.Value}")) : null),
    ];

    public static Command Create(SharedOptions shared)
    {
        var folder = new Argument<string>("data") { Description = "The gateway's data folder, or its journal folder.", HelpName = "folder" };
        var kind = new Option<string?>("--kind") { Description = "Only events of this name, or whose name begins so: configuration.", HelpName = "name" };
        var command = new Command("events", "Show what happened outside operations, in order: changes of configuration and policy, keys, refusals, answers.") { folder, kind };
        command.SetAction((parsed, _) =>
        {
            shared.Renderer(parsed).WriteList(Read(parsed.GetRequiredValue(folder), parsed.GetValue(kind)), "no events are recorded", Columns);
            return Task.FromResult(ExitCode.Ok);
        });
        return command;
    }

    private static List<JsonObject> Read(string folder, string? kind)
    {
        var journal = Directory.Exists(Path.Combine(folder, "journal")) ? Path.Combine(folder, "journal") : folder;
        var reader = new JournalReader(journal);
        try
        {
            if (reader.ReadJournalId() is null) throw new CommandException(ExitCode.NotFound, $"`{folder}` holds no journal; expected a folder with files like `journal-000001.pjl`");
            return
            [
                .. reader.Read(JournalPosition.Begin, long.MaxValue, static type => type == RecordType.Occurrence)
                    .Where(record => record.Payload is RecordedOccurrence occurrence && (kind is null || occurrence.Kind == kind || occurrence.Kind.StartsWith(kind + ".", StringComparison.Ordinal)))
                    .Select(record => Item(record.Sequence, (RecordedOccurrence)record.Payload)),
            ];
        }
        catch (RecordingException unreadable)
        {
            throw new CommandException(ExitCode.Failure, unreadable.Message);
        }
    }

    private static JsonObject Item(long sequence, RecordedOccurrence occurrence)
    {
        var facts = new JsonObject();
        foreach (var fact in occurrence.Facts) facts[fact.Name] = fact.Value;
        return new JsonObject
        {
            ["sequence"] = sequence,
            ["at"] = occurrence.At.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture),
            ["event"] = occurrence.Kind,
            ["facts"] = facts,
        };
    }
}
