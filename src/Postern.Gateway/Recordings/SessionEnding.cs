using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Core.Recording;
using Postern.Core.Sessions;

namespace Postern.Gateway.Recordings;

/// <summary>
/// Ends a session: what of it runs, or waits for people, is cut, and what comes next begins another session. It takes nothing back: whoever may
/// not go on at all is revoked.
/// </summary>
internal sealed class SessionEnding(RecordingIndex index, SessionBook book, Leash leash, IRecorder recorder, TimeProvider clock)
{
    /// <summary>How often what is open is looked for: an intent that was on its way to the disk at the first look is there at the next.</summary>
    private const int Looks = 3;

    /// <summary>Records it, then does it. Returns how many operations were cut.</summary>
    /// <param name="session">The session's id; the caller has seen that there is one, and whose.</param>
    /// <param name="by">Who ends it.</param>
    /// <param name="reason">Why; may be empty.</param>
    /// <param name="except">The operation that does this.</param>
    /// <param name="cancellationToken">Before it begins.</param>
    /// <exception cref="RecordingException">It cannot be recorded; nothing was ended.</exception>
    public async ValueTask<int> EndAsync(string session, Identity by, string reason, OperationId except, CancellationToken cancellationToken)
    {
        await recorder.NoteAsync(new Occurrence("session.ended", clock.GetUtcNow(), [new("session", session), new("by", by.Key), new("agent", by.Agent ?? ""), new("reason", reason)]), cancellationToken).ConfigureAwait(false);
        book.End(session);
        var cut = new HashSet<string>(StringComparer.Ordinal);
        for (var look = 0; look < Looks; look++)
        {
            var open = await index.OpenInAsync(session, CancellationToken.None).ConfigureAwait(false);
            if (open.Count == 0) continue;
            leash.Cut(
                (_, operation) =>
                {
                    var id = operation.Id.ToString();
                    return operation.Id != except && open.Contains(id) && cut.Add(id);
                },
                ClearanceEnd.SessionEnded);
        }
        return cut.Count;
    }
}
