using System.CommandLine;
using Postern.Cli.Commands;
using Postern.Cli.Console;
using Postern.Core.Policy;
using Postern.Core.Recording;
using Postern.Gateway.Configuration;
using Postern.Gateway.Policies;

namespace Postern.Cli.Replay;

/// <summary>Where a session is read from: a gateway, or a journal folder, beside which a policy and a configuration can be named.</summary>
internal sealed class SessionSource
{
    private const string UsualConfiguration = "postern.yaml";

    private readonly Option<string?> _journal = new("--journal") { Description = "Read this journal folder instead of asking a gateway.", HelpName = "folder" };
    private readonly Option<string?> _master = new("--master-key") { Description = "A file with the master key, where it is not in that folder.", HelpName = "file" };
    private readonly Option<string[]> _policy = new("--policy") { Description = "With --journal: policy files, or folders of them, that say what they would decide today.", HelpName = "files", AllowMultipleArgumentsPerToken = true };
    private readonly Option<string?> _configuration = new("--config") { Description = "With --journal: the gateway's configuration, which says what a policy may name and where keys are.", HelpName = UsualConfiguration };

    public void AddTo(Command command)
    {
        command.Options.Add(_journal);
        command.Options.Add(_master);
        command.Options.Add(_policy);
        command.Options.Add(_configuration);
    }

    /// <summary>The journal folder, or the data folder that it is in; null where a gateway is asked.</summary>
    public string? Journal(ParseResult parsed) => parsed.GetValue(_journal);

    /// <summary>The configuration that is named; null where none is.</summary>
    /// <exception cref="CommandException">It does not load.</exception>
    public GatewayOptions? Configuration(Surroundings surroundings, ParseResult parsed) =>
        parsed.GetValue(_configuration) is { } file ? PolicyCommand.Read(surroundings, file, []).Options : null;

    /// <summary>The file that the master key is in, where it is named.</summary>
    public string? MasterKey(ParseResult parsed, GatewayOptions? configuration) => parsed.GetValue(_master) ?? configuration?.Record.MasterKey?.File;

    /// <summary>The steps of one session, each with what today's policy would say of it, or why that is unknown.</summary>
    /// <exception cref="CommandException">There is no such session, or something that is named cannot be read.</exception>
    public async Task<IReadOnlyList<ReplayStep>> ReadAsync(Surroundings surroundings, SharedOptions shared, ParseResult parsed, string session, CancellationToken cancellationToken)
    {
        var files = parsed.GetValue(_policy) ?? [];
        if (parsed.GetValue(_journal) is { } folder) return FromJournal(folder, session, MasterKey(parsed, Configuration(surroundings, parsed)), Today(surroundings, parsed, files));
        if (files.Length > 0 || parsed.GetValue(_configuration) is not null) throw new CommandException(ExitCode.Usage, "`--policy` and `--config` go with `--journal`; a gateway says what its own policy would decide");
        using var api = await shared.ConnectAsync(parsed, cancellationToken);
        return await new ApiSessions(api).ReadAsync(session, cancellationToken);
    }

    /// <summary>The steps of one session, from a journal folder.</summary>
    /// <param name="folder">A journal folder, or the data folder that it is in.</param>
    /// <param name="session">The session's id.</param>
    /// <param name="masterKey">A file with the master key, where it is not in the folder.</param>
    /// <param name="today">What a policy says of an operation; null for nothing, as in what only the record may say.</param>
    /// <exception cref="CommandException">The journal holds no such session.</exception>
    public static List<ReplayStep> FromJournal(string folder, string session, string? masterKey = null, Func<RecordedOperation, ReplayToday?>? today = null)
    {
        var steps = JournalSessions.Read(folder, masterKey, today, session).Steps.Where(step => step.Session == session).ToList();
        if (steps.Count == 0) throw new CommandException(ExitCode.NotFound, $"the journal `{folder}` holds no session `{session}`; `postern sessions list --journal {folder}` shows what it holds");
        return steps;
    }

    private Func<RecordedOperation, ReplayToday?> Today(Surroundings surroundings, ParseResult parsed, string[] files)
    {
        if (files.Length == 0) return static _ => ReplayToday.NotAsked;
        var (options, paths) = PolicyCommand.Read(surroundings, parsed.GetValue(_configuration) ?? UsualConfiguration, files);
        if (PolicyWorkbench.Reconsider(options, paths, out var problems) is { } reconsider) return recorded => ReplayToday.Of(reconsider(recorded));
        throw new CommandException(ExitCode.PolicyCheckFailed, $"the policy does not load: {problems.First(problem => problem.Severity == ProblemSeverity.Error)}");
    }
}
