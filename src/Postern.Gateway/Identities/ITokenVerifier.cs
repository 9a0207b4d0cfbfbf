using System.Collections.Immutable;

namespace Postern.Gateway.Identities;

/// <summary>Checks a signature. Called only with a token that passed the strict reading, and only with the keys that may have signed it.</summary>
public interface ITokenVerifier
{
    /// <summary>True when one of the keys signed exactly this token.</summary>
    /// <param name="token">The compact form.</param>
    /// <param name="algorithm">The algorithm of its header, already on the issuer's list.</param>
    /// <param name="issuer">The exact text that <c>iss</c> must have.</param>
    /// <param name="audience">One audience that the token has and that is accepted.</param>
    /// <param name="keys">Keys of that issuer with the token's <c>kid</c> that fit the algorithm.</param>
    bool Holds(string token, string algorithm, string issuer, string audience, ImmutableArray<IssuerKey> keys);
}
