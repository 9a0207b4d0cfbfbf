using System.Net;
using System.Text;
using Postern.Demo.Issuer;
using Postern.Gateway;
using Postern.Gateway.Configuration;
using Postern.Tests.Gateway;
using Postern.Tests.Http;
using Postern.Tests.Recording;
using Postern.Upstreams;

namespace Postern.Tests.Kubernetes;

/// <summary>A whole gateway before an API server that says exactly what a test wants, sound or hostile.</summary>
internal sealed class KubernetesBed : IAsyncDisposable
{
    public const string Credential = "Bearer cluster-credential-3f9a";

    public const string Rules =
        """
        version: 1
        rules:
          - { id: works, who: { groups: [support] }, on: { connection: prod, verbs: ["*"], resources: ["*"], namespaces: ["*"] }, then: allow }
          - { id: logs, who: { groups: [support] }, on: { connection: prod, verbs: [get], resources: [pods/log], namespaces: [a] }, then: allow }
          - { id: health, who: { groups: [support] }, on: { connection: prod, nonresource: [/healthz, /metrics] }, then: allow }
          - { id: held, who: { groups: [support] }, on: { connection: prod, verbs: [delete], resources: [nodes], cluster: true }, then: hold, hold: { approvers: { groups: [on-call] } } }
        masks:
          - { id: cards, detect: [credit-card, api-key], as: redact }
        """;

    private readonly TemporaryFolder _folder;
    private readonly DemoIssuer _issuer;
    private readonly HttpClient _client = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, AutomaticDecompression = DecompressionMethods.None });

    private KubernetesBed(TemporaryFolder folder, DemoIssuer issuer, RawTarget target, GatewayHost host) => (_folder, _issuer, Target, Host) = (folder, issuer, target, host);

    public RawTarget Target { get; }

    public GatewayHost Host { get; }

    /// <param name="policy">In place of <see cref="Rules"/>.</param>
    public static async Task<KubernetesBed> StartAsync(string policy = Rules)
    {
        var folder = new TemporaryFolder();
        var issuer = await DemoIssuer.StartAsync(new DemoIssuerOptions { DefaultAudience = "http://127.0.0.1:7600" });
        var target = new RawTarget();
        var host = await GatewayHost.StartAsync(new GatewayOptions
        {
            Url = "http://127.0.0.1:0", Management = null, Kubernetes = "https://127.0.0.1:0", Data = Path.Combine(folder.Path, "data"),
            Issuers = [new IssuerOptions { Name = "demo", Authority = issuer.Issuer, ClientId = DemoClient.GatewayId, ClientSecret = DemoClient.GatewaySecret }],
            Connections =
            [
                new ConnectionOptions
                {
                    Name = "prod", Protocol = "kubernetes", Url = target.Url, Credential = new CredentialOptions("Authorization", Credential),
                    Patience = new UpstreamPatience { Connect = TimeSpan.FromSeconds(5), Head = TimeSpan.FromSeconds(5), Idle = TimeSpan.FromSeconds(5) },
                },
            ],
            Policy = [folder.Write("policy.yaml", policy)],
            Waits = new WaitOptions { Longest = TimeSpan.Zero },
            Limits = new LimitOptions { Drain = TimeSpan.FromMilliseconds(200) },
        });
        return new KubernetesBed(folder, issuer, target, host);
    }

    /// <summary>The folder of database, journals and keys.</summary>
    public string Data => Path.Combine(_folder.Path, "data");

    /// <summary>A token of one of the demo's people.</summary>
    public string TokenOf(string person) => _issuer.IssueToken(person, Host.PublicUrl, "demo-agent");

    /// <summary>Puts another policy in force, as an operator who edits the file does.</summary>
    public void Edit(string policy) => _folder.Write("policy.yaml", policy);

    /// <summary>Sends one request and returns the whole answer.</summary>
    public async Task<HttpAnswer> SendAsync(string method, string path, string? body = null, string type = "application/json", Action<HttpRequestMessage>? change = null, string? token = null)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(Host.Url + "/k8s/prod" + path, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }));
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + (token ?? TokenOf("alice")));
        if (body is not null)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
            request.Content.Headers.TryAddWithoutValidation("Content-Type", type);
        }
        change?.Invoke(request);
        using var response = await _client.SendAsync(request);
        return new HttpAnswer(response.StatusCode, await response.Content.ReadAsByteArrayAsync(), [.. response.Headers.Concat(response.Content.Headers).SelectMany(header => header.Value.Select(value => KeyValuePair.Create(header.Key, value)))]);
    }

    /// <summary>Everything that the journal holds, as text.</summary>
    /// <summary>Everything that was recorded, opened.</summary>
    public async Task<string> JournalAsync()
    {
        await Host.StopAsync();
        return OpenedJournal.TextOf(Path.Combine(_folder.Path, "data"));
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await Host.DisposeAsync();
        await Target.DisposeAsync();
        await _issuer.DisposeAsync();
        _folder.Dispose();
    }
}
