using System.Runtime.CompilerServices;
using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using Postern.Core.Operations;

namespace Postern.Core.Recording;

/// <summary>Writes the account of every operation into a journal. One per process and folder.</summary>
public sealed partial class Recorder : IRecorder, IAsyncDisposable
{
    /// <summary>Kind of the occurrence that says what recovery cut at a start.</summary>
    public const string RecoveredKind = "journal.recovered";

    /// <summary>Kind of the occurrence at every start.</summary>
    public const string OpenedKind = "journal.opened";

    /// <summary>Kind of the occurrence at an orderly stop; a journal that does not end with one was cut off or still runs.</summary>
    public const string ClosedKind = "journal.closed";

    private readonly IJournalStorage _storage;
    private readonly List<IDisposable> _owned = [];
    private readonly SortedDictionary<string, string> _reasons = new(StringComparer.Ordinal);
    private readonly RecorderOptions _options;
    private readonly TimeProvider _clock;
    private readonly AccountOptions _accounts;
    private readonly SessionKeys? _sessions;
    private readonly DenialCounter _denials;
    private long _signedSequence;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _healGate = new();
    private volatile Journal _journal;
    private volatile JournalSigners _signers;
    private Task _healing = Task.CompletedTask;
    private volatile string? _heldBack; // why new operations are refused although they could be written
    private volatile string? _stillNot; // why the last try to begin anew failed
    private long _refused;
    private int _disposed;

    private Recorder(JournalSegments segments, IJournalStorage storage, JournalSigners signers, IDisposable? owned, RecorderOptions options, TimeProvider clock)
    {
        _storage = storage;
        _signers = signers;
        if (owned is not null) _owned.Add(owned);
        _options = options;
        _clock = clock;
        _journal = new Journal(segments, options, clock, Heal, TellSigned);
        if (options.DataKeys is { } store) _sessions = new SessionKeys(store);
        _accounts = new AccountOptions(options.ContentBytes, options.RefuseBeyondContentBytes, clock);
        _denials = new DenialCounter(WriteDenials, clock);
    }

    /// <summary>The last sequence that survives a power loss; readers go no further.</summary>
    public long DurableSequence => _journal.DurableSequence;

    /// <summary>The last sequence under a signature that survives a power loss.</summary>
    public long SignedSequence => Volatile.Read(ref _signedSequence);

    /// <summary>Why nothing can be written any more, or null while all is well; for readiness.</summary>
    public string? Fault => _journal.Fault is not { } fault ? _heldBack : _stillNot is { } why && why != fault.Message ? $"{fault.Message}; at the last try: {why}" : fault.Message;

    /// <summary>
    /// Opens the journal of a data folder: recovers it, ends what was left open as <see cref="Outcome.Unknown"/>, and signs.
    /// </summary>
    /// <exception cref="RecordingException">It cannot be used as it is; the message says what to do.</exception>
    public static async ValueTask<Recorder> OpenAsync(RecorderOptions options, TimeProvider clock, CancellationToken cancellationToken)
    {
        var storage = FolderStorage.ForWriting(options.JournalFolder);
        JournalSigners? signers = null;
        try
        {
            var isNew = !storage.List().Any(name => name.EndsWith(".pjl", StringComparison.Ordinal));
            signers = JournalKeys.Open(options, mayCreate: isNew);
            JournalKeys.Publish(options.DataFolder, signers.Current);
            var recorder = await OpenAsync(storage, signers, signers, options, clock, cancellationToken).ConfigureAwait(false);
            JournalKeys.Passed(options);
            return recorder;
        }
        catch
        {
            signers?.Dispose();
            storage.Dispose();
            throw;
        }
    }

    /// <summary>As above, on a given storage and signer, which the caller keeps.</summary>
    internal static ValueTask<Recorder> OpenAsync(IJournalStorage storage, IJournalSigner signer, RecorderOptions options, TimeProvider clock, CancellationToken cancellationToken) =>
        OpenAsync(storage, new JournalSigners(signer, Previous: null), owned: null, options, clock, cancellationToken);

    /// <summary>As above, where another key signed before.</summary>
    internal static ValueTask<Recorder> OpenAsync(IJournalStorage storage, JournalSigners signers, RecorderOptions options, TimeProvider clock, CancellationToken cancellationToken) =>
        OpenAsync(storage, signers, owned: null, options, clock, cancellationToken);

