using Microsoft.AspNetCore.Http;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Gateway.Identities;
using Postern.Protocols;

namespace Postern.Gateway.Api;

/// <summary>
/// Who asks the control API. A bearer token reads; whatever acts needs the browser of a person who signed in just now, so that
/// a stolen token file neither approves nor administers.
/// </summary>
internal sealed class ApiSignIn(IAuthenticator authenticator, IPageSession sessions, RefusalNotes notes, string publicUrl) : IApiSignIn
{
    /// <summary>The header in which a page of ours sends its form token.</summary>
    public const string CsrfHeader = "Postern-Csrf";

    private const string Scheme = "Bearer ";

    public async ValueTask<ApiSignInOutcome> IdentifyAsync(HttpContext context, ApiAccess access)
    {
        var credential = (string?)context.Request.Headers.Authorization;
        if (access == ApiAccess.FreshBrowser)
        {
            var outcome = credential is null
                ? FromBrowser(context, fresh: true)
                : Refused(StatusCodes.Status403Forbidden, RefusalCode.NotPermitted, "This needs a person in a browser who signed in just now. A token cannot do it.");
            if (outcome.Problem is { } problem) await notes.NoteAsync("form.refused", problem.Reason, "gateway").ConfigureAwait(false);
            return outcome;
        }
        if (credential is null && access == ApiAccess.Asking)
        {
            // A browser sends its cookie whoever made it ask.
            var outcome = FromBrowser(context, fresh: false);
            if (outcome.Problem is { } problem) await notes.NoteAsync("form.refused", problem.Reason, "gateway").ConfigureAwait(false);
            return outcome;
        }
        if (credential is null && access == ApiAccess.Judged) return FromBrowser(context, fresh: true);
        if (credential is null) return sessions.TryGet(context, out var person) ? new ApiSignInOutcome(person, null, WasPresented: false) : SignInFirst(wasPresented: false);
        if (!credential.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            await notes.NoteAsync("auth.refused", "the credential is no bearer token", "gateway").ConfigureAwait(false);
            return SignInFirst(wasPresented: true);
        }
        switch (await authenticator.AuthenticateAsync(credential[Scheme.Length..].Trim(), publicUrl, context.RequestAborted).ConfigureAwait(false))
        {
            case Authentication.Accepted accepted:
                return new ApiSignInOutcome(accepted.Identity, null, WasPresented: true);
            case Authentication.Refused refused:
                await notes.NoteAsync("auth.refused", refused.Reason, "gateway").ConfigureAwait(false);
                if (!refused.NeededScopes.IsEmpty) return Refused(StatusCodes.Status403Forbidden, RefusalCode.Unauthenticated, $"The sign-in was for too little. Sign in for: {string.Join(' ', refused.NeededScopes)}.") with { NeededScopes = refused.NeededScopes };
                return refused.IsTransient
                    ? Refused(StatusCodes.Status503ServiceUnavailable, RefusalCode.GatewayUnavailable, "The issuer's keys cannot be read at the moment. Try again later.")
                    : SignInFirst(wasPresented: true);
            default:
                return SignInFirst(wasPresented: true);
        }
    }

    private ApiSignInOutcome FromBrowser(HttpContext context, bool fresh)
    {
        if (!sessions.TryGet(context, out var person)) return SignInFirst(wasPresented: false);
        if (!sessions.IsOwnForm(context, context.Request.Headers[CsrfHeader])) return Refused(StatusCodes.Status403Forbidden, RefusalCode.NotPermitted, "The request did not come from a page of this gateway.");
        if (fresh && !sessions.IsFresh(person)) return Refused(StatusCodes.Status403Forbidden, RefusalCode.NotPermitted, "This needs a sign-in of the last minutes. Sign in again and repeat it.");
        return new ApiSignInOutcome(person, null, WasPresented: false);
    }

    private static ApiSignInOutcome SignInFirst(bool wasPresented) =>
        new(null, new ApiAnswer.Problem(StatusCodes.Status401Unauthorized, RefusalCode.Unauthenticated, "The credential is missing, wrong or over. Sign in."), wasPresented);

    private static ApiSignInOutcome Refused(int status, string code, string reason) => new(null, new ApiAnswer.Problem(status, code, reason), WasPresented: true);
}
