using System.Collections.Immutable;
using Postern.Core.Approvals;
using Postern.Core.Grants;
using Postern.Core.Operations;
using Postern.Core.Recording;
using Postern.Core.Sessions;
using Postern.Protocols;

namespace Postern.Gateway.Identities;

/// <summary>What a revocation ended.</summary>
/// <param name="Operations">Operations that were running or waiting for people.</param>
/// <param name="Holds">Holds that it had asked for or answered, and that nobody has used.</param>
/// <param name="Grants">Grants in force that it held or had agreed to.</param>
internal sealed record Revoked(int Operations, int Holds, int Grants);

/// <summary>
/// Takes back everything that an identity holds (G10): its tokens and page sessions, what runs on them, what waits, its
/// approvals asked and given, its sessions at targets. What is issued to it afterwards counts again.
/// </summary>
internal sealed class IdentityRevocation(
    Leash leash, RevocationStore store, BrowserSignIn signIn, ApprovalDesk desk, GrantDesk grants, ImmutableArray<IProtocol> protocols, IRecorder recorder, TimeProvider clock)
{
    /// <summary>Ends all of it; what runs is cut before anything is waited for.</summary>
    /// <param name="identityKey"><c>issuer:subject</c>.</param>
    /// <param name="by">Who does it, for the record.</param>
    public async ValueTask<Revoked> RevokeAsync(string identityKey, Identity by)
    {
        var now = clock.GetUtcNow();
        // 1. In memory: nothing new begins, and what runs is cut, however slow disks are.
        var operations = leash.Revoke(identityKey, now);
        signIn.EndSessions(identityKey);
        foreach (var protocol in protocols) protocol.EndSessions(identityKey);

        // 2. On the disk: a restart must not undo it.
        await store.AddAsync(identityKey, now, CancellationToken.None).ConfigureAwait(false);

        // 3. Approvals that it asked for or gave and that are not used yet.
        var holds = await desk.RevokeAsync(identityKey, now).ConfigureAwait(false);
        var ended = await grants.RevokeAllAsync(identityKey).ConfigureAwait(false);
        await recorder.NoteAsync(
            new Occurrence("identity.revoked", now,
            [
                new("identity", identityKey), new("by", by.Key), new("operations", Text(operations)), new("holds", Text(holds)), new("grants", Text(ended)),
            ]),
            CancellationToken.None).ConfigureAwait(false);
        return new Revoked(operations, holds, ended);
    }

    private static string Text(int count) => count.ToString(System.Globalization.CultureInfo.InvariantCulture);
}
