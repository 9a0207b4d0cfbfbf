using System.Collections.Concurrent;
using Microsoft.AspNetCore.Http;
using Postern.Core.Operations;

namespace Postern.Protocols.HttpData;

/// <summary>Who asks over HTTP: one bearer token that is meant for the connection. Whoever has none is told where to sign in (RFC 9728).</summary>
internal sealed class Identification(ProtocolServices services, RefusalNotes notes)
{
    private readonly ConcurrentDictionary<string, string> _resources = new(StringComparer.Ordinal);
    private readonly Func<string, string> _resourceUrl = path => ProtectedResource.ResourceUrl(services.PublicUrl, path);

    /// <summary>The identity; null when the request was answered with 401 or 503.</summary>
    /// <param name="http">The request.</param>
    /// <param name="connection">The connection's name, for the record; one that exists.</param>
    /// <param name="path">The path of the resource that tokens are for.</param>
    public async ValueTask<Identity?> OfAsync(HttpContext http, string connection, string path)
    {
        var token = BearerToken.Of(http, out var reason, out var error);
        var isTransient = false;
        if (token is not null)
        {
            switch (await services.Authenticator.AuthenticateAsync(token, _resources.GetOrAdd(path, _resourceUrl), http.RequestAborted).ConfigureAwait(false))
            {
                case Authentication.Accepted accepted:
                    return accepted.Identity;
                case Authentication.Refused refused:
                    (reason, error, isTransient) = (refused.Reason, "invalid_token", refused.IsTransient);
                    break;
                default:
                    (reason, error) = ("the authenticator gave no answer", "invalid_token");
                    break;
            }
        }
        await notes.NoteAsync("auth.refused", reason, connection).ConfigureAwait(false);
        if (!isTransient) http.Response.Headers.WWWAuthenticate = ProtectedResource.Challenge(services.PublicUrl, path, error);
        await Problem.WriteAsync(http, isTransient ? 503 : 401, isTransient ? "gateway.unavailable" : "auth.required", "expected a valid bearer token for this connection; sign in", http.RequestAborted).ConfigureAwait(false);
        return null;
    }
}
