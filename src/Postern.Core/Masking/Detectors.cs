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

    /// <summary>International bank account numbers (ISO 13616), with the length of their country and their check digits.</summary>
    public const string Iban = "iban";

    /// <summary>Telephone numbers: with a plus sign and a country code, or in North American groups.</summary>
    public const string Phone = "phone";

    /// <summary>United States social security numbers, with separators, in the ranges that are issued.</summary>
    public const string UsSsn = "us-ssn";

    /// <summary>IP addresses, versions 4 and 6.</summary>
    public const string IpAddress = "ip-address";

    /// <summary>Values that their name makes a password or key: of members called so, and behind such a name in a text.</summary>
    public const string Password = "password";

    /// <summary>Passwords in connection strings and URLs.</summary>
    public const string ConnectionString = "connection-string";

    /// <summary>All names, in alphabetical order.</summary>
    public static ImmutableArray<string> Names { get; } = [ApiKey, ConnectionString, CreditCard, Email, Iban, IpAddress, Jwt, Password, Phone, PrivateKey, UsSsn];
}
