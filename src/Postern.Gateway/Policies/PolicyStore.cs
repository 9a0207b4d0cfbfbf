using System.Collections.Immutable;
using System.Globalization;
using Microsoft.Extensions.Logging;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Core.Recording;
using Postern.Core.Sessions;
using Postern.Core.Yaml;

namespace Postern.Gateway.Policies;

/// <summary>What the store says of the policy in force.</summary>
/// <param name="Set">It, compiled.</param>
/// <param name="Applied">Its version, with its text.</param>
/// <param name="Folder">The digest of what was taken from the folder last.</param>
/// <param name="Complaint">What is wrong with what should be in force and is not; null when nothing is.</param>
internal sealed record PolicyStatus(PolicySet Set, AppliedPolicy Applied, string Folder, string? Complaint)
{
    /// <summary>True when what is in force was published over what the folder holds.</summary>
    public bool DiffersFromFolder => Folder != Applied.Hash;
}

/// <summary>
/// The policy in force. A new version is recorded and kept before it counts, then swapped in; what does not load or cannot be
/// written down changes nothing (G15). Who may put one in force is <see cref="PolicyPublisher"/>'s question.
/// </summary>
internal sealed partial class PolicyStore : IPolicySource, IDisposable
{
    private readonly PolicyEnvironment _environment;
    private readonly IRecorder _recorder;
    private readonly Leash _leash;
    private readonly TimeProvider _clock;
    private readonly ILogger _log;
    private readonly SemaphoreSlim _turn = new(1, 1);
    private volatile PolicyStatus _status;

    private PolicyStore(PolicyStatus status, PolicyEnvironment environment, PolicyVersions versions, IRecorder recorder, Leash leash, TimeProvider clock, ILogger log)
    {
        (_status, _environment, Versions) = (status, environment, versions);
        (_recorder, _leash, _clock, _log) = (recorder, leash, clock, log);
    }

    public PolicySet Current => _status.Set;

    public ActiveGrants GrantsOf(Identity identity) => _leash.Grants.Of(identity);

    public PolicyStatus Status => _status;

    /// <summary>The digest of what the start read from the folder, good or not.</summary>
    public string SeenAtStart { get; private init; } = "";

    /// <summary>All that were ever in force.</summary>
    public PolicyVersions Versions { get; }

    /// <summary>
    /// Finds the version to begin with: what the folder says when that is news, otherwise the one that was in force last. A folder
    /// that does not load is a complaint as long as there is a version to go on with.
    /// </summary>
    /// <exception cref="GatewayStartException">Nothing loads: every error of it.</exception>
    /// <exception cref="RecordingException">The version cannot be written down.</exception>
    public static async Task<PolicyStore> OpenAsync(
        PolicySources sources, PolicyEnvironment environment, PolicyVersions versions, IRecorder recorder, Leash leash, TimeProvider clock, ILogger log, CancellationToken cancellationToken)
    {
        var folder = FolderPolicy.Read(sources);
        var newest = await NewestAsync(versions, cancellationToken).ConfigureAwait(false);
        var taken = await versions.FolderAsync(cancellationToken).ConfigureAwait(false);
        if (newest is { Files.IsDefault: true } && newest.Hash == folder.Hash)
        {
            await versions.FillAsync(newest.Number, folder.Files, cancellationToken).ConfigureAwait(false);
            newest = newest with { Files = folder.Files };
        }
        var opened = Opened(environment, folder, newest, taken, await versions.NextAsync(cancellationToken).ConfigureAwait(false), clock.GetUtcNow(), out var rejected);
        Warn(log, opened.Problems);
        var status = new PolicyStatus(opened.Set, opened.Version, rejected.IsEmpty ? folder.Hash : taken ?? "", null);
        var store = new PolicyStore(status, environment, versions, recorder, leash, clock, log) { SeenAtStart = folder.Hash };
        if (opened.Version.Number == newest?.Number)
        {
            // A restart is no new policy; the journal says again what is in force.
            if (rejected.IsEmpty && taken != folder.Hash) await versions.SetFolderAsync(folder.Hash, cancellationToken).ConfigureAwait(false);
            await store.NoteAsync(opened.Version, newest, cancellationToken).ConfigureAwait(false);
        }
        else
        {
            await store.KeepAsync(opened.Version, newest, folder.Hash, cancellationToken).ConfigureAwait(false);
        }
        if (!rejected.IsEmpty) await store.RejectAsync(rejected).ConfigureAwait(false);
        return store;
    }

