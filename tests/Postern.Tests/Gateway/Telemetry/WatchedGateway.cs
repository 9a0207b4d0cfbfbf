using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Postern.Demo.Issuer;
using Postern.Demo.Shop;
using Postern.Gateway;
using Postern.Gateway.Configuration;
using Postern.Tests.Gateway.Exports;

namespace Postern.Tests.Gateway.Telemetry;

/// <summary>A gateway with everything that tells of it switched on: exports of every shape, a collector, and its log as <c>serve</c> sets it up.</summary>
internal sealed class WatchedGateway : IAsyncDisposable
{
    public const string Policy =
        """
        version: 1
        rules:
          - { id: shop, who: { groups: [support] }, on: { connection: shop, tools: ["get_*", refund] }, then: allow }
          - { id: api, who: { groups: [support] }, on: { connection: api, methods: [GET, POST], paths: ["/**"] }, then: allow }
        masks:
          - id: personal
            on: { connection: api }
            detect: [email]
            as: redact
        """;

    private readonly TemporaryFolder _folder = new();
    private readonly KeptLog _log = new();
    private DemoIssuer _issuer = null!;
    private ILoggerFactory _logs = null!;
    private ShopServer _shop = null!;
    private WebApplication _api = null!;

    public GatewayHost Host { get; private set; } = null!;

    public OtlpCollector Collector { get; private set; } = null!;

    public StrictReceiver Receiver { get; private set; } = null!;

    public string Data => Path.Combine(_folder.Path, "data");

    /// <summary>The log so far.</summary>
    public string Log => string.Join('\n', _log.Lines);

    /// <summary>The heads of the requests that reached the target over HTTP, the shop's not among them.</summary>
    public ConcurrentQueue<IHeaderDictionary> ApiSaw { get; } = new();

    public static async Task<WatchedGateway> StartAsync(int sample, string shopCredential = "shop-secret", string reply = "{}", string receiverToken = "Splunk token-0001", string collectorToken = "Bearer collector-0001")
    {
        var bed = new WatchedGateway
        {
            Collector = await OtlpCollector.StartAsync(),
            Receiver = await StrictReceiver.StartAsync(receiverToken),
            _issuer = await DemoIssuer.StartAsync(new DemoIssuerOptions { DefaultAudience = "http://127.0.0.1:7600" }),
            _shop = await ShopServer.StartAsync(shopCredential),
        };
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        bed._api = builder.Build();
        bed._api.Run(async context =>
        {
            bed.ApiSaw.Enqueue(new HeaderDictionary(context.Request.Headers.ToDictionary(header => header.Key, header => header.Value)));
            if (context.Request.Path.Value!.EndsWith("/broken", StringComparison.Ordinal)) { context.Abort(); return; }
            if (context.Request.Path.Value.EndsWith("/fails", StringComparison.Ordinal)) context.Response.StatusCode = 500;
            context.Response.ContentType = "application/json";
            await context.Response.WriteAsync(reply);
        });
        await bed._api.StartAsync();
        var options = new GatewayOptions
        {
            Url = "http://127.0.0.1:0",
            Management = "http://127.0.0.1:0",
            Data = bed.Data,
            Issuers = [new IssuerOptions { Name = "demo", Authority = bed._issuer.Issuer, ClientId = DemoClient.GatewayId, ClientSecret = DemoClient.GatewaySecret }],
            Connections =
            [
                new ConnectionOptions { Name = "shop", Protocol = "mcp", Url = bed._shop.Url, Credential = new CredentialOptions("Authorization", "Bearer " + shopCredential) },
                new ConnectionOptions { Name = "api", Protocol = "http", Url = bed._api.Urls.First(), Credential = new CredentialOptions("X-Key", shopCredential) },
            ],
            Policy = [bed._folder.Write("policy.yaml", Policy)],
            Limits = new LimitOptions { Drain = TimeSpan.FromSeconds(1) },
            Telemetry = new TelemetryOptions(bed.Collector.Url) { SamplePercent = sample, Credential = new CredentialOptions("Authorization", collectorToken) },
            Exports =
            [
                new ExportOptions { Name = "splunk", Target = new ExportTarget.Http(bed.Receiver.Url + "/services/collector/event", HttpShape.Hec, new CredentialOptions("Authorization", receiverToken), null) },
                new ExportOptions { Name = "logs", Target = new ExportTarget.Otlp(bed.Receiver.Url + "/v1/logs", null, null) },
            ],
        };
        bed._logs = LoggerFactory.Create(logging =>
        {
            Postern.Cli.Commands.ServeCommand.Configure(logging, new LogOptions(IsJson: true, LogLevel.Debug));
            logging.ClearProviders().AddProvider(bed._log);
        });
        bed.Host = await GatewayHost.StartAsync(options, new GatewaySurroundings { Logs = bed._logs });
        return bed;
    }

