using Microsoft.AspNetCore.Http;
using Postern.Core.Pipeline;
using Postern.Gateway.Policies;
using Postern.Gateway.Recordings;

namespace Postern.Gateway.Api;

/// <summary>
/// The route that hands out a session as evidence. Never as one's own right: a bundle carries the session's keys, so what is in it outlives an
/// erasure, and the gateway's signature is under it.
/// </summary>
internal static class BundleRoute
{
    public static ApiRoute Of(SessionBundles bundles) =>
        new("bundleSession", "GET", "/sessions/{id}/bundle") { Access = ApiAccess.Signed, Action = GatewayVocabulary.ReadSessions, TellsRecordings = true, Handle = call => HandleAsync(bundles, call) };

    private static async ValueTask<ApiAnswer> HandleAsync(SessionBundles bundles, ApiCall call)
    {
        var made = await bundles.MakeAsync(call.Value("id"), call.Gone).ConfigureAwait(false);
        if (made.Problem is { } problem)
        {
            return new ApiAnswer.Problem(StatusCodes.Status409Conflict, RefusalCode.RecordUnavailable, $"No bundle is made here: {problem}. On the gateway's machine `postern sessions export --as bundle --config postern.yaml` makes one of any size.");
        }
        if (made.Archive is not { } archive) return ApiAnswer.NotFound();
        return new ApiAnswer.Document(json =>
        {
            json.WriteStartObject();
            json.WriteString("session", call.Value("id"));
            json.WriteString("key", made.Key);
            json.WriteBase64String("bundle", archive);
            json.WriteEndObject();
        });
    }
}
