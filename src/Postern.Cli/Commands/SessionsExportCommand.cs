using System.CommandLine;
using System.Text;
using Postern.Cli.Console;
using Postern.Cli.Export;
using Postern.Cli.Output;
using Postern.Cli.Replay;

namespace Postern.Cli.Commands;

/// <summary><c>postern sessions export</c>: one session as a file for others: data, a table, a page that replays it offline, its terminal, or signed evidence.</summary>
internal static class SessionsExportCommand
{
    public static Command Create(Surroundings surroundings, SharedOptions shared)
    {
        var session = new Argument<string>("session") { Description = "The session's id." };
        var source = new SessionSource();
        var form = new Option<string>("--as") { Description = "Form: ndjson, csv, html (one page that replays without a network), cast (its terminal, for terminal players), or bundle (signed evidence, made and signed by the gateway, or with its key where `--journal` names its data folder or `--config` its configuration; needs `--to`).", HelpName = "form", Required = true };
        form.AcceptOnlyFromAmong("ndjson", "csv", "html", "cast", "bundle");
        var file = new Option<string?>("--to") { Description = "Write this file, which must not exist yet; stdout otherwise.", HelpName = "file" };
        var command = new Command("export", "Write a session as a file: ndjson, csv, a page that replays it offline, a recording of its terminal, or a signed evidence bundle.") { session, form, file };
        source.AddTo(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            if (parsed.GetRequiredValue(form) == "bundle" && !source.IsLocal(parsed))
            {
                using var api = await shared.ConnectAsync(parsed, cancellationToken);
                return await SessionBundle.FetchAsync(surroundings, api, parsed.GetRequiredValue(session), parsed.GetValue(file), cancellationToken);
            }
            if (parsed.GetRequiredValue(form) == "bundle") return SessionBundle.Write(surroundings, source, parsed, parsed.GetRequiredValue(session), parsed.GetValue(file), cancellationToken);
            var steps = await source.ReadAsync(surroundings, shared, parsed, parsed.GetRequiredValue(session), cancellationToken);
            var kind = Enum.Parse<ExportForm>(parsed.GetRequiredValue(form), ignoreCase: true);
            if (parsed.GetValue(file) is not { } path)
            {
                Write(surroundings.Out, kind, steps);
                return ExitCode.Ok;
            }
            // Whole before there is a file: what cannot be written leaves none behind.
            using var text = new StringWriter();
            Write(text, kind, steps);
            using (var writer = Open(path)) await writer.WriteAsync(text.GetStringBuilder(), cancellationToken);
            surroundings.Error.WriteLine($"wrote {steps.Count} {(steps.Count == 1 ? "step" : "steps")} to `{path}`");
            return ExitCode.Ok;
        });
        return command;
    }

    private static void Write(TextWriter to, ExportForm form, IReadOnlyList<ReplayStep> steps)
    {
        switch (form)
        {
            case ExportForm.Ndjson:
                foreach (var step in steps) to.Write(Renderer.Line(ReplayJson.Of(step)) + "\n");
                break;
            case ExportForm.Csv:
                SessionCsv.Write(to, steps);
                break;
            case ExportForm.Html:
                SessionPage.Write(to, steps);
                break;
            case ExportForm.Cast:
                foreach (var line in TerminalCast.Of(steps)) to.Write(line + "\n");
                break;
            default:
                throw new InvalidOperationException($"`{form}` is not a form of export");
        }
    }

    /// <summary>A new file that only its owner reads: recordings name people, and masks are only as good as policy made them.</summary>
    private static StreamWriter Open(string path)
    {
        try
        {
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            return new StreamWriter(path, new UTF8Encoding(false), options);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CommandException(ExitCode.Failure, File.Exists(path) ? $"`{path}` exists; expected the name of a new file" : $"`{path}` cannot be written: {e.Message}");
        }
    }
}