    public string TokenOf(string subject) => _issuer.IssueToken(subject, Host.PublicUrl, "demo-agent");

    public async Task<string> CallToolAsync(string tool, string arguments, string meta = "", Action<HttpRequestHeaders>? headers = null)
    {
        using var http = new HttpClient();
        var body = $$$"""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"{{{tool}}}","arguments":{{{arguments}}},"_meta":{ {{{meta}}}"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"test","version":"1"},"io.modelcontextprotocol/clientCapabilities":{} } } }""";
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{Host.Url}/mcp/shop") { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", TokenOf("alice"));
        request.Headers.Accept.ParseAdd("application/json, text/event-stream");
        request.Headers.Add("MCP-Protocol-Version", "2026-07-28");
        request.Headers.Add("Mcp-Method", "tools/call");
        request.Headers.Add("Mcp-Name", tool);
        headers?.Invoke(request.Headers);
        using var response = await http.SendAsync(request);
        return await response.Content.ReadAsStringAsync();
    }

    public async Task<string> SendAsync(HttpMethod method, string path, Action<HttpRequestMessage>? more = null, string? token = null)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(method, $"{Host.Url}/http/api{path}");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token ?? TokenOf("alice"));
        more?.Invoke(request);
        using var response = await http.SendAsync(request);
        return await response.Content.ReadAsStringAsync();
    }

    public async Task<string> ManagementAsync(string path)
    {
        using var http = new HttpClient();
        return await http.GetStringAsync(Host.ManagementUrl + path);
    }

    /// <summary>Waits until exports have caught up.</summary>
    public async Task SettleAsync()
    {
        for (var i = 0; i < 400; i++)
        {
            var metrics = await ManagementAsync("/metrics");
            if (metrics.Contains("postern_export_lag_records{export=\"splunk\"} 0\n", StringComparison.Ordinal) && metrics.Contains("postern_export_lag_records{export=\"logs\"} 0\n", StringComparison.Ordinal)) return;
            await Task.Delay(25);
        }
        Assert.Fail("the exports do not catch up: " + await ManagementAsync("/metrics") + string.Join('\n', Receiver.Refused));
    }

    public async ValueTask DisposeAsync()
    {
        if (Host is not null) await Host.DisposeAsync();
        await _shop.DisposeAsync();
        await _issuer.DisposeAsync();
        await _api.DisposeAsync();
        await Collector.DisposeAsync();
        await Receiver.DisposeAsync();
        _logs.Dispose();
        _folder.Dispose();
    }

    private sealed class KeptLog : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = new();

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull
        {
            Lines.Enqueue(state.ToString() ?? "");
            return null;
        }

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            var values = state is IEnumerable<KeyValuePair<string, object?>> pairs ? string.Join(' ', pairs.Select(pair => $"{pair.Key}={pair.Value}")) : "";
            Lines.Enqueue($"{logLevel} {formatter(state, exception)} {values} {exception}");
        }

        public void Dispose()
        {
        }
    }
}
