using System.Diagnostics;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Postern.Conformance.Gateways;
using Postern.Demo.Issuer;
using Postern.Gateway;
using Postern.Gateway.Configuration;

namespace Postern.Conformance.Kubernetes;

/// <summary>A whole gateway in this process in front of the real API server, and a real kubectl that knows nothing but the gateway.</summary>
internal sealed class ClusterBed : IAsyncDisposable
{
    /// <summary>The connection's name.</summary>
    public const string Connection = "prod";

    private static readonly TimeSpan KubectlPatience = TimeSpan.FromMinutes(2);

    private readonly DemoIssuer _issuer;
    private readonly DirectoryInfo _folder;

    private ClusterBed(ApiServer server, DemoIssuer issuer, DirectoryInfo folder, GatewayHost host, string space)
    {
        Server = server;
        _issuer = issuer;
        _folder = folder;
        Host = host;
        Namespace = space;
    }

    public ApiServer Server { get; }

    public GatewayHost Host { get; }

    /// <summary>A namespace of this test's own.</summary>
    public string Namespace { get; }

    /// <summary>The folder of database, journals and keys.</summary>
    public string Data => Path.Combine(_folder.FullName, "data");

    /// <summary>A folder for files of the test.</summary>
    public string Folder => _folder.FullName;

    /// <summary>The cluster's URL at the gateway.</summary>
    public string Url => $"{Host.KubernetesUrl}/k8s/{Connection}";

    /// <summary>Starts one.</summary>
    /// <param name="shared">The cluster.</param>
    /// <param name="policy">The policy; <c>NS</c> stands for the test's namespace.</param>
    /// <param name="cancellationToken">Ends the start.</param>
    /// <param name="user">Whose credential is lent.</param>
    /// <param name="impersonates">Whether the cluster is told who asks.</param>
    /// <param name="wait">How long a held request waits; two seconds.</param>
    /// <param name="issuer">Trusted beside the demo's.</param>
    public static async Task<ClusterBed> StartAsync(SharedApiServer shared, string policy, CancellationToken cancellationToken, string user = "admin", bool impersonates = false, TimeSpan? wait = null, IssuerOptions? issuer = null)
    {
        var server = await shared.StartedAsync();
        var space = await shared.NamespaceAsync(cancellationToken);
        var folder = Directory.CreateTempSubdirectory("postern-cluster-");
        var demo = await DemoIssuer.StartAsync(new DemoIssuerOptions { DefaultAudience = TestGateway.Audience }, cancellationToken);
        try
        {
            var file = Path.Combine(folder.FullName, "policy.yaml");
            await File.WriteAllTextAsync(file, policy.Replace("NS", space, StringComparison.Ordinal), cancellationToken);
            var host = await GatewayHost.StartAsync(
                new GatewayOptions
                {
                    Url = "http://127.0.0.1:0",
                    Management = null,
                    Kubernetes = "https://127.0.0.1:0",
                    Data = Path.Combine(folder.FullName, "data"),
                    Issuers = issuer is null ? [TestGateway.IssuerOf(demo)] : [TestGateway.IssuerOf(demo), issuer],
                    Connections =
                    [
                        new ConnectionOptions
                        {
                            Name = Connection, Protocol = "kubernetes", Url = server.Url, Authorities = server.Authority,
                            Credential = new CredentialOptions("Authorization", $"Bearer {server.Tokens[user]}"), Impersonates = impersonates,
                        },
                    ],
                    Policy = [file],
                    Limits = new LimitOptions { Drain = TimeSpan.FromMilliseconds(500) },
                    Waits = new WaitOptions { Longest = wait ?? TimeSpan.FromSeconds(2) },
                },
                new GatewaySurroundings(), cancellationToken);
            return new ClusterBed(server, demo, folder, host, space);
        }
        catch
        {
            await demo.DisposeAsync();
            folder.Delete(recursive: true);
            throw;
        }
    }

    /// <summary>A token of one of the demo's people, as an agent holds it.</summary>
    public string Token(string person) => _issuer.IssueToken(person, client: "demo-agent");

