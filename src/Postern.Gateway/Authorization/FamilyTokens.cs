using Postern.Core.Operations;
using Postern.Core.Recording;

namespace Postern.Gateway.Authorization;

/// <summary>Makes access tokens, and writes down that it did: what is not on the record is not issued.</summary>
internal sealed class FamilyTokens(OwnIssuer issuer, ResourceRules resources, IRecorder recorder, TimeProvider clock)
{
    /// <summary>A token and how long it lives; null when there is more to say of its holder than a token can carry.</summary>
    /// <param name="identity">Whom it speaks of.</param>
    /// <param name="resource">The only audience.</param>
    /// <param name="endsAt">It ends no later than this.</param>
    /// <param name="grant">How it came about, for the record.</param>
    /// <param name="cancellationToken">Ends with the caller.</param>
    public async ValueTask<(string Token, TimeSpan Life)?> IssueAsync(Identity identity, string resource, DateTimeOffset endsAt, string grant, CancellationToken cancellationToken)
    {
        var now = clock.GetUtcNow();
        var ends = endsAt < now + issuer.Life ? endsAt : now + issuer.Life;
        if (ends <= now || issuer.Make(identity, resource, now, ends) is not { } token) return null;
        await recorder.NoteAsync(
            new Occurrence("authorization.issued", now, [new("identity", identity.Key), new("client", identity.Agent ?? ""), new("resource", resources.PathOf(resource)), new("family", identity.Family!), new("grant", grant)]),
            cancellationToken).ConfigureAwait(false);
        return (token, ends - now);
    }
}
