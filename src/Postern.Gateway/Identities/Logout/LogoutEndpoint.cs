using System.Collections.Immutable;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Postern.Core.Sessions;
using Postern.Protocols;

namespace Postern.Gateway.Identities.Logout;

/// <summary>
/// Where issuers say that somebody signed out, or was signed out, there (OpenID Connect Back-Channel Logout 1.0): <c>/logout/ISSUER</c>, for every issuer at which
/// people sign in here. It ends their sessions of pages and everything that runs on that session of theirs, wherever it came in.
/// </summary>
internal sealed class LogoutEndpoint(TokenAuthenticator authenticator, IdentityRevocation revocation, RefusalNotes notes, TimeProvider clock)
{
    private const int MaxBody = 64 * 1024;

    private readonly LogoutTokens _tokens = new(authenticator, clock);

    public void Map(IEndpointRouteBuilder endpoints) => endpoints.MapPost("/logout/{issuer}", (RequestDelegate)EndAsync);

    private async Task EndAsync(HttpContext context)
    {
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } cap) cap.MaxRequestBodySize = MaxBody;
        var name = (string)context.Request.RouteValues["issuer"]!;
        ImmutableArray<TokenAuthenticator.Source> sources = [.. authenticator.ForBrowsers.Where(source => source.Issuer.Name == name)];
        if (sources.IsEmpty)
        {
            await RefuseAsync(context, StatusCodes.Status404NotFound, "no such issuer").ConfigureAwait(false);
            return;
        }
        if (await TokenOfAsync(context).ConfigureAwait(false) is not { } token)
        {
            await RefuseAsync(context, StatusCodes.Status400BadRequest, "expected a form with one `logout_token`").ConfigureAwait(false);
            return;
        }
        var reading = await _tokens.ReadAsync(token, sources, context.RequestAborted).ConfigureAwait(false);
        if (reading.Notice is not { } notice)
        {
            await notes.NoteAsync("logout.refused", reading.Reason, "gateway", name).ConfigureAwait(false);
            await RefuseAsync(context, reading.IsTransient ? StatusCodes.Status503ServiceUnavailable : StatusCodes.Status400BadRequest, reading.Reason).ConfigureAwait(false);
            return;
        }
        foreach (var subject in SubjectsOf(notice))
        {
            var (_, problem) = await revocation.EndAsync(revocation.Of(subject, isBlock: false) with { Source = "logout", By = name, Reason = "the issuer ended the sign-in" }).ConfigureAwait(false);
            if (problem is null) continue;
            await RefuseAsync(context, StatusCodes.Status503ServiceUnavailable, "it could not be recorded; say it again").ConfigureAwait(false);
            return;
        }
        Head(context, StatusCodes.Status200OK);
    }

    /// <summary>
    /// A session ends for good, and with it the person's credentials that name none, which may be of it; without a session, everything of the person that was issued until now.
    /// </summary>
    private static IEnumerable<RevocationSubject> SubjectsOf(LogoutNotice notice) => notice switch
    {
        { SessionId: { } session, Subject: { } subject } => [new RevocationSubject(RevocationOf.Session, notice.Issuer, session), new RevocationSubject(RevocationOf.Sessionless, notice.Issuer, subject)],
        { SessionId: { } session } => [new RevocationSubject(RevocationOf.Session, notice.Issuer, session)],
        _ => [new RevocationSubject(RevocationOf.Identity, notice.Issuer, notice.Subject!)],
    };

    private static async Task<string?> TokenOfAsync(HttpContext context)
    {
        if (!context.Request.HasFormContentType) return null;
        try
        {
            var form = await context.Request.ReadFormAsync(context.RequestAborted).ConfigureAwait(false);
            return form["logout_token"] is [{ Length: > 0 and <= TokenText.MaxLength } token] ? token : null;
        }
        catch (Exception fault) when (fault is InvalidDataException or BadHttpRequestException or IOException)
        {
            return null;
        }
    }

    private static void Head(HttpContext context, int status)
    {
        context.Response.StatusCode = status;
        // Section 2.8.
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers.XContentTypeOptions = "nosniff";
    }

    private static Task RefuseAsync(HttpContext context, int status, string reason)
    {
        Head(context, status);
        context.Response.ContentType = "application/json";
        // Reasons are our own words: nothing of what was sent.
        return context.Response.WriteAsync($$"""{"error":"{{(status == StatusCodes.Status503ServiceUnavailable ? "temporarily_unavailable" : "invalid_request")}}","error_description":"{{reason.Replace("`", "'", StringComparison.Ordinal)}}"}""", context.RequestAborted);
    }
}
