using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Gateway;
using Postern.Gateway.Configuration;
using Postern.Gateway.Listening;
using Postern.Tests.Doubles;

namespace Postern.Tests.Gateway;

[Row("F23")]
public sealed class ServedCertificateTests
{
    [Fact]
    public void A_changed_certificate_is_served_and_a_broken_one_changes_nothing()
    {
        using var folder = new TemporaryFolder();
        var clock = new SteppedClock();
        var options = Write(folder, "CN=first");
        using var served = new ServedCertificate(options, clock, NullLogger.Instance);
        Assert.Equal("CN=first", served.Current.TargetCertificate.Subject);

        Write(folder, "CN=second, O=longer");
        clock.Advance(WatchedFiles.Interval);
        Assert.Equal("CN=second, O=longer", served.Current.TargetCertificate.Subject);

        File.WriteAllText(options.Certificate, "-----BEGIN CERTIFICATE-----\nnot one\n-----END CERTIFICATE-----\n");
        clock.Advance(WatchedFiles.Interval);
        Assert.Equal("CN=second, O=longer", served.Current.TargetCertificate.Subject);
    }

    [Fact]
    public void A_certificate_that_cannot_be_read_stops_the_start()
    {
        var refusal = Assert.Throws<GatewayStartException>(() => new ServedCertificate(new TlsOptions("/nowhere/a.pem", "/nowhere/b.pem"), TimeProvider.System, NullLogger.Instance));

        Assert.Contains("there is no such file", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Over_TLS_the_gateway_serves_HTTP_2_with_that_certificate()
    {
        await using var gateway = await RunningGateway.StartAsync();
        using var folder = new TemporaryFolder();
        var options = new GatewayOptions
        {
            Url = "https://127.0.0.1:0",
            Management = null,
            Tls = Write(folder, "CN=gateway"),
            Data = Path.Combine(folder.Path, "data"),
            Issuers = gateway.Options.Issuers,
            Connections = gateway.Options.Connections,
            Policy = gateway.Options.Policy,
        };
        await using var host = await GatewayHost.StartAsync(options);
        using var client = new System.Net.Sockets.TcpClient();
        await client.ConnectAsync("127.0.0.1", new Uri(host.Url).Port);
        await using var tls = new SslStream(client.GetStream());

        await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = "gateway",
            RemoteCertificateValidationCallback = static (_, certificate, _, _) => certificate!.Subject == "CN=gateway",
            ApplicationProtocols = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11],
        });

        Assert.Equal(SslApplicationProtocol.Http2, tls.NegotiatedApplicationProtocol);
        Assert.StartsWith("https://127.0.0.1:", host.PublicUrl, StringComparison.Ordinal);
    }

    private static TlsOptions Write(TemporaryFolder folder, string subject)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        using var certificate = request.CreateSelfSigned(TimeProvider.System.GetUtcNow().AddDays(-1), TimeProvider.System.GetUtcNow().AddDays(30));
        return new TlsOptions(folder.Write("certificate.pem", certificate.ExportCertificatePem()), folder.Write("key.pem", key.ExportPkcs8PrivateKeyPem()));
    }
}