    private static async ValueTask<Recorder> OpenAsync(
        IJournalStorage storage, JournalSigners signers, IDisposable? owned, RecorderOptions options, TimeProvider clock, CancellationToken cancellationToken)
    {
        using var keys = KeysOf(signers, options);
        var segments = new JournalSegments(storage, signers.Current, options);
        RecoveryResult recovered;
        try
        {
            recovered = JournalRecovery.Run(storage, segments, keys, signers, clock.GetUtcNow(), cancellationToken);
            if (segments.IsOlder) segments.Rotate(clock.GetUtcNow());
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or CryptographicException)
        {
            segments.Dispose();
            throw new RecordingException($"the journal `{storage.Name}` cannot be opened: {fault.Message}", fault);
        }
        catch
        {
            segments.Dispose();
            throw;
        }
        var passes = !ReferenceEquals(segments.Signer, signers.Current);
        var recorder = new Recorder(segments, storage, signers, owned, options, clock);
        try
        {
            if (passes) await recorder._journal.ChangeSignerAsync(signers.Current).ConfigureAwait(false);
            await recorder.TellRecoveryAsync(recovered).ConfigureAwait(false);
            return recorder;
        }
        catch
        {
            await recorder.StopAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Called with each checkpoint that survives a power loss, in order, on the journal's thread: it must not block.</summary>
    public Action<RecordedCheckpoint>? Signed { get; set; }

    /// <summary>Id of the key that signs.</summary>
    public string KeyId => _signers.Current.KeyId;

    /// <summary>
    /// Signs with another key from here on, which the recorder then owns. The one so far vouches for it, so that whoever trusts that one trusts both.
    /// </summary>
    /// <exception cref="RecordingException">The journal cannot be written; the change is made when it can again.</exception>
    public async ValueTask ChangeKeyAsync(JournalSigner next)
    {
        if (string.Equals(next.KeyId, KeyId, StringComparison.Ordinal))
        {
            next.Dispose();
            return;
        }
        // Whichever of the two a fault in between leaves behind, the journal goes on under it.
        _signers = new JournalSigners(next, _signers.Current);
        lock (_owned) _owned.Add(next);
        JournalKeys.Publish(_options.DataFolder, next);
        await _journal.ChangeSignerAsync(next).ConfigureAwait(false);
        JournalKeys.Passed(_options);
    }

    /// <inheritdoc/>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<IAccount> BeginAsync(Intent intent, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (_heldBack is { } why) throw new RecordingException(why);
        var journal = Working();
        var key = _sessions is null ? null : await _sessions.ForAsync(intent.Session).ConfigureAwait(false);
        var slot = journal.Rent(RecordType.Intent);
        try
        {
            slot.Operation = intent.Operation;
            PayloadWriter.Intent(slot, intent, isSealed: key is not null);
            var request = intent.Request.Value.Span;
            if (key is not null)
            {
                slot.BeginSealed();
                PayloadWriter.Said(slot, intent);
                slot.EndSaid();
                slot.Seal(key, request);
            }
            else
            {
                // Hashed once: most requests are written down as they came.
                slot.AppendContent(request, intent.IsAsItCame && request.Length <= ContentDigest.MostWhole ? intent.RequestDigest : ContentDigest.Of(request));
            }
        }
        catch (Exception fault) when (fault is not RecordingException)
        {
            // Text that is not well-formed UTF-16, say: what cannot be written down is not done.
            slot.Return();
            throw new RecordingException("the intent cannot be written as a record", fault);
        }
        catch (RecordingException)
        {
            slot.Return();
            throw;
        }
        var durable = slot.Durable;
        journal.Enqueue(slot);
        journal.Help(slot);
        // Never cancelled from here on: the record will be there, so its account must be able to end.
        await durable.ConfigureAwait(false);
        return new Account(journal, intent.Operation, _accounts, key);
    }

    /// <inheritdoc/>
    public bool TryCount(Intent intent) => _denials.TryCount(intent);

    /// <inheritdoc/>
    public async ValueTask NoteAsync(Occurrence occurrence, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        await Write(Working(), RecordType.Occurrence, occurrence, PayloadWriter.Occurrence).ConfigureAwait(false);
    }

    /// <summary>
    /// Refuses new operations for a reason outside the journal, or takes that back (null): what no witness hears of, or no sink takes, may be worth nothing later.
    /// What is running goes on being recorded.
    /// </summary>
    /// <param name="by">Whose reason it is; each has one of its own.</param>
    /// <param name="why">What callers are not told, and operators are.</param>
    public void HoldBack(string by, string? why)
    {
        lock (_reasons)
        {
            if (why is null) _reasons.Remove(by);
            else _reasons[by] = why;
            _heldBack = _reasons.Count == 0 ? null : string.Join("; ", _reasons.Values);
        }
    }

    /// <summary>Seals nothing more with the key that a session had until now: it is about to be destroyed.</summary>
    public void ForgetKey(string session) => _sessions?.Forget(session);

    /// <summary>Returns the durable sequence once it is past the given one; how an index follows.</summary>
    public ValueTask<long> WaitPastAsync(long sequence, CancellationToken cancellationToken) => _journal.WaitPastAsync(sequence, cancellationToken);

    /// <summary>Writes what is counted, says that this stop is an orderly one, signs and closes.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0) return;
        _denials.Dispose();
        await StopHealingAsync().ConfigureAwait(false);
        try
        {
            await NoteAsync(new Occurrence(ClosedKind, _clock.GetUtcNow(), []), CancellationToken.None).ConfigureAwait(false);
        }
        catch (RecordingException)
        {
            // The journal is broken already, and whoever used it knows; closing must still let go of the files.
        }
        await StopAsync().ConfigureAwait(false);
    }

