using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Postern.Core.Recording;
using Postern.Gateway.Configuration;

namespace Postern.Gateway.Recordings.Stores;

/// <summary>
/// Lets segments leave the local disk once they are old enough or too many, the store has them whole, and nothing here still needs them;
/// and brings one back when somebody reads it. Before the only other copy is removed, the store's was read back and is the same.
/// </summary>
internal sealed partial class LocalCopies : IAsyncDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    /// <summary>What came back stays this long: who reads one record of it reads the next one too.</summary>
    private static readonly TimeSpan Visit = TimeSpan.FromMinutes(10);

    private readonly LocalCopyOptions _options;
    private readonly IRecordingStore _store;
    private readonly string _folder;
    private readonly Func<int> _firstNeeded;
    private readonly Recorder _recorder;
    private readonly TimeProvider _clock;
    private readonly ILogger _log;
    private readonly JournalReader _journal;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _recalling = new();
    private readonly IDisposable _registration;
    private Task _running = Task.CompletedTask;
    private volatile string? _complaint;

    /// <param name="options">What may go; nothing goes when both are absent, and what is gone comes back.</param>
    /// <param name="store">Where segments are kept.</param>
    /// <param name="folder">The journal's folder.</param>
    /// <param name="firstNeeded">The first segment that the upload or an export still reads.</param>
    /// <param name="recorder">Records what left.</param>
    /// <param name="clock">The gateway's.</param>
    /// <param name="log">The record's.</param>
    public LocalCopies(LocalCopyOptions options, IRecordingStore store, string folder, Func<int> firstNeeded, Recorder recorder, TimeProvider clock, ILogger log)
    {
        (_options, _store, _folder, _firstNeeded, _recorder, _clock, _log) = (options, store, folder, firstNeeded, recorder, clock, log);
        _journal = new JournalReader(folder);
        _registration = MovedSegment.RecallWith(folder, Recall);
    }

    /// <summary>Why what should leave does not; null while all is well.</summary>
    public string? Complaint => _complaint;

    /// <summary>Begins to look once a minute.</summary>
    public void Start() => _running = Task.Run(RunAsync);

    /// <summary>Looks once; says how many segments left.</summary>
    public async ValueTask<int> SweepAsync(CancellationToken cancellationToken)
    {
        var left = 0;
        var newest = Newest();
        var end = Math.Min(Math.Min(_firstNeeded(), OldestOfRecovery(newest)), newest);
        var total = Enumerable.Range(1, newest).Sum(segment => new FileInfo(PathOf(segment)) is { Exists: true } file ? file.Length : 0);
        for (var segment = 1; segment < end; segment++)
        {
            if (new FileInfo(PathOf(segment)) is not { Exists: true } file) continue;
            var now = _clock.GetUtcNow();
            if (MovedSegment.Read(_folder, segment) is { } note)
            {
                if (now.UtcDateTime - file.LastWriteTimeUtc < Visit) continue;
                note.Replace(_folder, segment);
                total -= file.Length;
                continue;
            }
            var isTooOld = _options.Age is { } age && now - Closed(segment) >= age;
            if (!isTooOld && !(_options.Bytes is { } most && total > most)) continue;
            var length = _journal.LengthOf(segment) ?? file.Length;
            if (await DigestOfKeptAsync(segment, length, cancellationToken).ConfigureAwait(false) is not { } digest)
            {
                throw new StoreException($"the {_store.Place} does not hold `{JournalReader.SegmentFile(segment)}` as it is here; it stays here");
            }
            // First said, then done: a removal that the record does not know of would look like a theft.
            await _recorder.NoteAsync(new Occurrence("store.moved", now, [new("segment", segment.ToString(CultureInfo.InvariantCulture)), new("bytes", length.ToString(CultureInfo.InvariantCulture)), new("sha256", digest)]), cancellationToken).ConfigureAwait(false);
            new MovedSegment(length, digest).Replace(_folder, segment);
            total -= file.Length;
            left++;
        }
        _complaint = null;
        return left;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _registration.Dispose();
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
        _stopping.Dispose();
    }

    private async Task RunAsync()
    {
        using var timer = new PeriodicTimer(Interval, _clock);
        try
        {
            while (await timer.WaitForNextTickAsync(_stopping.Token).ConfigureAwait(false))
            {
                try
                {
                    await SweepAsync(_stopping.Token).ConfigureAwait(false);
                }
                catch (Exception fault) when (fault is StoreException or RecordingException or IOException or UnauthorizedAccessException)
                {
                    _complaint = fault is StoreException or RecordingException ? fault.Message : $"what the store has cannot leave the disk ({fault.GetType().Name})";
                    Stays(_log, _complaint);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The gateway stops.
        }
    }

    /// <summary>Readers are synchronous, and may be on any thread: one segment comes back at a time, and whoever else wants it waits.</summary>
    private void Recall(int segment)
    {
        lock (_recalling)
        {
            if (File.Exists(PathOf(segment))) return;
            Task.Run(() => RecallAsync(segment, _stopping.Token)).GetAwaiter().GetResult();
        }
    }

    private async Task RecallAsync(int segment, CancellationToken cancellationToken)
    {
        var note = MovedSegment.Read(_folder, segment) ?? throw new IOException($"the note in place of `{JournalReader.SegmentFile(segment)}` cannot be read");
        var draft = PathOf(segment) + ".recalled";
        try
        {
            File.Delete(draft);
            var pieces = await PiecesAsync(segment, cancellationToken).ConfigureAwait(false);
            await JournalFetch.SegmentAsync(_store, pieces, draft, cancellationToken).ConfigureAwait(false);
            var file = new FileStream(draft, FileMode.Open, FileAccess.Read);
            await using (file.ConfigureAwait(false))
            {
                if (file.Length != note.Bytes || Convert.ToHexStringLower(await SHA256.HashDataAsync(file, cancellationToken).ConfigureAwait(false)) != note.Sha256) throw new IOException($"the {_store.Place} holds `{JournalReader.SegmentFile(segment)}` otherwise than it left; run `postern journal fetch` and `postern verify`");
            }
            File.SetLastWriteTimeUtc(draft, _clock.GetUtcNow().UtcDateTime);
            File.Move(draft, PathOf(segment), overwrite: false);
        }
        catch (StoreException fault)
        {
            throw new IOException($"the segment `{JournalReader.SegmentFile(segment)}` does not come back: {fault.Message}", fault);
        }
        finally
        {
            File.Delete(draft);
        }
    }

    private async Task<List<(PieceName Name, long Length)>> PiecesAsync(int segment, CancellationToken cancellationToken) =>
        await JournalFetch.PiecesAsync(_store, $"{JournalId()}/{JournalReader.SegmentFile(segment)}/", cancellationToken).ConfigureAwait(false);

    /// <summary>The digest of what the store has, which is what would come back; null when that is not what is here, but for what was erased and taken out here since.</summary>
    private async Task<string?> DigestOfKeptAsync(int segment, long length, CancellationToken cancellationToken)
    {
        var here = new JournalPieces(_folder);
        using var digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var at = 0L;
        foreach (var (name, bytes) in await PiecesAsync(segment, cancellationToken).ConfigureAwait(false))
        {
            if (name.Offset != at || await _store.ReadAsync(name.ToString(), cancellationToken).ConfigureAwait(false) is not { } piece || piece.Length != bytes) throw new StoreException($"the {_store.Place} lacks a piece of `{JournalReader.SegmentFile(segment)}` at byte {at}; it stays here");
            if (here.Bytes(segment, at, piece.Length) is not { } own || !SegmentFolding.IsSame(own, piece, at == 0, name.Journal)) return null;
            digest.AppendData(piece);
            at += bytes;
        }
        return at == length ? Convert.ToHexStringLower(digest.GetHashAndReset()) : null;
    }

    private int Newest()
    {
        var newest = 0;
        while (File.Exists(PathOf(newest + 1)) || MovedSegment.Read(_folder, newest + 1) is not null) newest++;
        return newest;
    }

    /// <summary>A start reads from the segment on in which the oldest operation began that had not ended when the newest segment was opened.</summary>
    private int OldestOfRecovery(int newest)
    {
        if (newest < 1 || Header(newest) is not { } header) return 0;
        var needed = header.OldestOpen ?? header.First;
        var segment = newest;
        while (segment > 1 && File.Exists(PathOf(segment)) && Header(segment) is { } one && one.First > needed) segment--;
        return segment;
    }

    private DateTimeOffset Closed(int segment) => Header(segment + 1)?.Created ?? DateTimeOffset.MaxValue;

    private string JournalId() => Header(Newest())?.Journal ?? "";

    private RecordedHeader? Header(int segment) => _journal.Read(new JournalPosition(segment, 0), long.MaxValue, withContent: false).Select(record => record.Payload).FirstOrDefault() as RecordedHeader;

    private string PathOf(int segment) => Path.Combine(_folder, JournalReader.SegmentFile(segment));

    [LoggerMessage(EventId = 195, Level = LogLevel.Warning, Message = "what the recording store has cannot leave the local disk: {Problem}")]
    private static partial void Stays(ILogger log, string problem);
}
