using System.CommandLine;
using Postern.Cli.Commands;
using Postern.Cli.Console;
using Postern.Core.Policy;
using Postern.Core.Recording;
using Postern.Gateway.Configuration;
using Postern.Gateway.Policies;
using Postern.Gateway.Recordings.Keys;

namespace Postern.Cli.Replay;

/// <summary>Where a session is read from: a gateway, or a journal folder, beside which a policy and a configuration can be named.</summary>
internal sealed class SessionSource
{
    private const string UsualConfiguration = "postern.yaml";

    private readonly Option<string?> _journal = new("--journal") { Description = "Read this journal folder instead of asking a gateway.", HelpName = "folder" };
    private readonly KeySource _keys = new();
    private readonly Option<string[]> _policy = new("--policy") { Description = "With --journal: policy files, or folders of them, that say what they would decide today.", HelpName = "files", AllowMultipleArgumentsPerToken = true };

    public void AddTo(Command command)
    {
        command.Options.Add(_journal);
        command.Options.Add(_policy);
        _keys.AddTo(command);
    }

    /// <summary>The journal folder, or the data folder that it is in; null where a gateway is asked.</summary>
    public string? Journal(ParseResult parsed) => parsed.GetValue(_journal);

    /// <summary>Whether files of this machine are read, and no gateway is asked.</summary>
    public bool IsLocal(ParseResult parsed) => Journal(parsed) is not null || _keys.File(parsed) is not null;

    /// <summary>The configuration that is named; null where none is.</summary>
    /// <exception cref="CommandException">It does not load.</exception>
    public GatewayOptions? Configuration(Surroundings surroundings, ParseResult parsed) => _keys.Configuration(surroundings, parsed);

    /// <summary>Opens the keys of a folder.</summary>
    /// <exception cref="CommandException">The master key is missing or cannot be used.</exception>
    public RecordedKeys Keys(Surroundings surroundings, ParseResult parsed, string folder) => _keys.Open(surroundings, parsed, folder);

    /// <summary>The steps of one session, each with what today's policy would say of it, or why that is unknown.</summary>
    /// <exception cref="CommandException">There is no such session, or something that is named cannot be read.</exception>
    public async Task<IReadOnlyList<ReplayStep>> ReadAsync(Surroundings surroundings, SharedOptions shared, ParseResult parsed, string session, CancellationToken cancellationToken)
    {
        var files = parsed.GetValue(_policy) ?? [];
        if (parsed.GetValue(_journal) is { } folder)
        {
            using var keys = Keys(surroundings, parsed, JournalSessions.FolderOf(folder));
            return FromJournal(folder, session, keys, Today(surroundings, parsed, files));
        }
        if (files.Length > 0 || _keys.File(parsed) is not null) throw new CommandException(ExitCode.Usage, "`--policy` and `--config` go with `--journal`; a gateway says what its own policy would decide");
        using var api = await shared.ConnectAsync(parsed, cancellationToken);
        return await new ApiSessions(api).ReadAsync(session, cancellationToken);
    }

    /// <summary>The steps of one session, from a journal folder.</summary>
    /// <param name="folder">A journal folder, or the data folder that it is in.</param>
    /// <param name="session">The session's id.</param>
    /// <param name="keys">Opens what is sealed.</param>
    /// <param name="today">What a policy says of an operation; null for nothing, as in what only the record may say.</param>
    /// <exception cref="CommandException">The journal holds no such session.</exception>
    public static List<ReplayStep> FromJournal(string folder, string session, IDataKeys? keys = null, Func<RecordedOperation, ReplayToday?>? today = null)
    {
        var steps = JournalSessions.Read(folder, keys, today, session).Steps.Where(step => step.Session == session).ToList();
        if (steps.Count == 0) throw new CommandException(ExitCode.NotFound, $"the journal `{folder}` holds no session `{session}`; `postern sessions list --journal {folder}` shows what it holds");
        return steps;
    }

    private Func<RecordedOperation, ReplayToday?> Today(Surroundings surroundings, ParseResult parsed, string[] files)
    {
        if (files.Length == 0) return static _ => ReplayToday.NotAsked;
        var (options, paths) = PolicyCommand.Read(surroundings, _keys.File(parsed) ?? UsualConfiguration, files);
        if (PolicyWorkbench.Reconsider(options, paths, out var problems) is { } reconsider) return recorded => ReplayToday.Of(reconsider(recorded));
        throw new CommandException(ExitCode.PolicyCheckFailed, $"the policy does not load: {problems.First(problem => problem.Severity == ProblemSeverity.Error)}");
    }
}
