using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using Postern.Core.Approvals;
using Postern.Core.Grants;
using Postern.Core.Operations;
using Postern.Core.Recording;
using Postern.Core.Sessions;
using Postern.Gateway.Api;
using Postern.Gateway.Policies;
using Postern.Protocols;

namespace Postern.Gateway.Identities;

/// <summary>What a revocation ended.</summary>
/// <param name="Operations">Operations that were running or waiting for people.</param>
/// <param name="Holds">Holds that it had asked for or answered, and that nobody has used.</param>
/// <param name="Grants">Grants in force that it held or had agreed to.</param>
internal sealed record Revoked(int Operations, int Holds, int Grants);

/// <summary>What a revocation works on.</summary>
internal sealed record RevocationParts(
    Leash Leash, RevocationStore Store, BrowserSignIn SignIn, ApprovalDesk Desk, GrantDesk Grants, People People, ImmutableArray<IProtocol> Protocols, OwnOperations Own, IRecorder Recorder, TimeSpan LongestLife, TimeProvider Clock);

/// <summary>
/// Takes back what an identity, a group, an agent, a session at the issuer, a token or a family of tokens holds (G10): tokens and page sessions, what runs
/// on them, what waits, approvals asked and given, grants, sessions at targets. One meaning, whoever says it: a command, a signed logout of the issuer, a
/// directory, introspection, or the person themselves.
/// </summary>
internal sealed class IdentityRevocation(RevocationParts parts)
{
    /// <summary>Every revocation that is remembered.</summary>
    public ImmutableArray<Revocation> All => parts.Leash.Revocations.All;

    /// <summary>What is said of a subject now.</summary>
    public Revocation? Find(RevocationSubject subject) => parts.Leash.Revocations.Find(subject);

    /// <summary>One as of now: for what was issued before, or also for what will be.</summary>
    public Revocation Of(RevocationSubject subject, bool isBlock) =>
        isBlock ? Revocation.Block(subject, parts.Clock.GetUtcNow()) : Revocation.Now(subject, parts.Clock.GetUtcNow(), parts.LongestLife);

    /// <summary>
    /// As the gateway's own operation: recorded before it counts. What it ended; or why it does not count, and then whoever said it must say it again.
    /// </summary>
    public async ValueTask<(Revoked? Revoked, string? Problem)> EndAsync(Revocation revocation)
    {
        Revoked? revoked = null;
        var problem = await parts.Own.RunAsync(GatewayVocabulary.EndIdentities, json => Describe(json, revocation), async operation => revoked = await ApplyAsync(revocation, operation).ConfigureAwait(false)).ConfigureAwait(false);
        return (problem is null ? revoked : null, problem);
    }

    /// <summary>As the gateway's own operation: what a source of its own had ended counts again.</summary>
    public async ValueTask<string?> UnendAsync(RevocationSubject subject, string source)
    {
        if (parts.Leash.Revocations.Find(subject) is not { } standing || standing.Source != source) return null;
        return await parts.Own.RunAsync(
            GatewayVocabulary.EndIdentities,
            json =>
            {
                json.WriteString("restore", subject.ToString());
                json.WriteString("source", source);
            },
            async _ => await RestoreAsync(subject).ConfigureAwait(false)).ConfigureAwait(false);
    }

    /// <summary>An issuer says that a token is over. One without an id of its own ends with everything that was issued to its owner up to it.</summary>
    public async ValueTask EndedThereAsync(Identity identity)
    {
        var now = parts.Clock.GetUtcNow();
        var revocation = identity.TokenId is { } id
            ? Revocation.Now(new RevocationSubject(RevocationOf.Token, identity.Issuer, id), now, parts.LongestLife)
            : Revocation.Now(new RevocationSubject(RevocationOf.Identity, identity.Issuer, identity.Subject), now, parts.LongestLife) with { IssuedUntil = identity.IssuedAt };
        await EndAsync(revocation with { Source = "introspection", By = identity.Issuer, Reason = "the issuer says that the token is over" }).ConfigureAwait(false);
    }

    /// <summary>Ends all of it; what runs is cut before anything is waited for. Called from within the operation that is recorded.</summary>
    public async ValueTask<Revoked> ApplyAsync(Revocation revocation, OperationId operation)
    {
        var subject = revocation.Subject;
        // 1. In memory: nothing new begins, and what runs is cut, however slow disks are.
        var operations = parts.Leash.Revoke(revocation, operation);
        parts.SignIn.EndCovered();
        foreach (var key in OwnersOf(subject))
        {
            foreach (var protocol in parts.Protocols) protocol.EndSessions(key);
        }

        // 2. On the disk: a restart must not undo it.
        await parts.Store.SaveAsync(parts.Leash.Revocations.Find(subject) ?? revocation, parts.Clock.GetUtcNow(), CancellationToken.None).ConfigureAwait(false);
        parts.Leash.Revocations.Forget(parts.Clock.GetUtcNow());

        // 3. What was asked for and given, and is not used yet.
        var holds = await parts.Desk.RevokeAsync(subject, parts.Clock.GetUtcNow()).ConfigureAwait(false);
        var grants = await parts.Grants.RevokeAllAsync(subject, parts.People.GroupsKnownOf).ConfigureAwait(false);
        await parts.Recorder.NoteAsync(
            new Occurrence("identity.revoked", parts.Clock.GetUtcNow(),
            [
                new(subject.Word, subject.Key), new("by", revocation.By), new("source", revocation.Source), new("operation", operation.ToString()),
                new("operations", Text(operations)), new("holds", Text(holds)), new("grants", Text(grants)),
            ]),
            CancellationToken.None).ConfigureAwait(false);
        return new Revoked(operations, holds, grants);
    }

    /// <summary>What was ended in tokens counts again; what was cut, voided and ended stays so. False when there was nothing.</summary>
    public async ValueTask<bool> RestoreAsync(RevocationSubject subject)
    {
        if (parts.Leash.Revocations.Find(subject) is null) return false;
        // The disk first: what fails here leaves the credentials taken back.
        await parts.Store.RemoveAsync(subject, CancellationToken.None).ConfigureAwait(false);
        parts.Leash.Revocations.Remove(subject);
        return true;
    }

    // Sessions of protocols and children belong to an identity. One that other credentials of it may still use stays; those credentials are asked every time.
    private IEnumerable<string> OwnersOf(RevocationSubject subject) => subject.Of switch
    {
        RevocationOf.Identity => [subject.Key],
        RevocationOf.Group => parts.People.KnownIn(subject.Key),
        _ => [],
    };

    private static void Describe(Utf8JsonWriter json, Revocation revocation)
    {
        json.WriteString(revocation.Subject.Word, revocation.Subject.Key);
        json.WriteString("source", revocation.Source);
        json.WriteString("by", revocation.By);
        json.WriteString("reason", revocation.Reason);
        json.WriteBoolean("block", revocation.IsBlock);
    }

    private static string Text(int count) => count.ToString(CultureInfo.InvariantCulture);
}
