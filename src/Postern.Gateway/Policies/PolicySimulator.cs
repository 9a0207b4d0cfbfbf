using System.Collections.Immutable;
using System.Globalization;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Core.Policy.Replay;
using Postern.Core.Policy.Suggesting;
using Postern.Core.Recording;
using Postern.Gateway.Recordings;

namespace Postern.Gateway.Policies;

/// <summary>Runs candidates over what this gateway recorded. One at a time: each reads a good part of the journal.</summary>
internal sealed class PolicySimulator(PolicyStore store, RecordingIndex index, IRecorder recorder, TimeProvider clock) : IDisposable
{
    private readonly SemaphoreSlim _turn = new(1, 1);

    /// <summary>Decides again what was asked in a span of time; null with the problems when the candidate does not load.</summary>
    /// <exception cref="RecordingException">The journal cannot be read, or that it is read cannot be written down.</exception>
    public async ValueTask<(SimulationResult? Result, ImmutableArray<PolicyProblem> Problems)> RunAsync(
        ImmutableArray<PolicyFile> files, DateTimeOffset from, DateTimeOffset until, Identity by, CancellationToken cancellationToken)
    {
        var loaded = store.Check(files);
        if (loaded.Set is not { } candidate) return (null, loaded.Problems);
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            // What everybody did is read: that is on the record itself (G18).
            await recorder.NoteAsync(
                new Occurrence("policy.simulated", clock.GetUtcNow(),
                [
                    new("by", by.Key), new("agent", by.Agent ?? ""), new("candidate", candidate.Version.Hash.ToString()),
                    new("from", from.ToString("O", CultureInfo.InvariantCulture)), new("until", until.ToString("O", CultureInfo.InvariantCulture)),
                ]),
                CancellationToken.None).ConfigureAwait(false);
            var versions = (await store.Versions.SinceAsync(from, cancellationToken).ConfigureAwait(false)).ToDictionary(version => version.Hash, StringComparer.Ordinal);
            var result = await index.ReadQuestionsAsync(
                from,
                records =>
                {
                    var simulation = new Simulation(candidate, (_, hash) => versions.TryGetValue(hash, out var version) ? store.Compile(version) : null);
                    simulation.Take(records, from, until, cancellationToken);
                    return simulation.Result();
                },
                cancellationToken).ConfigureAwait(false);
            return (result, loaded.Problems);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Mines what was recorded since an instant for rules that cover it, and for rules of the policy in force that nobody used.</summary>
    /// <exception cref="RecordingException">The journal cannot be read, or that it is read cannot be written down.</exception>
    public async ValueTask<(Suggestions Suggestions, NarrowerPolicy? Narrower)> SuggestAsync(DateTimeOffset from, Identity by, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var until = clock.GetUtcNow();
            await recorder.NoteAsync(
                new Occurrence("policy.suggested", until, [new("by", by.Key), new("agent", by.Agent ?? ""), new("from", from.ToString("O", CultureInfo.InvariantCulture))]), CancellationToken.None).ConfigureAwait(false);
            var files = store.Status.Applied.Files;
            return await index.ReadQuestionsAsync(
                from,
                records =>
                {
                    var suggester = new Suggester(store.Environment);
                    suggester.Take(records, from, until, cancellationToken);
                    return (suggester.Result(), files.IsDefault ? null : UnusedPrivileges.Find(files, store.Environment, records, from, until, cancellationToken));
                },
                cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }

    public void Dispose() => _turn.Dispose();
}
