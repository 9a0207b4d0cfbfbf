using Postern.Core.Operations;

namespace Postern.Gateway.Identities;

/// <summary>Tokens that the gateway issued itself, as the authenticator sees them: one more issuer.</summary>
internal interface IOwnTokens
{
    /// <summary>What its tokens must be.</summary>
    TrustedIssuer Issuer { get; }

    /// <summary>Answers for its metadata and keys, without a network.</summary>
    HttpMessageHandler OpenHandler();

    /// <summary>True once a family of its tokens has been ended.</summary>
    bool HasEnded(string family);

    /// <summary>Whom a verified token speaks of: an identity of the issuer that vouched for it. Null, with a reason, when it cannot be understood.</summary>
    Identity? Read(TokenText token, DateTimeOffset issuedAt, DateTimeOffset endsAt, out TokenFault? fault);
}
