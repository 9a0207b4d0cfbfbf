using System.Collections.Immutable;
using System.Globalization;
using Microsoft.Extensions.Logging;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Core.Recording;
using Postern.Core.Sessions;
using Postern.Core.Yaml;
using Postern.Gateway.Listening;

namespace Postern.Gateway.Policies;

/// <summary>What the store says of the policy in force.</summary>
internal sealed record PolicyStatus(PolicySet Set, ImmutableArray<string> Files, DateTimeOffset AppliedAt, string? Complaint);

/// <summary>
/// The policy in force. A changed file is loaded beside it: a good version is recorded, then swapped in, and what is running is
/// decided again; a bad one changes nothing, is recorded and alarmed (G15).
/// </summary>
internal sealed partial class PolicyStore : IPolicySource, IDisposable
{
    private readonly PolicySources _sources;
    private readonly PolicyEnvironment _environment;
    private readonly PolicyVersions _versions;
    private readonly IRecorder _recorder;
    private readonly Leash _leash;
    private readonly TimeProvider _clock;
    private readonly ILogger _log;
    private readonly SemaphoreSlim _turn = new(1, 1);
    private volatile PolicyStatus _status;
    private WatchedFiles? _watch;

    private PolicyStore(PolicyStatus status, PolicySources sources, PolicyEnvironment environment, PolicyVersions versions, IRecorder recorder, Leash leash, TimeProvider clock, ILogger log)
    {
        (_status, _sources, _environment, _versions) = (status, sources, environment, versions);
        (_recorder, _leash, _clock, _log) = (recorder, leash, clock, log);
    }

    public PolicySet Current => _status.Set;

    public ActiveGrants GrantsOf(Identity identity) => _leash.Grants.Of(identity);

    public PolicyStatus Status => _status;

    /// <summary>Loads the first version.</summary>
    /// <exception cref="GatewayStartException">It does not load: every error of it.</exception>
    /// <exception cref="RecordingException">The version cannot be written down.</exception>
    public static async Task<PolicyStore> OpenAsync(
        PolicySources sources, PolicyEnvironment environment, PolicyVersions versions, IRecorder recorder, Leash leash, TimeProvider clock, ILogger log, CancellationToken cancellationToken)
    {
        var loaded = await LoadAsync(sources, environment, versions, cancellationToken).ConfigureAwait(false);
        if (loaded.Set is not { } set) throw new GatewayStartException([.. Errors(loaded.Problems).Select(problem => new SourceProblem(problem.File, problem.Line, problem.Column, problem.Message))]);
        Warn(log, loaded.Problems);
        var status = await RecordAsync(set, loaded.Files, versions, recorder, clock.GetUtcNow(), cancellationToken).ConfigureAwait(false);
        var store = new PolicyStore(status, sources, environment, versions, recorder, leash, clock, log);
        store._watch = new WatchedFiles(sources.Files, () => _ = store.ReloadAsync(CancellationToken.None), clock);
        return store;
    }