    private async ValueTask StopAsync()
    {
        await _journal.CloseAsync().ConfigureAwait(false);
        _journal.Dispose();
        _stopping.Dispose();
        foreach (var owned in _owned) owned.Dispose();
        _storage.Dispose();
    }

    private async ValueTask TellRecoveryAsync(RecoveryResult recovered)
    {
        var now = _clock.GetUtcNow();
        if (recovered.CutFile is { } file || recovered.OpenIntents.Length > 0)
        {
            await NoteAsync(new Occurrence(RecoveredKind, now, Facts(
                ("file", recovered.CutFile ?? ""),
                ("offset", recovered.CutOffset.ToString(CultureInfo.InvariantCulture)),
                ("cutBytes", recovered.CutBytes.ToString(CultureInfo.InvariantCulture)),
                ("problem", recovered.Problem ?? ""),
                ("openIntents", recovered.OpenIntents.Length.ToString(CultureInfo.InvariantCulture)))), CancellationToken.None).ConfigureAwait(false);
        }
        await EndOpenAsync(_journal, recovered, "the gateway stopped before the operation ended", now).ConfigureAwait(false);
        await NoteAsync(new Occurrence(OpenedKind, now, []), CancellationToken.None).ConfigureAwait(false);
        _journal.CheckpointIsDue();
    }

    private static async ValueTask EndOpenAsync(Journal journal, RecoveryResult recovered, string why, DateTimeOffset now)
    {
        foreach (var operation in recovered.OpenIntents)
        {
            await Write(journal, RecordType.Ending, operation, (slot, id) =>
            {
                slot.Operation = id;
                PayloadWriter.Ending(slot, id, new Ending(Outcome.Unknown, null, why, null, now), reply: default, input: default);
            }).ConfigureAwait(false);
        }
    }

    private static ValueTask Write<T>(Journal journal, RecordType type, T value, Action<JournalSlot, T> payload)
    {
        var slot = journal.Rent(type);
        try
        {
            payload(slot, value);
        }
        catch (Exception fault)
        {
            slot.Return();
            throw new RecordingException("the occurrence cannot be written as a record", fault);
        }
        var durable = slot.Durable;
        journal.Enqueue(slot);
        journal.Help(slot);
        return durable;
    }

    private void WriteDenials(Intent last, DateTimeOffset from, long count)
    {
        var journal = _journal;
        var slot = journal.Rent(RecordType.Denials);
        slot.IsAwaited = false;
        try
        {
            // Ten of them have accounts of their own, so their session has a key; unless it was erased this instant, and then what they asked is gone too.
            var key = _sessions?.Find(last.Session);
            PayloadWriter.Denials(slot, last, from, count, isSealed: _sessions is not null);
            if (key is not null)
            {
                slot.BeginSealed();
                PayloadWriter.SaidOfDenials(slot, last);
                slot.EndSaid();
                slot.Seal(key, []);
            }
            journal.Enqueue(slot, urgent: false, always: true);
        }
        catch (RecordingException)
        {
            // The journal is broken and takes nothing; these denials are among what the recovery says was refused.
            Interlocked.Add(ref _refused, count);
        }
    }

    private static JournalKeyring KeysOf(JournalSigners signers, RecorderOptions options) =>
        JournalKeyring.Read($"{JournalKeys.Published(options.DataFolder)}\n{signers.Current.PublicKeyPem}\n{signers.Previous?.PublicKeyPem}");

    private void TellSigned(RecordedCheckpoint checkpoint)
    {
        Volatile.Write(ref _signedSequence, checkpoint.Through);
        Signed?.Invoke(checkpoint);
    }

    private static ImmutableArray<KeyValuePair<string, string>> Facts(params ReadOnlySpan<(string Name, string Value)> facts)
    {
        var builder = ImmutableArray.CreateBuilder<KeyValuePair<string, string>>(facts.Length);
        foreach (var (name, value) in facts) builder.Add(new(name, value));
        return builder.MoveToImmutable();
    }
}