    /// <summary>Whether these files would load, without any effect.</summary>
    public PolicyLoadResult Check(ImmutableArray<PolicyFile> files) => PolicyLoader.Load(files, _environment, _status.Set.Version.Number + 1);

    /// <summary>A version compiled again, as far as what it names still exists; null when its text was not kept or does not load any more.</summary>
    public PolicySet? Compile(AppliedPolicy version) => version.Files.IsDefault ? null : PolicyLoader.Load(version.Files, _environment, version.Number).Set;

    /// <summary>What its rules may name.</summary>
    public PolicyEnvironment Environment => _environment;

    /// <summary>
    /// Records and keeps a version, then swaps it in. What runs is not decided again yet: <see cref="Redecide"/> is the next thing to call.
    /// </summary>
    /// <param name="draft">The version; it must load.</param>
    /// <param name="operation">The recorded operation that publishes it.</param>
    /// <param name="folder">The folder's digest when it comes from there.</param>
    /// <exception cref="StalePolicyException">It was made from a version that is no longer in force.</exception>
    /// <exception cref="RecordingException">It cannot be written down; the version before stays in force.</exception>
    public async Task<PolicyStatus> PutInForceAsync(PolicyDraft draft, string operation, string? folder)
    {
        await _turn.WaitAsync(CancellationToken.None).ConfigureAwait(false);
        try
        {
            var before = _status.Applied;
            if (draft.From != before.Number) throw new StalePolicyException(before.Number);
            var loaded = PolicyLoader.Load(draft.Files, _environment, await Versions.NextAsync(CancellationToken.None).ConfigureAwait(false));
            if (loaded.Set is not { } set) throw new InvalidOperationException("a policy that does not load cannot be put in force");
            var version = new AppliedPolicy(set.Version.Number, set.Version.Hash.ToString(), draft.Author, draft.Reason, draft.Source, before.Number, operation, _clock.GetUtcNow(), draft.Files);
            await KeepAsync(version, before, folder, CancellationToken.None).ConfigureAwait(false);
            Warn(_log, loaded.Problems);
            _status = new PolicyStatus(set, version, folder ?? _status.Folder, folder is null ? _status.Complaint : null);
            return _status;
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Decides what runs again under the version in force, and cuts what it no longer permits.</summary>
    public void Redecide()
    {
        var set = _status.Set;
        Applied(_log, set.Version.Number, _leash.Redecide(set));
    }

    /// <summary>The folder holds what is in force, or what was taken from it before: nothing is wrong with it.</summary>
    public async Task TakeFolderAsync(string hash)
    {
        if (_status.Folder != hash) await Versions.SetFolderAsync(hash, CancellationToken.None).ConfigureAwait(false);
        _status = _status with { Folder = hash, Complaint = null };
    }

    /// <summary>The folder holds what does not load: nothing changes, and that is recorded and alarmed.</summary>
    public async Task RejectAsync(ImmutableArray<PolicyProblem> errors)
    {
        _status = _status with { Complaint = $"a changed policy does not load ({errors.Length} errors); version {Current.Version.Number} stays in force" };
        await NoteRejectedAsync(errors, "gateway:postern").ConfigureAwait(false);
    }

    /// <summary>Writes down, and logs, that somebody tried to publish what does not load.</summary>
    public async Task NoteRejectedAsync(ImmutableArray<PolicyProblem> errors, string author)
    {
        foreach (var error in errors) Rejected(_log, error.ToString());
        await _recorder.NoteAsync(
            new Occurrence("policy.rejected", _clock.GetUtcNow(),
            [
                new("errors", errors.Length.ToString(CultureInfo.InvariantCulture)), new("first", errors[0].ToString()), new("by", author),
                new("inForce", Current.Version.Number.ToString(CultureInfo.InvariantCulture)),
            ]),
            CancellationToken.None).ConfigureAwait(false);
    }

    /// <summary>A good version from the folder could not be put in force.</summary>
    public void Complain(string why)
    {
        _status = _status with { Complaint = why };
        NotApplied(_log, why);
    }

    public void Dispose() => _turn.Dispose();

    private static async ValueTask<AppliedPolicy?> NewestAsync(PolicyVersions versions, CancellationToken cancellationToken)
    {
        try
        {
            return await versions.NewestAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (InvalidDataException tampered)
        {
            throw new GatewayStartException([new SourceProblem(Storage.GatewayDatabase.FileName, 0, 0, tampered.Message)]);
        }
    }

    private static (PolicySet Set, AppliedPolicy Version, ImmutableArray<PolicyProblem> Problems) Opened(
        PolicyEnvironment environment, FolderPolicy folder, AppliedPolicy? newest, string? taken, int next, DateTimeOffset now, out ImmutableArray<PolicyProblem> rejected)
    {
        rejected = folder.Problems;
        var isNews = newest is null || newest.Files.IsDefault || (folder.Hash != taken && folder.Hash != newest.Hash);
        if (rejected.IsEmpty && isNews)
        {
            var loaded = PolicyLoader.Load(folder.Files, environment, next);
            if (loaded.Set is { } set)
            {
                return (set, new AppliedPolicy(next, set.Version.Hash.ToString(), PolicyPublisher.Itself.Key, "the files of the configured paths", PolicyOrigin.Folder, newest?.Number, null, now, folder.Files), loaded.Problems);
            }
            rejected = Errors(loaded.Problems);
        }
        if (newest is null or { Files.IsDefault: true }) throw NotLoaded(rejected);
        var kept = PolicyLoader.Load(newest.Files, environment, newest.Number);
        return kept.Set is { } last ? (last, newest, kept.Problems) : throw NotLoaded(rejected.IsEmpty ? Errors(kept.Problems) : rejected);
    }

    private static GatewayStartException NotLoaded(ImmutableArray<PolicyProblem> errors) => new([.. errors.Select(problem => new SourceProblem(problem.File, problem.Line, problem.Column, problem.Message))]);

    // Recorded first: no decision may name a version that the journal does not know. A number that was recorded and then not kept is lost.
    private async ValueTask KeepAsync(AppliedPolicy version, AppliedPolicy? before, string? folder, CancellationToken cancellationToken)
    {
        await Versions.ReserveAsync(version, cancellationToken).ConfigureAwait(false);
        await NoteAsync(version, before, cancellationToken).ConfigureAwait(false);
        await Versions.ConfirmAsync(version.Number, folder, cancellationToken).ConfigureAwait(false);
    }

    private ValueTask NoteAsync(AppliedPolicy version, AppliedPolicy? before, CancellationToken cancellationToken) => _recorder.NoteAsync(
        new Occurrence("policy.applied", _clock.GetUtcNow(),
        [
            new("number", version.Number.ToString(CultureInfo.InvariantCulture)), new("hash", version.Hash),
            new("before", before?.Number.ToString(CultureInfo.InvariantCulture) ?? ""), new("hashBefore", before?.Hash ?? ""),
            new("by", version.Author), new("reason", version.Reason), new("source", version.Source), new("operation", version.Operation ?? ""),
            new("files", string.Join(", ", version.Files.Select(file => file.Path))),
        ]),
        cancellationToken);

    internal static ImmutableArray<PolicyProblem> Errors(ImmutableArray<PolicyProblem> problems) => [.. problems.Where(problem => problem.Severity == ProblemSeverity.Error)];

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

    [LoggerMessage(EventId = 143, Level = LogLevel.Error, Message = "policy not applied: {Why}")]
    private static partial void NotApplied(ILogger log, string why);
}
