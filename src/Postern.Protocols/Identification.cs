using System.Collections.Concurrent;
using Microsoft.AspNetCore.Http;
using Postern.Core.Operations;

namespace Postern.Protocols;

/// <summary>Says no to a request without a good token, in the protocol's own words: 401, 403 when it was issued for too little, or 503 when the issuer cannot be asked.</summary>
internal delegate ValueTask SayUnauthenticated(HttpContext http, int status);

/// <summary>
/// Who asks over HTTP: one bearer token that is meant for the connection. Whoever has none is told where to sign in (RFC 9728). The
/// same for every protocol on the HTTP listener; only the words differ.
/// </summary>
/// <param name="services">The authenticator, and the gateway's URL.</param>
/// <param name="notes">Takes the reason, which callers are not told.</param>
/// <param name="prefix">The path before a connection's name, from its slash to its last.</param>
/// <param name="sayNo">Writes the answer.</param>
internal sealed class Identification(ProtocolServices services, RefusalNotes notes, string prefix, SayUnauthenticated sayNo)
{
    private readonly ConcurrentDictionary<string, string> _resources = new(StringComparer.Ordinal);
    private readonly Func<string, string> _resourceOf = name => ProtectedResource.ResourceUrl(services.PublicUrl, prefix + name);

    /// <summary>The identity; null when the request was answered.</summary>
    /// <param name="http">The request.</param>
    /// <param name="connection">The name of a connection that exists.</param>
    public async ValueTask<Identity?> OfAsync(HttpContext http, string connection)
    {
        var token = BearerToken.Of(http, out var reason, out var error);
        var isTransient = false;
        IReadOnlyList<string> scopes = services.Scopes;
        var status = StatusCodes.Status401Unauthorized;
        if (token is not null)
        {
            error = "invalid_token";
            switch (await services.Authenticator.AuthenticateAsync(token, _resources.GetOrAdd(connection, _resourceOf), http.RequestAborted).ConfigureAwait(false))
            {
                case Authentication.Accepted accepted:
                    return accepted.Identity;
                case Authentication.Refused refused:
                    (reason, isTransient) = (refused.Reason, refused.IsTransient);
                    // A step up: everything that is needed in one challenge, so that the client asks once (RFC 6750 section 3.1).
                    if (!refused.NeededScopes.IsEmpty) (status, error, scopes) = (StatusCodes.Status403Forbidden, "insufficient_scope", refused.NeededScopes);
                    break;
                default:
                    reason = "the authenticator gave no answer";
                    break;
            }
        }
        await notes.NoteAsync("auth.refused", reason, connection).ConfigureAwait(false);
        if (!isTransient) http.Response.Headers.WWWAuthenticate = ProtectedResource.Challenge(services.PublicUrl, prefix + connection, error, scopes);
        await sayNo(http, isTransient ? StatusCodes.Status503ServiceUnavailable : status).ConfigureAwait(false);
        return null;
    }
}