    /// <summary>Loads the files again. True when what they hold is in force afterwards. Never throws for what is wrong with them.</summary>
    public async Task<bool> ReloadAsync(CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var loaded = await LoadAsync(_sources, _environment, _versions, cancellationToken).ConfigureAwait(false);
            if (loaded.Set is not { } set)
            {
                await RejectAsync(Errors(loaded.Problems)).ConfigureAwait(false);
                return false;
            }
            Warn(_log, loaded.Problems);
            if (set.Version.Hash == Current.Version.Hash)
            {
                _status = _status with { Complaint = null };
                return true;
            }
            // Recorded first: no decision may name a version that the journal does not know.
            _status = await RecordAsync(set, loaded.Files, _versions, _recorder, _clock.GetUtcNow(), cancellationToken).ConfigureAwait(false);
            var cut = _leash.Redecide(set);
            Applied(_log, set.Version.Number, cut);
            return true;
        }
        catch (Exception fault) when (fault is not OperationCanceledException)
        {
            // The version could not be written down, so the one before stays.
            _status = _status with { Complaint = "a new policy could not be recorded; the version before stays in force" };
            NotRecorded(_log, fault.GetType().Name);
            return false;
        }
        finally
        {
            _turn.Release();
        }
    }

    public void Dispose()
    {
        _watch?.Dispose();
        _turn.Dispose();
    }

    private static async Task<(PolicySet? Set, ImmutableArray<PolicyProblem> Problems, ImmutableArray<string> Files)> LoadAsync(
        PolicySources sources, PolicyEnvironment environment, PolicyVersions versions, CancellationToken cancellationToken)
    {
        var problems = new List<PolicyProblem>();
        var files = sources.Read(problems);
        if (problems.Count > 0) return (null, [.. problems], []);
        var newest = await versions.NewestAsync(cancellationToken).ConfigureAwait(false);
        var result = PolicyLoader.Load(files, environment, (newest?.Number ?? 0) + 1);
        // What is already the newest version keeps its number: a restart is no new policy.
        if (result.Set is { } set && newest is { } known && set.Version.Hash.ToString() == known.Hash) result = PolicyLoader.Load(files, environment, known.Number);
        return (result.Set, result.Problems, [.. files.Select(file => file.Path)]);
    }

    private static async Task<PolicyStatus> RecordAsync(PolicySet set, ImmutableArray<string> files, PolicyVersions versions, IRecorder recorder, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var newest = await versions.NewestAsync(cancellationToken).ConfigureAwait(false);
        if (newest?.Number != set.Version.Number) await versions.AddAsync(set.Version.Number, set.Version.Hash, files, now, cancellationToken).ConfigureAwait(false);
        await recorder.NoteAsync(
            new Occurrence("policy.applied", now,
            [
                new("number", set.Version.Number.ToString(CultureInfo.InvariantCulture)), new("hash", set.Version.Hash.ToString()),
                new("files", string.Join(", ", files.Select(Path.GetFileName))),
            ]),
            cancellationToken).ConfigureAwait(false);
        return new PolicyStatus(set, files, now, null);
    }

    private async Task RejectAsync(ImmutableArray<PolicyProblem> errors)
    {
        var first = errors[0].ToString();
        _status = _status with { Complaint = $"a changed policy does not load ({errors.Length} errors); version {Current.Version.Number} stays in force" };
        foreach (var error in errors) Rejected(_log, error.ToString());
        await _recorder.NoteAsync(
            new Occurrence("policy.rejected", _clock.GetUtcNow(),
            [
                new("errors", errors.Length.ToString(CultureInfo.InvariantCulture)), new("first", first),
                new("inForce", Current.Version.Number.ToString(CultureInfo.InvariantCulture)),
            ]),
            CancellationToken.None).ConfigureAwait(false);
    }

    private static ImmutableArray<PolicyProblem> Errors(ImmutableArray<PolicyProblem> problems) => [.. problems.Where(problem => problem.Severity == ProblemSeverity.Error)];

    private static void Warn(ILogger log, ImmutableArray<PolicyProblem> problems)
    {
        foreach (var problem in problems) Warning(log, problem.ToString());
    }

    [LoggerMessage(EventId = 140, Level = LogLevel.Information, Message = "policy version {Number} is in force; {Cut} running operations were cut")]
    private static partial void Applied(ILogger log, int number, int cut);

    [LoggerMessage(EventId = 141, Level = LogLevel.Error, Message = "policy rejected: {Problem}")]
    private static partial void Rejected(ILogger log, string problem);

    [LoggerMessage(EventId = 142, Level = LogLevel.Warning, Message = "policy: {Problem}")]
    private static partial void Warning(ILogger log, string problem);

    [LoggerMessage(EventId = 143, Level = LogLevel.Error, Message = "policy not applied, it could not be recorded: {Fault}")]
    private static partial void NotRecorded(ILogger log, string fault);
}
