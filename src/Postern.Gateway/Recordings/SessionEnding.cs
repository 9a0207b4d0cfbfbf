using Postern.Core.Operations;
using Postern.Core.Recording;
using Postern.Core.Sessions;

namespace Postern.Gateway.Recordings;

/// <summary>
/// Ends a session: what of it runs, or waits for people, is cut, and what comes next begins another session. It takes nothing back: whoever may
/// not go on at all is revoked.
/// </summary>
internal sealed class SessionEnding(SessionBook book, Leash leash, IRecorder recorder, TimeProvider clock)
{
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
        // In this order: whoever is given an id of a session until now is known to the leash, or will be looked at when it gets there.
        book.End(session);
        return leash.EndSession(session, except);
    }
}
