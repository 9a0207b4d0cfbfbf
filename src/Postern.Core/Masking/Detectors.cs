using System.Collections.Immutable;

namespace Postern.Core.Masking;

/// <summary>The value detectors that a mask may name.</summary>
public static class Detectors
{
    /// <summary>Payment card numbers: issuer range, length and Luhn check digit, written in one run or in groups.</summary>
    public const string CreditCard = "credit-card";

    /// <summary>E-mail addresses.</summary>
    public const string Email = "email";

    /// <summary>Keys and tokens that services mark with a prefix of their own.</summary>
    public const string ApiKey = "api-key";

    /// <summary>Compact JSON web tokens (RFC 7515, RFC 7516, RFC 7519).</summary>
    public const string Jwt = "jwt";

    /// <summary>Private keys in PEM (RFC 7468).</summary>
    public const string PrivateKey = "private-key";

    /// <summary>All names, in alphabetical order.</summary>
    public static ImmutableArray<string> Names { get; } = [ApiKey, CreditCard, Email, Jwt, PrivateKey];
}
