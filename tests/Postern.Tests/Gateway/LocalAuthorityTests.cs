using System.Net;
using System.Security.Cryptography.X509Certificates;
using Postern.Gateway.Listening;

namespace Postern.Tests.Gateway;

/// <summary>The gateway's own authority: made once, renewed in time, its key readable by its owner alone.</summary>
public sealed class LocalAuthorityTests
{
    private static readonly DateTimeOffset s_now = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void It_is_made_once_and_signs_for_loopback_and_the_public_name()
    {
        using var folder = new TemporaryFolder();
        var tls = LocalAuthority.Ensure(folder.Path, IPAddress.Loopback, "gateway.example.com", s_now);
        var authority = LocalAuthority.CertificateIn(folder.Path);
        var leaf = File.ReadAllText(tls.Certificate);

        Assert.Equal(tls, LocalAuthority.Ensure(folder.Path, IPAddress.Loopback, "gateway.example.com", s_now.AddDays(300)));
        Assert.Equal((authority, leaf), (LocalAuthority.CertificateIn(folder.Path), File.ReadAllText(tls.Certificate)));
        using var served = X509CertificateLoader.LoadCertificateFromFile(tls.Certificate);
        Assert.True(served.MatchesHostname("localhost") && served.MatchesHostname("127.0.0.1") && served.MatchesHostname("gateway.example.com"));
        Assert.False(served.MatchesHostname("example.com"));
        using var chain = new X509Chain { ChainPolicy = { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck, VerificationTime = s_now.UtcDateTime } };
        chain.ChainPolicy.CustomTrustStore.Add(X509CertificateLoader.LoadCertificateFromFile(Path.Combine(folder.Path, "local-ca.pem")));
        Assert.True(chain.Build(served));
        foreach (var key in new[] { "local-ca.key", "local-tls.key" }) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(folder.Path, key)));
    }

    [Theory]
    [InlineData(350, "127.0.0.1", "gateway.example.com")]
    [InlineData(1, "127.0.0.1", "other.example.com")]
    [InlineData(1, "127.0.0.2", "gateway.example.com")]
    public void A_leaf_near_its_end_or_for_other_names_is_made_anew_by_the_same_authority(int days, string address, string host)
    {
        using var folder = new TemporaryFolder();
        var leaf = File.ReadAllText(LocalAuthority.Ensure(folder.Path, IPAddress.Loopback, "gateway.example.com", s_now).Certificate);
        var authority = LocalAuthority.CertificateIn(folder.Path);

        var renewed = LocalAuthority.Ensure(folder.Path, IPAddress.Parse(address), host, s_now.AddDays(days));

        Assert.NotEqual(leaf, File.ReadAllText(renewed.Certificate));
        Assert.Equal(authority, LocalAuthority.CertificateIn(folder.Path));
    }

    [Fact]
    public void A_broken_file_stops_the_start()
    {
        using var folder = new TemporaryFolder();
        LocalAuthority.Ensure(folder.Path, IPAddress.Loopback, "localhost", s_now);
        File.WriteAllText(Path.Combine(folder.Path, "local-ca.key"), "nonsense");

        Assert.Contains("local-ca", Assert.Throws<Postern.Gateway.GatewayStartException>(() => LocalAuthority.Ensure(folder.Path, IPAddress.Loopback, "localhost", s_now)).Message, StringComparison.Ordinal);
    }
}
