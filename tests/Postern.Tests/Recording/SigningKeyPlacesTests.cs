using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Postern.Core.Recording;
using Postern.Gateway.Configuration;
using Postern.Tests.Gateway;

namespace Postern.Tests.Recording;

/// <summary>The key that signs comes from a file, a value or a PKCS #12 file, and from nowhere else.</summary>
[Guarantee("G4")]
[Row("U10")]
public sealed class SigningKeyPlacesTests : IDisposable
{
    private const string Password = "quokka-password";

    private readonly TemporaryFolder _folder = new();
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public void Dispose()
    {
        _key.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("file")]
    [InlineData("value")]
    [InlineData("pkcs12")]
    public async Task A_key_from_each_place_signs_and_its_public_half_verifies(string place)
    {
        var data = Path.Combine(_folder.Path, "data");
        var options = new RecorderOptions { DataFolder = data, Key = Configured(place) };

        await using (var recorder = await Recorder.OpenAsync(options, TimeProvider.System, CancellationToken.None)) await Given.OperationAsync(recorder);

        Assert.True(JournalVerifier.Verify([data], _key.ExportSubjectPublicKeyInfoPem()).IsGood);
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        Assert.False(JournalVerifier.Verify([data], other.ExportSubjectPublicKeyInfoPem()).IsGood);
        Assert.False(File.Exists(Path.Combine(data, JournalKeys.KeyFile)), "a key was made besides");
    }

    [Theory]
    [InlineData("another password", "and its password")]
    [InlineData("no file", "expected a PKCS #12 file")]
    [InlineData("not PKCS #12", "expected a PKCS #12 file")]
    [InlineData("RSA", "holds no ECDSA private key")]
    [InlineData("P-384", "384 bits")]
    [InlineData("no private key", "holds no ECDSA private key")]
    public async Task A_PKCS_12_file_that_will_not_do_stops_the_start_and_the_message_keeps_the_password(string what, string expected)
    {
        var file = Path.Combine(_folder.Path, "signer.p12");
        using var rsa = RSA.Create(2048);
        using var large = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        byte[]? bytes = what switch
        {
            "no file" => null,
            "not PKCS #12" => "-----BEGIN PRIVATE KEY-----"u8.ToArray(),
            "RSA" => Packed(new CertificateRequest("CN=signer", rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)),
            "P-384" => Packed(new CertificateRequest("CN=signer", large, HashAlgorithmName.SHA384)),
            "no private key" => Packed(new CertificateRequest("CN=signer", _key, HashAlgorithmName.SHA256), isPrivate: false),
            _ => Packed(new CertificateRequest("CN=signer", _key, HashAlgorithmName.SHA256)),
        };
        if (bytes is not null) await File.WriteAllBytesAsync(file, bytes, TestContext.Current.CancellationToken);
        var password = what == "another password" ? "wombat-password" : Password;
        var options = new RecorderOptions { DataFolder = Path.Combine(_folder.Path, "data"), Key = new JournalKeyOptions { Pkcs12 = file, Password = password } };

        var fault = await Assert.ThrowsAsync<RecordingException>(async () => await Recorder.OpenAsync(options, TimeProvider.System, CancellationToken.None));

        Assert.Contains(file, fault.Message, StringComparison.Ordinal);
        Assert.Contains(expected, fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("-password", fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("POSTERN__RECORD__SIGNINGKEY__VALUE", "-----BEGIN PRIVATE KEY-----\n\u0007\n-----END PRIVATE KEY-----")]
    [InlineData("POSTERN__RECORD__SIGNINGKEY__PASSWORD", "quokka\npassword")]
    public void Only_the_key_has_lines_and_lines_are_all_that_it_has(string variable, string value)
    {
        var loaded = ConfigurationLoader.Load(Minimal(), [new(variable, value)], ["mcp"]);

        var problem = Assert.Single(loaded.Problems);
        Assert.Contains("without control characters", problem.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("quokka", problem.ToString(), StringComparison.Ordinal);
    }

    private JournalKeyOptions Configured(string place)
    {
        var pem = _key.ExportPkcs8PrivateKeyPem();
        var packed = Path.Combine(_folder.Path, "signer.p12");
        File.WriteAllBytes(packed, Packed(new CertificateRequest("CN=signer", _key, HashAlgorithmName.SHA256)));
        var file = _folder.Write("signer.pem", pem);
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        KeyValuePair<string, string>[] variables = place switch
        {
            "file" => [new("POSTERN__RECORD__SIGNINGKEY__FILE", file)],
            "value" => [new("POSTERN__RECORD__SIGNINGKEY__VALUE", pem)],
            _ => [new("POSTERN__RECORD__SIGNINGKEY__PKCS12", packed), new("POSTERN__RECORD__SIGNINGKEY__PASSWORD_FILE", _folder.Write("password", Password))],
        };
        var loaded = ConfigurationLoader.Load(Minimal(), variables, ["mcp"]);
        Assert.True(loaded.Options is not null, string.Join('\n', loaded.Problems));
        return loaded.Options.Record.Key!;
    }

    private string Minimal() => _folder.Write("postern.yaml", "issuers: { corp: { authority: https://login.example.com, audience: api://postern } }\nconnections: { shop: { protocol: mcp, url: http://127.0.0.1:9100/mcp } }\npolicy: [policy.yaml]\n");

    private static byte[] Packed(CertificateRequest request, bool isPrivate = true)
    {
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        if (isPrivate) return certificate.Export(X509ContentType.Pkcs12, Password);
        using var half = X509CertificateLoader.LoadCertificate(certificate.RawData);
        return half.Export(X509ContentType.Pkcs12, Password);
    }
}
