using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Postern.Conformance.Peers;
using Postern.Tests;

namespace Postern.Conformance.Exports;

/// <summary>A real rsyslogd on loopback that writes each message that it takes, as it came, to a line of a file. It can be killed and started again.</summary>
internal sealed class RsyslogPeer : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("postern-rsyslog-");
    private readonly bool _usesTls;
    private Child? _process;

    private RsyslogPeer(bool usesTls, int port) => (_usesTls, Port) = (usesTls, port);

    public int Port { get; }

    /// <summary>The root to trust; only with TLS.</summary>
    public string Authority => Path.Combine(_folder.FullName, "ca.pem");

    /// <summary>The messages so far.</summary>
    public string[] Messages => File.Exists(Written) ? [.. File.ReadAllText(Written).Split('\n')[..^1]] : [];

    private string Written => Path.Combine(_folder.FullName, "messages");

    public static async Task<RsyslogPeer> StartAsync(bool usesTls, CancellationToken cancellationToken)
    {
        var port = FreePort.Take();
        var peer = new RsyslogPeer(usesTls, port);
        if (usesTls) peer.MakeCertificates();
        var folder = peer._folder.FullName;
        var driver = usesTls ? $"DefaultNetstreamDriver=\"ossl\" DefaultNetstreamDriverCAFile=\"{folder}/ca.pem\" DefaultNetstreamDriverCertFile=\"{folder}/cert.pem\" DefaultNetstreamDriverKeyFile=\"{folder}/key.pem\"" : "";
        var mode = usesTls ? "StreamDriver.Name=\"ossl\" StreamDriver.Mode=\"1\" StreamDriver.AuthMode=\"anon\"" : "";
        await File.WriteAllTextAsync(Path.Combine(folder, "rsyslog.conf"), string.Create(CultureInfo.InvariantCulture, $$"""
            global(workDirectory="{{folder}}" maxMessageSize="8k" {{driver}})
            module(load="imtcp" {{mode}})
            template(name="whole" type="string" string="%rawmsg%\n")
            ruleset(name="keep") { action(type="omfile" file="{{folder}}/messages" template="whole" flushOnTXEnd="on" asyncWriting="off") }
            input(type="imtcp" address="127.0.0.1" port="{{port}}" ruleset="keep")
            """), cancellationToken);
        await peer.StartAgainAsync(cancellationToken);
        return peer;
    }

    /// <summary>Starts it after <see cref="KillAsync"/>, on the same port and file.</summary>
    public async Task StartAgainAsync(CancellationToken cancellationToken)
    {
        var folder = _folder.FullName;
        File.Delete(Path.Combine(folder, "pid"));
        _process = Child.Start("/usr/sbin/rsyslogd", ["-n", "-f", Path.Combine(folder, "rsyslog.conf"), "-i", Path.Combine(folder, "pid")], folder: folder);
        using var client = new TcpClient();
        while (!client.Connected)
        {
            if (_process.HasExited) throw new InvalidOperationException("rsyslogd did not start: " + _process.Errors);
            try
            {
                await client.ConnectAsync(IPAddress.Loopback, Port, cancellationToken);
            }
            catch (SocketException)
            {
                await Task.Delay(50, cancellationToken);
            }
        }
    }

    public Task KillAsync() => _process!.KillAsync();

    public async ValueTask DisposeAsync()
    {
        if (_process is not null) await _process.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    private void MakeCertificates()
    {
        using var rootKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var rootRequest = new CertificateRequest("CN=log authority", rootKey, HashAlgorithmName.SHA256);
        rootRequest.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using var root = rootRequest.CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(1));
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=logs", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using var leaf = request.Create(root, DateTimeOffset.UtcNow.AddMinutes(-30), DateTimeOffset.UtcNow.AddMinutes(30), [1, 2, 3, 4, 5, 6, 7, 8]);
        File.WriteAllText(Authority, root.ExportCertificatePem());
        File.WriteAllText(Path.Combine(_folder.FullName, "cert.pem"), leaf.ExportCertificatePem());
        File.WriteAllText(Path.Combine(_folder.FullName, "key.pem"), key.ExportPkcs8PrivateKeyPem());
    }
}
