using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Postern.Core.Recording;
using Postern.Demo.Issuer;
using Postern.Gateway;
using Postern.Gateway.Configuration;
using Postern.Tests.Gateway;
using Postern.Tests.Recording;
using Postern.Upstreams;

namespace Postern.Tests.Http;

/// <summary>A whole gateway before a target that speaks in bytes: real tokens, the real listener, the real journal.</summary>
internal sealed class HttpBed : IAsyncDisposable
{
    public const string Credential = "Bearer target-credential-3f9a";

    public const string Rules =
        """
        version: 1
        rules:
          - { id: reads, who: { groups: [support] }, on: { connection: api, methods: [GET, HEAD], paths: ["/**"] }, then: allow }
          - { id: writes, who: { groups: [support] }, on: { connection: api, methods: [PUT, PATCH], paths: ["/**"] }, then: allow }
          - { id: small, who: { groups: [support] }, on: { connection: api, methods: [POST], paths: ["/refunds"] }, when: has(body.amount) && body.amount <= 500, then: allow }
          - { id: large, who: { groups: [support] }, on: { connection: api, methods: [POST], paths: ["/refunds"] }, when: has(body.amount) && body.amount > 500, then: hold, hold: { approvers: { groups: [on-call] } }, message: Refunds over 500 need the on-call person. }
          - { id: files, who: { groups: [support] }, on: { connection: api, methods: [POST], paths: ["/files/**", "/form", "/text"] }, then: allow }
          - { id: reviewed, who: { groups: [support] }, on: { connection: api, methods: [POST], paths: ["/reviewed/**"] }, then: hold, hold: { approvers: { groups: [on-call] } } }
          - { id: no-admin, then: deny, on: { paths: ["/admin", "/admin/**"] } }
        """;

    private readonly TemporaryFolder _folder;
    private readonly DemoIssuer _issuer;