    /// <summary>The same, which is over at an instant of the caller's choice.</summary>
    public string Token(string person, DateTimeOffset until) => _issuer.IssueToken(person, client: "demo-agent", claims: claims =>
    {
        claims["exp"] = until.ToUnixTimeSeconds();
        claims["iat"] = until.AddMinutes(-5).ToUnixTimeSeconds();
        claims["nbf"] = until.AddMinutes(-5).ToUnixTimeSeconds();
    });

    /// <summary>Puts another policy in force, as an operator who edits the file does.</summary>
    public void Edit(string policy) => File.WriteAllText(Path.Combine(_folder.FullName, "policy.yaml"), policy.Replace("NS", Namespace, StringComparison.Ordinal));

    /// <summary>Runs kubectl as a person, in the test's namespace.</summary>
    public Task<PosternRun> KubectlAsync(string person, params string[] arguments) => KubectlAsync(person, null, arguments);

    /// <summary>The same with something on its standard input.</summary>
    public async Task<PosternRun> KubectlAsync(string person, string? input, string[] arguments)
    {
        return await RunAsync([.. Place(person), .. arguments], input);
    }

    /// <summary>What leads a kubectl to the gateway, as a person.</summary>
    public string[] Place(string person, string? token = null) => [$"--server={Url}", $"--certificate-authority={Path.Combine(Data, "local-ca.pem")}", $"--token={token ?? Token(person)}", "-n", Namespace];

    /// <summary>Starts a kubectl whose output is read while it runs.</summary>
    public Process Start(params string[] arguments) => Start(new Dictionary<string, string?>(StringComparer.Ordinal), arguments);

    /// <summary>The same with variables of its environment.</summary>
    public Process Start(IReadOnlyDictionary<string, string?> environment, string[] arguments)
    {
        var start = new ProcessStartInfo(Path.Combine(ApiServer.Programs, "kubectl"), arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["HOME"] = _folder.FullName;
        start.Environment["KUBECONFIG"] = Path.Combine(_folder.FullName, "kubeconfig");
        foreach (var (name, value) in environment) start.Environment[name] = value;
        return Process.Start(start)!;
    }

    /// <summary>Runs kubectl with these arguments alone.</summary>
    public async Task<PosternRun> RunAsync(string[] arguments, string? input = null, IReadOnlyDictionary<string, string?>? environment = null)
    {
        var start = new ProcessStartInfo(Path.Combine(ApiServer.Programs, "kubectl"), arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["HOME"] = _folder.FullName;
        start.Environment["KUBECONFIG"] = Path.Combine(_folder.FullName, "kubeconfig");
        foreach (var (name, value) in environment ?? new Dictionary<string, string?>(StringComparer.Ordinal)) start.Environment[name] = value;
        using var process = Process.Start(start)!;
        if (input is not null) await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(KubectlPatience);
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(limit.Token);
            var error = process.StandardError.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token);
            return new PosternRun(process.ExitCode, await output, await error);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            throw;
        }
    }

    /// <summary>A client that trusts the gateway's own authority, for what kubectl would not send.</summary>
    public HttpClient Client() => new(new SocketsHttpHandler
    {
        UseProxy = false,
        SslOptions = new SslClientAuthenticationOptions
        {
            CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck,
                CustomTrustStore = { X509CertificateLoader.LoadCertificateFromFile(Path.Combine(Data, "local-ca.pem")) },
            },
        },
    });

    /// <summary>One request as a person.</summary>
    public async Task<(int Status, string? Type, string Body)> AskAsync(string person, HttpMethod method, string target, string? json = null, Action<HttpRequestMessage>? adjust = null, string contentType = "application/json")
    {
        using var client = Client();
        using var request = new HttpRequestMessage(method, Url + target);
        request.Headers.Authorization = new("Bearer", Token(person));
        if (json is not null) request.Content = new ByteArrayContent(System.Text.Encoding.UTF8.GetBytes(json)) { Headers = { ContentType = new(contentType) } };
        adjust?.Invoke(request);
        using var response = await client.SendAsync(request, TestContext.Current.CancellationToken);
        return ((int)response.StatusCode, response.Content.Headers.ContentType?.MediaType, await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }

    public async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        await _issuer.DisposeAsync();
        _folder.Delete(recursive: true);
    }
}
