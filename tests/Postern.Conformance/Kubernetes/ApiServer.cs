using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Postern.Conformance.Peers;
using Postern.Tests;

namespace Postern.Conformance.Kubernetes;

/// <summary>
/// A real kube-apiserver with an etcd of its own, on loopback and free ports, with an authority made for it and an audit log that says what
/// each request asks. A shell stands between: when its stdin closes, because this process ended in whatever way, it ends both and removes the folder.
/// </summary>
internal sealed class ApiServer : IAsyncDisposable
{
    private const string AuditPolicy =
        """
        apiVersion: audit.k8s.io/v1
        kind: Policy
        rules:
        - level: Metadata
        """;

    private readonly Process _shell;
    private readonly AccountKeys _keys;

    private ApiServer(Process shell, string folder, int port, Dictionary<string, string> tokens, AccountKeys keys)
    {
        _shell = shell;
        _keys = keys;
        Folder = folder;
        Port = port;
        Tokens = tokens;
    }

    /// <summary>Where keys and logs are.</summary>
    public string Folder { get; }

    /// <summary>The port on loopback.</summary>
    public int Port { get; }

    /// <summary>Bearer tokens by user: <c>admin</c> may everything, <c>gateway</c> what tests bind to it, <c>nobody</c> nothing.</summary>
    public IReadOnlyDictionary<string, string> Tokens { get; }

    /// <summary>The issuer of its service accounts' tokens, where their keys are read by whoever asks.</summary>
    public string Accounts => _keys.Url;

    /// <summary>Where it is.</summary>
    public string Url => $"https://127.0.0.1:{Port}";

    /// <summary>The authority that signed its certificate.</summary>
    public string Authority => Path.Combine(Folder, "ca.crt");

    /// <summary>One JSON line for each stage of each request.</summary>
    public string AuditLog => Path.Combine(Folder, "audit.log");

    /// <summary>The folder of the programs; they are built when they are missing, which takes minutes.</summary>
    public static string Programs { get; } = Find();

