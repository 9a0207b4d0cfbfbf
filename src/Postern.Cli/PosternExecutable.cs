using System.CommandLine;
using System.Runtime.InteropServices;
using Postern.Cli.Commands;
using Postern.Cli.Console;
using Postern.Core.Yaml;

namespace Postern.Cli;

/// <summary>The <c>postern</c> executable: its commands, and how their ends become exit codes.</summary>
internal static class PosternExecutable
{
    /// <summary>Every command; read as a table of contents.</summary>
    public static RootCommand Build(Surroundings surroundings)
    {
        var shared = new SharedOptions(surroundings);
        var root = new RootCommand("Postern: an identity-aware gateway for AI agents. It permits, masks, holds, refuses and records every single operation.")
        {
            DemoCommand.Create(surroundings),
            InitCommand.Create(surroundings),
            ServeCommand.Create(surroundings),
            DoctorCommand.Create(surroundings, shared),
            LoginCommand.Create(surroundings, shared),
            LogoutCommand.Create(surroundings, shared),
            WhoAmICommand.Create(shared),
            KubeCommand.Create(surroundings, shared),
            ConnectionsCommand.Create(surroundings, shared),
            PolicyCommand.Create(surroundings, shared),
            IdpCommand.Create(surroundings, shared),
            AccessCommands.CreateCanI(surroundings, shared),
            AccessCommands.CreateWhoCan(surroundings, shared),
            ExplainCommand.Create(surroundings, shared),
            RequestCommand.Create(shared),
            GrantsCommand.Create(shared),
            ApprovalsCommand.Create(surroundings, shared),
            IdentitiesCommand.Create(shared),
            SessionsCommand.Create(surroundings, shared),
            VerifyCommand.Create(surroundings, shared),
            JournalCommand.Create(surroundings, shared),
            CompletionCommand.Create(surroundings),
        };
        foreach (var option in shared.All) root.Add(option);
        return root;
    }

    /// <summary>Runs one command line; never throws for what a user can cause.</summary>
    public static async Task<int> RunAsync(IReadOnlyList<string> arguments, Surroundings surroundings)
    {
        using var interrupted = new CancellationTokenSource();
        using var onInterrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using var onTermination = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        return await RunAsync(arguments, surroundings, interrupted.Token);

        void Stop(PosixSignalContext signal)
        {
            // The first signal asks; a second one ends the process the hard way.
            signal.Cancel = !interrupted.IsCancellationRequested;
            interrupted.Cancel();
        }
    }

    /// <summary>Runs one command line until it ends or <paramref name="interrupted"/> fires.</summary>
    public static async Task<int> RunAsync(IReadOnlyList<string> arguments, Surroundings surroundings, CancellationToken interrupted)
    {
        var root = Build(surroundings);
        var parsed = root.Parse(arguments);
        if (parsed.Errors.Count > 0 && parsed.Action is not System.CommandLine.Help.HelpAction) return ReportUsage(parsed, surroundings);
        var invocation = new InvocationConfiguration
        {
            Output = surroundings.Out,
            Error = surroundings.Error,
            EnableDefaultExceptionHandler = false,
            // Signals are ours: see above.
            ProcessTerminationTimeout = null,
        };
        try
        {
            return await parsed.InvokeAsync(invocation, interrupted);
        }
        catch (CommandException e)
        {
            return Report(surroundings, e.ExitCode, e.Message);
        }
        catch (OperationCanceledException) when (interrupted.IsCancellationRequested)
        {
            return Report(surroundings, ExitCode.Interrupted, "interrupted");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Report(surroundings, ExitCode.Failure, e.Message);
        }
        catch (Exception e)
        {
            // The edge of the process: a defect of ours ends as one line too, with the rest for those who ask.
            if (surroundings.Variable("POSTERN_DEBUG") is not null) surroundings.Error.WriteLine(e);
            return Report(surroundings, ExitCode.Failure, $"this should not happen: {e.GetType().Name}: {e.Message}; set POSTERN_DEBUG=1 to see where, and report it");
        }
    }

    private static int Report(Surroundings surroundings, int code, string message)
    {
        surroundings.Error.WriteLine("postern: " + message);
        return code;
    }

    private static int ReportUsage(ParseResult parsed, Surroundings surroundings)
    {
        var command = parsed.CommandResult.Command;
        var path = PathOf(command);
        if (parsed.UnmatchedTokens is [var unknown, ..])
        {
            var words = unknown.StartsWith('-') ? parsed.RootCommandResult.Command.Options.Concat(command.Options).Select(option => option.Name) : command.Subcommands.Select(sub => sub.Name);
            var kind = unknown.StartsWith('-') ? "option" : command.Subcommands.Count > 0 ? "command" : "argument";
            return Report(surroundings, ExitCode.Usage, $"unknown {kind} `{unknown}`{NearestWord.Hint(unknown, words)}; see `{path} --help`");
        }
        // The parser's own messages may run over several lines; ours never do.
        var message = string.Join(' ', parsed.Errors[0].Message.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)).TrimEnd('.');
        if (command.Subcommands.Count > 0 && command.Action is null)
        {
            message = $"`{path}` needs a command: {string.Join(", ", command.Subcommands.Where(sub => !sub.Hidden).Select(sub => sub.Name))}";
        }
        return Report(surroundings, ExitCode.Usage, $"{char.ToLowerInvariant(message[0])}{message[1..].Replace('\'', '`')}; see `{path} --help`");
    }

    private static string PathOf(Command command)
    {
        var names = new List<string>();
        for (var current = command; current is not null; current = current.Parents.OfType<Command>().FirstOrDefault())
        {
            names.Insert(0, current is RootCommand ? "postern" : current.Name);
        }
        return string.Join(' ', names);
    }
}
