using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Postern.Upstreams.Postgres;

/// <summary>The channel's name for SCRAM: the hash of the server's certificate (RFC 5929 section 4).</summary>
internal static class ChannelBinding
{
    /// <summary>The value, or null where the certificate's signature names no single hash.</summary>
    public static byte[]? EndPointOf(X509Certificate2 certificate) => certificate.SignatureAlgorithm.Value switch
    {
        // The hash of the signature; SHA-256 in the place of MD5 and SHA-1.
        "1.2.840.113549.1.1.4" or "1.2.840.113549.1.1.5" or "1.2.840.10045.4.1" => SHA256.HashData(certificate.RawData),
        "1.2.840.113549.1.1.11" or "1.2.840.10045.4.3.2" => SHA256.HashData(certificate.RawData),
        "1.2.840.113549.1.1.12" or "1.2.840.10045.4.3.3" => SHA384.HashData(certificate.RawData),
        "1.2.840.113549.1.1.13" or "1.2.840.10045.4.3.4" => SHA512.HashData(certificate.RawData),
        _ => null,
    };
}