    /// <summary>Makes a cluster and waits until it is ready.</summary>
    public static async Task<ApiServer> StartAsync(CancellationToken cancellationToken)
    {
        var folder = Directory.CreateTempSubdirectory("postern-k8s-").FullName;
        try
        {
            var tokens = new[] { "admin", "gateway", "nobody" }.ToDictionary(user => user, _ => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)), StringComparer.Ordinal);
            await WriteFilesAsync(folder, tokens, cancellationToken);
            var keys = await AccountKeys.StartAsync(await File.ReadAllTextAsync(Path.Combine(folder, "accounts.pub"), cancellationToken), cancellationToken);
            for (var attempt = 1; ; attempt++)
            {
                var ports = Enumerable.Range(0, 3).Select(_ => FreePort.Take()).ToArray();
                var server = new ApiServer(Launch(folder, ports, keys.Url), folder, ports[0], tokens, keys);
                if (await server.IsReadyAsync(cancellationToken)) return server;
                var log = File.Exists(Path.Combine(folder, "apiserver.log")) ? await File.ReadAllTextAsync(Path.Combine(folder, "apiserver.log"), cancellationToken) : "no log";
                await server.EndAsync();
                // A port that was free a moment ago may be taken by the time a server asks for it.
                if (attempt == 3) throw new InvalidOperationException($"the API server did not start: {log[^Math.Min(log.Length, 4000)..]}");
            }
        }
        catch
        {
            if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
            throw;
        }
    }

    /// <summary>One request straight to the server; the status and the body.</summary>
    public async Task<(int Status, string Body)> AskAsync(string user, HttpMethod method, string target, string? json, CancellationToken cancellationToken)
    {
        using var client = Client();
        using var request = new HttpRequestMessage(method, Url + target);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Tokens[user]);
        request.Headers.Accept.ParseAdd("application/json");
        if (json is not null) request.Content = new StringContent(json, Encoding.UTF8, "application/json");
        using var response = await client.SendAsync(request, cancellationToken);
        return ((int)response.StatusCode, await response.Content.ReadAsStringAsync(cancellationToken));
    }

    /// <summary>Makes an object as the administrator.</summary>
    public async Task CreateAsync(string path, string json, CancellationToken cancellationToken)
    {
        var (status, body) = await AskAsync("admin", HttpMethod.Post, path, json, cancellationToken);
        Assert.True(status is 200 or 201 or 409, $"{path}: {status} {body}");
    }

    /// <summary>A merge patch as the administrator.</summary>
    public async Task<(int Status, string Body)> PatchAsync(string path, string json, CancellationToken cancellationToken)
    {
        using var client = Client();
        using var request = new HttpRequestMessage(HttpMethod.Patch, Url + path) { Content = new StringContent(json, Encoding.UTF8, "application/merge-patch+json") };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Tokens["admin"]);
        using var response = await client.SendAsync(request, cancellationToken);
        return ((int)response.StatusCode, await response.Content.ReadAsStringAsync(cancellationToken));
    }

    /// <summary>A connection to it, TLS done, for requests that no client library would write.</summary>
    public async Task<SslStream> ConnectAsync(CancellationToken cancellationToken)
    {
        var socket = new TcpClient { NoDelay = true };
        await socket.ConnectAsync(IPAddress.Loopback, Port, cancellationToken);
        var tls = new SslStream(socket.GetStream(), leaveInnerStreamOpen: false, (_, _, _, _) => true);
        await tls.AuthenticateAsClientAsync("127.0.0.1");
        return tls;
    }

    public async ValueTask DisposeAsync()
    {
        await EndAsync();
        await _keys.DisposeAsync();
        if (Directory.Exists(Folder)) Directory.Delete(Folder, recursive: true);
    }

    private static string Find()
    {
        var script = Path.Combine(Checkout.Root, "tests", "Postern.Conformance", "Kubernetes", "build-server.sh");
        using var process = Process.Start(new ProcessStartInfo("bash", [script]) { RedirectStandardOutput = true })!;
        var folder = process.StandardOutput.ReadToEnd().Trim();
        process.WaitForExit();
        return process.ExitCode == 0 && Directory.Exists(folder) ? folder : throw new InvalidOperationException("the Kubernetes programs are not there and could not be built; run ./test.sh");
    }

    private static async Task WriteFilesAsync(string folder, Dictionary<string, string> tokens, CancellationToken cancellationToken)
    {
        using var authorityKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var now = DateTimeOffset.UtcNow;
        var request = new CertificateRequest("CN=postern test authority", authorityKey, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using var authority = request.CreateSelfSigned(now.AddHours(-1), now.AddDays(2));
        using var serverKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var leaf = new CertificateRequest("CN=kube-apiserver", serverKey, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        names.AddDnsName("localhost");
        names.AddDnsName("kubernetes");
        leaf.CertificateExtensions.Add(names.Build());
        using var server = leaf.Create(authority, now.AddHours(-1), now.AddDays(1), RandomNumberGenerator.GetBytes(12));
        using var accounts = RSA.Create(2048);
        await File.WriteAllTextAsync(Path.Combine(folder, "ca.crt"), authority.ExportCertificatePem(), cancellationToken);
        await File.WriteAllTextAsync(Path.Combine(folder, "server.crt"), server.ExportCertificatePem(), cancellationToken);
        await File.WriteAllTextAsync(Path.Combine(folder, "server.key"), serverKey.ExportPkcs8PrivateKeyPem(), cancellationToken);
        await File.WriteAllTextAsync(Path.Combine(folder, "accounts.key"), accounts.ExportRSAPrivateKeyPem(), cancellationToken);
        await File.WriteAllTextAsync(Path.Combine(folder, "accounts.pub"), accounts.ExportSubjectPublicKeyInfoPem(), cancellationToken);
        await File.WriteAllTextAsync(Path.Combine(folder, "audit.yaml"), AuditPolicy, cancellationToken);
        await File.WriteAllLinesAsync(Path.Combine(folder, "tokens.csv"), tokens.Select(pair => $"{pair.Value},{pair.Key},{pair.Key}-uid{(pair.Key == "admin" ? ",system:masters" : "")}"), cancellationToken);
    }

    private static Process Launch(string folder, int[] ports, string accounts)
    {
        var etcd = $"{Programs}/etcd --data-dir {folder}/etcd --listen-client-urls http://127.0.0.1:{ports[1]} --advertise-client-urls http://127.0.0.1:{ports[1]}"
            + $" --listen-peer-urls http://127.0.0.1:{ports[2]} --initial-advertise-peer-urls http://127.0.0.1:{ports[2]} --initial-cluster default=http://127.0.0.1:{ports[2]} --unsafe-no-fsync";
        // No controllers run: nothing would make the service accounts that the admission plugin asks for.
        var server = $"{Programs}/kube-apiserver --etcd-servers=http://127.0.0.1:{ports[1]} --bind-address=127.0.0.1 --advertise-address=127.0.0.1 --secure-port={ports[0]}"
            + $" --tls-cert-file={folder}/server.crt --tls-private-key-file={folder}/server.key --client-ca-file={folder}/ca.crt --token-auth-file={folder}/tokens.csv"
            + $" --service-cluster-ip-range=10.96.0.0/16 --service-account-issuer={accounts} --service-account-signing-key-file={folder}/accounts.key --service-account-key-file={folder}/accounts.pub"
            + " --authorization-mode=RBAC --disable-admission-plugins=ServiceAccount --allow-privileged=true --endpoint-reconciler-type=none --anonymous-auth=false"
            + $" --audit-policy-file={folder}/audit.yaml --audit-log-path={folder}/audit.log --audit-log-mode=blocking";
        var script = $"{etcd} > {folder}/etcd.log 2>&1 & e=$!; {server} > {folder}/apiserver.log 2>&1 & k=$!; cat > /dev/null; kill -9 $k $e 2> /dev/null; wait $k $e 2> /dev/null; rm -rf {folder}/etcd";
        return Process.Start(new ProcessStartInfo("bash", ["-c", script]) { RedirectStandardInput = true, WorkingDirectory = folder })!;
    }

    private HttpClient Client() => new(new SocketsHttpHandler
    {
        UseProxy = false,
        SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, CustomTrustStore = { X509CertificateLoader.LoadCertificateFromFile(Authority) }, RevocationMode = X509RevocationMode.NoCheck } },
    });

    private async Task<bool> IsReadyAsync(CancellationToken cancellationToken)
    {
        for (var attempt = 0; attempt < 600; attempt++)
        {
            if (_shell.HasExited) return false;
            try
            {
                var (status, _) = await AskAsync("admin", HttpMethod.Get, "/readyz", null, cancellationToken);
                // The default namespace is made a moment after readiness.
                if (status == 200 && (await AskAsync("admin", HttpMethod.Get, "/api/v1/namespaces/default", null, cancellationToken)).Status == 200) return true;
            }
            catch (HttpRequestException)
            {
                // Not listening yet.
            }
            await Task.Delay(100, cancellationToken);
        }
        return false;
    }

    private async Task EndAsync()
    {
        _shell.StandardInput.Close();
        await _shell.WaitForExitAsync();
        _shell.Dispose();
    }
}
