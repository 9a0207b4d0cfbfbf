using System.Collections.Immutable;
using System.CommandLine;
using System.Text.Json.Nodes;
using Postern.Cli.Console;
using Postern.Core.Policy;
using Postern.Core.Recording;
using Postern.Gateway.Configuration;

namespace Postern.Cli.Commands;

/// <summary>Which recorded operations a policy command is about: how far back, and of a gateway that runs or of a journal folder beside a configuration.</summary>
internal sealed class RecordedSource
{
    private readonly Option<string> _last;
    private readonly Option<string?> _journal = new("--journal") { Description = "Read this journal folder instead of asking a gateway; connections and issuers are those of --config.", HelpName = "folder" };
    private readonly Option<string> _configuration = PolicyCommand.ConfigurationOption();

    /// <param name="usual">How far back, where nobody says it.</param>
    public RecordedSource(string usual) => _last = new("--last") { Description = "How far back, as in `7d` or `12h`.", HelpName = "duration", DefaultValueFactory = _ => usual };

    /// <summary>Reads one journal and answers; null where the policy does not load.</summary>
    public delegate JsonObject? Reading(GatewayOptions options, ImmutableArray<string> paths, string journal, out ImmutableArray<PolicyProblem> problems);

    public void AddTo(Command command)
    {
        command.Options.Add(_last);
        command.Options.Add(_journal);
        command.Options.Add(_configuration);
    }

    /// <summary>The present instant, and how far back from it.</summary>
    /// <exception cref="CommandException">That is no duration.</exception>
    public (DateTimeOffset From, DateTimeOffset Until) Span(Surroundings surroundings, ParseResult parsed)
    {
        if (!DurationText.TryParse(parsed.GetRequiredValue(_last), out var span) || span <= TimeSpan.Zero) throw new CommandException(ExitCode.Usage, $"`{parsed.GetValue(_last)}` is no duration; expected something like `7d` or `12h`");
        var until = surroundings.Clock.GetUtcNow();
        return (until - span, until);
    }

    /// <summary>Whether a journal folder is read; a gateway is asked otherwise.</summary>
    public bool IsJournal(ParseResult parsed) => parsed.GetValue(_journal) is not null;

    /// <exception cref="CommandException">Configuration, policy or journal cannot be read.</exception>
    public JsonObject Read(Surroundings surroundings, ParseResult parsed, string[] files, string what, Reading read)
    {
        var (options, paths) = PolicyCommand.Read(surroundings, parsed.GetRequiredValue(_configuration), files);
        try
        {
            return read(options, paths, JournalOf(parsed.GetValue(_journal)!), out var problems)
                ?? throw new CommandException(ExitCode.PolicyCheckFailed, $"{what} does not load: {problems.First(problem => problem.Severity == ProblemSeverity.Error)}");
        }
        catch (RecordingException unreadable)
        {
            throw new CommandException(ExitCode.Failure, unreadable.Message);
        }
    }

    // A journal folder, or the journal of a data folder.
    private static string JournalOf(string folder)
    {
        var journal = Directory.Exists(Path.Combine(folder, "journal")) ? Path.Combine(folder, "journal") : folder;
        return Directory.Exists(journal) ? journal : throw new CommandException(ExitCode.NotFound, $"`{folder}` holds no journal; expected a folder with files like `journal-000001.pjl`");
    }
}
