using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Postern.Core.Recording;
using Postern.Core.Yaml;
using Postern.Gateway.Configuration;

namespace Postern.Gateway.Listening;

/// <summary>
/// A certificate authority of this gateway's own, for clients that send no token over plain HTTP and are told whom to trust
/// (kubectl). Made at the first start; its key signs nothing but this gateway's own name and never leaves the data folder.
/// </summary>
internal static class LocalAuthority
{
    private static readonly TimeSpan AuthorityLife = TimeSpan.FromDays(3650);
    private static readonly TimeSpan LeafLife = TimeSpan.FromDays(397);
    private static readonly TimeSpan RenewBefore = TimeSpan.FromDays(60);

    // A client's clock may be a little behind.
    private static readonly TimeSpan Backdate = TimeSpan.FromHours(1);

    /// <summary>The certificate and key to serve, renewed when they are near their end or speak for other names.</summary>
    /// <param name="folder">The data folder.</param>
    /// <param name="address">The listener's own address.</param>
    /// <param name="host">The name or address that clients are told, besides those of loopback.</param>
    /// <param name="now">The time.</param>
    /// <exception cref="GatewayStartException">The files cannot be read or written.</exception>
    public static TlsOptions Ensure(string folder, IPAddress address, string host, DateTimeOffset now)
    {
        var tls = new TlsOptions(Path.Combine(folder, "local-tls.pem"), Path.Combine(folder, "local-tls.key"));
        try
        {
            using var authority = ReadOrCreate(folder, now);
            if (!IsGood(tls, authority, address, host, now)) Issue(tls, authority, address, host, now);
            return tls;
        }
        catch (Exception unusable) when (unusable is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new GatewayStartException([new SourceProblem(Path.Combine(folder, "local-ca.pem"), 0, 0, "the gateway's own certificate authority cannot be read or written; restore the file, or remove `local-ca.*` and `local-tls.*` to make it anew")]);
        }
    }

    /// <summary>The authority's certificate in PEM.</summary>
    public static string CertificateIn(string folder) => File.ReadAllText(Path.Combine(folder, "local-ca.pem"));

    private static X509Certificate2 ReadOrCreate(string folder, DateTimeOffset now)
    {
        var (certificate, key) = (Path.Combine(folder, "local-ca.pem"), Path.Combine(folder, "local-ca.key"));
        if (!File.Exists(certificate) || !File.Exists(key))
        {
            using var fresh = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            var request = new CertificateRequest("CN=Postern local authority", fresh, HashAlgorithmName.SHA256);
            request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: true, pathLengthConstraint: 0, critical: true));
            request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
            request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
            using var made = request.CreateSelfSigned(now - Backdate, now + AuthorityLife);
            Write(key, fresh.ExportPkcs8PrivateKeyPem());
            Write(certificate, made.ExportCertificatePem());
        }
        return X509Certificate2.CreateFromPemFile(certificate, key);
    }

    private static bool IsGood(TlsOptions tls, X509Certificate2 authority, IPAddress address, string host, DateTimeOffset now)
    {
        if (!File.Exists(tls.Certificate) || !File.Exists(tls.Key)) return false;
        using var leaf = X509Certificate2.CreateFromPemFile(tls.Certificate, tls.Key);
        return leaf.NotAfter.ToUniversalTime() > (now + RenewBefore).UtcDateTime
            && leaf.Issuer == authority.Subject
            && leaf.Extensions.OfType<X509AuthorityKeyIdentifierExtension>().FirstOrDefault()?.KeyIdentifier is { } signer
            && signer.Span.SequenceEqual(authority.Extensions.OfType<X509SubjectKeyIdentifierExtension>().First().SubjectKeyIdentifierBytes.Span)
            && leaf.MatchesHostname(address.ToString()) && leaf.MatchesHostname(host) && leaf.MatchesHostname("localhost");
    }

    private static void Issue(TlsOptions tls, X509Certificate2 authority, IPAddress address, string host, DateTimeOffset now)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=Postern", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        foreach (var known in new HashSet<IPAddress> { address, IPAddress.Loopback, IPAddress.IPv6Loopback }) names.AddIpAddress(known);
        names.AddDnsName("localhost");
        if (IPAddress.TryParse(host, out var literal)) names.AddIpAddress(literal);
        else if (host != "localhost") names.AddDnsName(host);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: false, hasPathLengthConstraint: false, pathLengthConstraint: 0, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], critical: false));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(authority, includeKeyIdentifier: true, includeIssuerAndSerial: false));
        // No leaf outlives its authority.
        var (end, last) = (now + LeafLife, new DateTimeOffset(authority.NotAfter.ToUniversalTime()));
        using var leaf = request.Create(authority, now - Backdate, end < last ? end : last, RandomNumberGenerator.GetBytes(16));
        Write(tls.Key, key.ExportPkcs8PrivateKeyPem());
        Write(tls.Certificate, leaf.ExportCertificatePem());
    }

    // Under another name until it is whole and on the disk: a crash must not leave half a key. Readable by its owner only.
    private static void Write(string path, string text)
    {
        var draft = path + ".new";
        File.Delete(draft);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using (var file = new FileStream(draft, options))
        {
            file.Write(System.Text.Encoding.ASCII.GetBytes(text));
            file.Flush(flushToDisk: true);
        }
        File.Move(draft, path, overwrite: true);
        FolderStorage.FlushNames(Path.GetDirectoryName(Path.GetFullPath(path))!);
    }
}