    private HttpBed(TemporaryFolder folder, DemoIssuer issuer, RawTarget target, GatewayHost host, string token)
    {
        (_folder, _issuer, Target, Host, Token) = (folder, issuer, target, host, token);
        Client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, AutomaticDecompression = DecompressionMethods.None, Expect100ContinueTimeout = TimeSpan.FromSeconds(30), SslOptions = new SslClientAuthenticationOptions { RemoteCertificateValidationCallback = static (_, certificate, _, _) => certificate!.Subject == "CN=gateway" } });
    }

    public RawTarget Target { get; }

    public GatewayHost Host { get; }

    public string Token { get; }

    public HttpClient Client { get; }

    public string Url => Host.Url + "/http/api";

    public string Authority => new Uri(Host.Url).Authority;

    /// <param name="subject">Whose.</param>
    /// <param name="client">Through which agent; null for a workload's own.</param>
    public string TokenOf(string subject, string? client = "demo-agent") => _issuer.IssueToken(subject, Host.PublicUrl, client);

    /// <param name="masks">A <c>masks:</c> section behind the rules.</param>
    /// <param name="policy">The policy in place of <see cref="Rules"/>.</param>
    /// <param name="wait">How long callers are kept waiting at most.</param>
    /// <param name="change">Changes the connection.</param>
    /// <param name="tls">Serves TLS, and with it HTTP/2.</param>
    /// <param name="url">The target, in place of <see cref="Target"/>.</param>
    /// <param name="http2">Speaks HTTP/2 to it.</param>
    /// <param name="hostNames">Its own host names.</param>
    /// <param name="behindProxy">Takes everything that connects for a proxy.</param>
    public static async Task<HttpBed> StartAsync(string masks = "", string policy = Rules, TimeSpan wait = default, Func<ConnectionOptions, ConnectionOptions>? change = null, bool tls = false, string? url = null, bool http2 = false, string[]? hostNames = null, bool behindProxy = false)
    {
        var folder = new TemporaryFolder();
        var issuer = await DemoIssuer.StartAsync(new DemoIssuerOptions { DefaultAudience = "http://127.0.0.1:7600" });
        var target = new RawTarget();
        var connection = new ConnectionOptions
        {
            Name = "api", Protocol = "http", Url = url ?? target.Url, IsHttp2 = http2, HostNames = [.. hostNames ?? []], Credential = new CredentialOptions("Authorization", Credential),
            Patience = new UpstreamPatience { Connect = TimeSpan.FromSeconds(5), Head = TimeSpan.FromSeconds(5), Idle = TimeSpan.FromSeconds(5) },
        };
        var host = await GatewayHost.StartAsync(new GatewayOptions
        {
            Url = tls ? "https://127.0.0.1:0" : "http://127.0.0.1:0", Management = null, Tls = tls ? Certificate(folder) : null,
            BehindProxy = behindProxy ? [IPNetwork.Parse("127.0.0.0/8")] : [], PublicUrl = behindProxy ? "https://gateway.test" : null, Data = Path.Combine(folder.Path, "data"),
            Issuers = [new IssuerOptions { Name = "demo", Authority = issuer.Issuer, ClientId = DemoClient.GatewayId, ClientSecret = DemoClient.GatewaySecret }],
            Connections = [change?.Invoke(connection) ?? connection],
            Policy = [folder.Write("policy.yaml", policy + "\n" + masks)],
            Waits = new WaitOptions { Longest = wait },
            Limits = new LimitOptions { Drain = TimeSpan.FromMilliseconds(200) },
        });
        return new HttpBed(folder, issuer, target, host, issuer.IssueToken("alice", host.PublicUrl, "demo-agent"));
    }

    public static TlsOptions Certificate(TemporaryFolder folder)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = new CertificateRequest("CN=gateway", key, HashAlgorithmName.SHA256).CreateSelfSigned(TimeProvider.System.GetUtcNow().AddDays(-1), TimeProvider.System.GetUtcNow().AddDays(30));
        return new TlsOptions(folder.Write("certificate.pem", certificate.ExportCertificatePem()), folder.Write("key.pem", key.ExportPkcs8PrivateKeyPem()));
    }

    /// <summary>Sends one request and returns the whole answer.</summary>
    public async Task<HttpAnswer> SendAsync(string method, string path, string? body = null, string type = "application/json", Action<HttpRequestMessage>? change = null, string? token = null)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(Url + path, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }));
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + (token ?? Token));
        if (body is not null)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
            request.Content.Headers.TryAddWithoutValidation("Content-Type", type);
        }
        change?.Invoke(request);
        using var response = await Client.SendAsync(request);
        return new HttpAnswer(response.StatusCode, await response.Content.ReadAsByteArrayAsync(), [.. response.Headers.Concat(response.Content.Headers).SelectMany(header => header.Value.Select(value => KeyValuePair.Create(header.Key, value)))]);
    }

    public Task<HttpAnswer> GetAsync(string path) => SendAsync("GET", path);

    /// <summary>Writes bytes to the listener and returns all that comes back until it closes, or until the answer is whole.</summary>
    public async Task<string> RawAsync(string bytes)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        var url = new Uri(Host.Url);
        await socket.ConnectAsync(IPAddress.Parse(url.Host), url.Port);
        await socket.SendAsync(Encoding.Latin1.GetBytes(bytes.Replace("{auth}", $"Host: {Authority}\r\nAuthorization: Bearer {Token}\r\n", StringComparison.Ordinal)));
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        var text = new StringBuilder();
        var buffer = new byte[8192];
        try
        {
            int read;
            while ((read = await socket.ReceiveAsync(buffer, patience.Token)) > 0)
            {
                text.Append(Encoding.Latin1.GetString(buffer, 0, read));
                var all = text.ToString();
                var head = all.IndexOf("\r\n\r\n", StringComparison.Ordinal);
                var length = System.Text.RegularExpressions.Regex.Match(all, "Content-Length: (\\d+)", System.Text.RegularExpressions.RegexOptions.NonBacktracking);
                if (head >= 0 && length.Success && all.Length >= head + 4 + int.Parse(length.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture)) break;
            }
        }
        catch (SocketException)
        {
            // Reset: what came so far is the answer.
        }
        return text.ToString();
    }

    /// <summary>The on-call person opens the page of a hold and approves it; returns the page.</summary>
    public async Task<string> ApproveAsync(string link)
    {
        var id = link[(link.LastIndexOf('/') + 1)..];
        using var bob = await Browser.SignInAsync(Host.Url, "bob");
        var (_, page) = await bob.GetAsync("/approve/" + id);
        var (status, after) = await bob.AnswerAsync(id, "approve", "seen");
        Assert.True(status == HttpStatusCode.OK, after);
        return page;
    }

    /// <summary>The newest open hold's link, as soon as there is one.</summary>
    public async Task<string> OpenHoldAsync()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (true)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, Host.Url + "/api/v1/approvals");
            request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + TokenOf("bob"));
            using var response = await Client.SendAsync(request, patience.Token);
            var text = await response.Content.ReadAsStringAsync(patience.Token);
            if (System.Text.RegularExpressions.Regex.Match(text, "\"id\":\"([0-9A-Z]{26})\"", System.Text.RegularExpressions.RegexOptions.NonBacktracking) is { Success: true } id) return "/approve/" + id.Groups[1].Value;
        }
    }

    /// <summary>Everything that was recorded, opened.</summary>
    public async Task<string> JournalAsync()
    {
        await Host.StopAsync();
        return OpenedJournal.TextOf(Path.Combine(_folder.Path, "data"));
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await Host.DisposeAsync();
        await Target.DisposeAsync();
        await _issuer.DisposeAsync();
        _folder.Dispose();
    }
}

/// <summary>One gateway for all tests of a class that change nothing but what they ask.</summary>
public sealed class SharedHttpBed : IAsyncLifetime
{
    internal HttpBed Bed { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Bed = await HttpBed.StartAsync();

    public ValueTask DisposeAsync() => Bed.DisposeAsync();
}

/// <summary>A whole answer as a client sees it.</summary>
internal sealed record HttpAnswer(HttpStatusCode Status, byte[] Bytes, KeyValuePair<string, string>[] Headers)
{
    public string Body => Encoding.UTF8.GetString(Bytes);

    public JsonElement Json => JsonDocument.Parse(Bytes).RootElement;

    public string? Header(string name) => Headers.FirstOrDefault(header => header.Key.Equals(name, StringComparison.OrdinalIgnoreCase)).Value;

    public string Everything => string.Join('\n', Headers.Select(header => $"{header.Key}: {header.Value}")) + "\n" + Body;
}
