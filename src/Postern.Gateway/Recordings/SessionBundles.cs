using Postern.Core.Evidence;
using Postern.Core.Recording;

namespace Postern.Gateway.Recordings;

/// <summary>What came of asking for a bundle.</summary>
/// <param name="Archive">The zip archive; null when there is none.</param>
/// <param name="Key">Id of the key that signed it.</param>
/// <param name="Problem">Why there is none; null too when there is no such session.</param>
internal sealed record MadeBundle(byte[]? Archive, string Key, string? Problem);

/// <summary>
/// Makes evidence bundles of a running gateway: by the code, and with the key, that the command uses on the gateway's machine. One at a time, and
/// none beyond a cap, since each stands in memory.
/// </summary>
internal sealed class SessionBundles(RecorderOptions recording, IDataKeys keys, RecordingIndex index, Recorder recorder, ReadableForms? readable, TimeProvider clock) : IDisposable
{
    /// <summary>A session whose records have more bytes is bundled on the gateway's machine.</summary>
    public const long MostBytes = 16 * 1024 * 1024;

    private const long MostArchive = 32 * 1024 * 1024;

    private readonly SemaphoreSlim _turn = new(1, 1);

    /// <summary>Makes the bundle of a session as it is by now.</summary>
    public async ValueTask<MadeBundle> MakeAsync(string session, CancellationToken cancellationToken)
    {
        if (readable is null) return new MadeBundle(null, "", "this gateway makes no bundles");
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var places = await index.FindPlacesAsync(session, cancellationToken).ConfigureAwait(false);
            if (places.IsEmpty) return new MadeBundle(null, "", null);
            if (!await JournalSignature.ReachesAsync(recorder, clock, cancellationToken).ConfigureAwait(false)) return new MadeBundle(null, "", "the journal does not sign at present");
            return await Task.Run(() => Make(session, new SessionPlace(places.Min(place => place.Segment), places.Length, MostBytes), cancellationToken), cancellationToken).ConfigureAwait(false);
        }
        catch (RecordingException unusable)
        {
            return new MadeBundle(null, "", unusable.Message);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _turn.Dispose();

    private MadeBundle Make(string session, SessionPlace place, CancellationToken cancellationToken)
    {
        using var signer = JournalKeys.OpenCurrent(recording);
        using var archive = new MemoryStream();
        var manifest = EvidenceBundle.Write(archive, recording.JournalFolder, session, signer, readable!, keys, clock.GetUtcNow(), place, cancellationToken);
        if (archive.Length > MostArchive) return new MadeBundle(null, "", $"it would have more than {MostArchive} bytes");
        return new MadeBundle(manifest is null ? null : archive.ToArray(), manifest?.Key ?? "", null);
    }
}
