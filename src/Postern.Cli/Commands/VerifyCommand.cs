using System.CommandLine;
using System.Text.Json.Nodes;
using Postern.Cli.Console;
using Postern.Cli.Export;
using Postern.Cli.Output;
using Postern.Cli.Replay;
using Postern.Core.Recording;

namespace Postern.Cli.Commands;

/// <summary><c>postern verify</c>: proves offline, with nothing but a public key, that recordings are as they were written.</summary>
internal static class VerifyCommand
{
    private static readonly Column[] Columns =
    [
        new("Verdict", item => (bool)item["good"]! ? "good" : "BAD"),
        Column.Of("Journal", "journal"),
        Column.Of("Records", "records"),
        Column.Of("Signed", "signedThrough"),
        Column.Of("Unsigned", "unsigned"),
        Column.Of("Open", "open"),
    ];

    public static Command Create(Surroundings surroundings, SharedOptions shared)
    {
        var paths = new Argument<string[]>("recording") { Description = "Journal folders, data folders, segment files, or evidence bundles (`*.zip`).", Arity = ArgumentArity.OneOrMore };
        var key = new Option<string[]>("--key") { Description = "The gateway's public key (journal.pub.pem). Where it was replaced, the first one is enough, since each vouches for the next; several may be given.", HelpName = "public.pem", Required = true };
        var anchors = new Option<string[]>("--anchors") { Description = "What an earlier `verify -o ndjson` wrote, kept elsewhere: proves that nothing up to there was cut off.", HelpName = "file" };
        var command = new Command("verify", "Verify recordings offline: nothing was changed, removed, added or reordered.") { paths, key, anchors };
        command.SetAction((parsed, cancellationToken) => Task.FromResult(Run(surroundings, shared.Renderer(parsed), parsed.GetRequiredValue(paths), parsed.GetRequiredValue(key), parsed.GetValue(anchors) ?? [], cancellationToken)));
        return command;
    }

    private static int Run(Surroundings surroundings, Renderer renderer, string[] paths, string[] keyFiles, string[] anchorFiles, CancellationToken cancellationToken)
    {
        if (keyFiles.FirstOrDefault(file => !File.Exists(file)) is { } keyFile) throw new CommandException(ExitCode.NotFound, $"the public key `{keyFile}` does not exist; a gateway keeps its own as `journal.pub.pem` in its data folder");
        var keys = string.Join('\n', keyFiles.Select(File.ReadAllText));
        var bundles = paths.Where(path => path.EndsWith(SessionBundle.Ending, StringComparison.OrdinalIgnoreCase) && File.Exists(path)).ToArray();
        if (bundles.Length > 0)
        {
            var bad = bundles.Sum(bundle => SessionBundle.Verify(surroundings, bundle, keys) == ExitCode.Ok ? 0 : 1);
            paths = [.. paths.Except(bundles, StringComparer.Ordinal)];
            if (bad > 0 || paths.Length == 0) return bad > 0 ? ExitCode.Failure : ExitCode.Ok;
        }
        var report = JournalVerifier.Verify(paths, keys, anchorFiles.SelectMany(AnchorFile.Read), cancellationToken);
        if (report.Journals.Length > 0) renderer.WriteList([.. report.Journals.Select(Item)], "nothing was verified", Columns);
        foreach (var journal in report.Journals)
        {
            if (journal.Bad is not { } bad) continue;
            var from = bad.SuspectFrom < bad.Sequence ? $"; the change lies in records {bad.SuspectFrom} to {bad.Sequence}" : "";
            surroundings.Error.WriteLine($"postern: first bad record: {bad.Sequence}, in `{bad.File}` at byte {bad.Offset}: {bad.Problem}{from}");
        }
        foreach (var problem in report.Problems) surroundings.Error.WriteLine("postern: " + problem);
        if (!report.IsGood) return ExitCode.Failure;
        var folded = report.Journals.Sum(journal => journal.Folded);
        if (folded > 0) surroundings.Error.WriteLine($"of {folded} records what was said was taken out: their sessions were erased, and signed tombstones say so");
        var unsigned = report.Journals.Sum(journal => journal.Unanchored);
        if (unsigned > 0) surroundings.Error.WriteLine($"the last {unsigned} records carry no signature yet: a running gateway signs every second, a stopped one has none left");
        return ExitCode.Ok;
    }

    private static JsonObject Item(JournalVerdict verdict) => new()
    {
        ["good"] = verdict.IsGood,
        ["journal"] = verdict.Journal,
        ["folder"] = verdict.Folder,
        ["segments"] = verdict.Segments,
        ["records"] = verdict.Records,
        ["checkpoints"] = verdict.Checkpoints,
        ["signedThrough"] = verdict.LastCheckpoint?.Sequence,
        ["chain"] = verdict.LastCheckpoint?.Chain,
        ["unsigned"] = verdict.Unanchored,
        ["open"] = verdict.OpenIntents.Length,
        ["folded"] = verdict.Folded,
        ["firstBad"] = verdict.Bad is not { } bad ? null : new JsonObject
        {
            ["sequence"] = bad.Sequence, ["file"] = bad.File, ["offset"] = bad.Offset, ["problem"] = bad.Problem, ["suspectFrom"] = bad.SuspectFrom,
        },
    };
}
