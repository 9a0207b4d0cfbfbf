using System.Diagnostics.CodeAnalysis;
using Microsoft.AspNetCore.Http;
using Postern.Core.Operations;

namespace Postern.Gateway.Identities;

/// <summary>
/// Who stands before a page: people, signed in through their browser. A bearer token is never looked at here, so that a stolen
/// one can neither answer holds nor administer.
/// </summary>
public interface IPageSession
{
    /// <summary>The form field that carries the token of <see cref="IssueCsrf"/>.</summary>
    const string CsrfField = "csrf";

    /// <summary>The person of this browser's session; <see cref="Identity.InteractiveSince"/> says when they proved to be it.</summary>
    bool TryGet(HttpContext context, [NotNullWhen(true)] out Identity? identity);

    /// <summary>Whether the person signed in so lately (five minutes) that they may approve or administer now.</summary>
    bool IsFresh(Identity identity);

    /// <summary>
    /// Answers with the way to sign in: a redirect for GET, a page with a link for everything else (a form that was sent is
    /// lost, and must be: nobody signed it).
    /// </summary>
    /// <param name="context">The request; nothing may have been written yet.</param>
    /// <param name="returnPath">The local path to come back to; anything else becomes <c>/</c>.</param>
    /// <param name="fresh">True when the issuer must ask the person again, although it may still know them.</param>
    Task ChallengeAsync(HttpContext context, string returnPath, bool fresh);

    /// <summary>A token for the forms of this session's pages; empty without a session.</summary>
    string IssueCsrf(HttpContext context);

    /// <summary>True when a form was sent by a page of ours, in this very session. Needed before any POST acts.</summary>
    bool IsOwnForm(HttpContext context, string? csrf);
}
