using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Postern.Gateway.Identities;

/// <summary>Microsoft.IdentityModel 5.7.2 behind our own strict reading. Time is ours to judge: it reads no clock but the system's.</summary>
internal sealed class IdentityModelVerifier : ITokenVerifier
{
    private readonly JsonWebTokenHandler _handler = new() { MaximumTokenSizeInBytes = 2 * TokenText.MaxLength };
    private readonly ConditionalWeakTable<IssuerKey, SecurityKey> _keys = [];

    public bool Holds(string token, string algorithm, string issuer, string audience, ImmutableArray<IssuerKey> keys)
    {
        if (keys.IsEmpty)
        {
            return false;
        }

        var parameters = new TokenValidationParameters
        {
            RequireSignedTokens = true,
            RequireExpirationTime = true,
            ValidIssuer = issuer,
            ValidAudience = audience,
            ValidateLifetime = false,
            IssuerSigningKeys = keys.Select(key => _keys.GetValue(key, Convert)),
        };
        try
        {
            return _handler.ValidateToken(token, parameters).IsValid;
        }
        catch (Exception fault) when (fault is SecurityTokenException or ArgumentException or CryptographicException or NotSupportedException or InvalidOperationException or FormatException)
        {
            // whatever the library cannot decide is not a good signature
            return false;
        }
    }

    private static SecurityKey Convert(IssuerKey key)
    {
        // this line of the library finds cached signature providers by key id alone: with the cache on, a key of one issuer
        // verifies tokens of another that uses the same id, and a replaced key goes on verifying (J05)
        var uncached = new CryptoProviderFactory { CacheSignatureProviders = false };
        return key.Rsa is { } rsa
            ? new RsaSecurityKey(rsa) { KeyId = key.Id, CryptoProviderFactory = uncached }
            : new ECDsaSecurityKey(ECDsa.Create(key.Ec!.Value)) { KeyId = key.Id, CryptoProviderFactory = uncached };
    }
}
