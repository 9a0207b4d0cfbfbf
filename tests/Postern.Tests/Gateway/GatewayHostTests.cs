using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Postern.Gateway;
using Postern.Gateway.Configuration;

namespace Postern.Tests.Gateway;

public sealed class GatewayHostTests
{
    [Fact]
    public async Task It_starts_in_process_and_says_that_it_is_alive_and_ready()
    {
        await using var gateway = await RunningGateway.StartAsync();
        using var http = new HttpClient();

        Assert.Equal("""{"status":"alive"}""", await http.GetStringAsync(gateway.Host.ManagementUrl + "/healthz"));
        Assert.Equal("""{"status":"ready","complaints":{}}""", await http.GetStringAsync(gateway.Host.ManagementUrl + "/readyz"));
    }

    [Fact]
    public async Task Two_gateways_cannot_share_a_data_folder()
    {
        await using var first = await RunningGateway.StartAsync();

        var refusal = await Assert.ThrowsAsync<GatewayStartException>(() => GatewayHost.StartAsync(first.Options));

        Assert.Contains("another gateway uses it", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_taken_port_stops_the_start_with_its_key()
    {
        await using var first = await RunningGateway.StartAsync();
        using var folder = new TemporaryFolder();

        var refusal = await Assert.ThrowsAsync<GatewayStartException>(() => GatewayHost.StartAsync(Options(folder, first.Host.Url)));

        Assert.StartsWith("listen.url: cannot listen on", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    [Row("T04")]
    public async Task A_policy_that_does_not_load_stops_the_start_with_every_error()
    {
        using var folder = new TemporaryFolder();
        folder.Write("policy.yaml", "version: 1\nrules:\n  - { id: a, then: alow }\n  - { id: b, than: deny }\n");

        var refusal = await Assert.ThrowsAsync<GatewayStartException>(() => GatewayHost.StartAsync(Options(folder)));

        Assert.Contains(refusal.Problems, problem => problem.Line == 3);
        Assert.Contains(refusal.Problems, problem => problem.Line == 4);
    }

    [Fact]
    public async Task A_start_that_breaks_off_leaves_nothing_behind()
    {
        using var folder = new TemporaryFolder();
        folder.Write("policy.yaml", "version: 2");
        await Assert.ThrowsAsync<GatewayStartException>(() => GatewayHost.StartAsync(Options(folder)));
        folder.Write("policy.yaml", RunningGateway.Policy.Replace("connection: shop, ", "", StringComparison.Ordinal));

        await using var host = await GatewayHost.StartAsync(Options(folder));

        Assert.NotEmpty(host.Url);
    }

    /// <summary>What Kestrel tolerates and another reader of the same bytes may read differently.</summary>
    [Theory]
    [InlineData("get /api/v1/whoami HTTP/1.1\r\nHost: HOST\r\n\r\n")]
    [InlineData("TRACE / HTTP/1.1\r\nHost: HOST\r\n\r\n")]
    [InlineData("GET /api/v1/%77hoami HTTP/1.1\r\nHost: HOST\r\n\r\n")]
    [InlineData("GET /api/v1/../v1/whoami HTTP/1.1\r\nHost: HOST\r\n\r\n")]
    [InlineData("GET /api//v1/whoami HTTP/1.1\r\nHost: HOST\r\n\r\n")]
    [InlineData("GET /api/v1/;/../whoami HTTP/1.1\r\nHost: HOST\r\n\r\n")]
    [InlineData("GET /api\\v1/whoami HTTP/1.1\r\nHost: HOST\r\n\r\n")]
    [InlineData("GET http://HOST/api/v1/whoami HTTP/1.1\r\nHost: HOST\r\n\r\n")]
    [InlineData("GET /api/v1/whoami HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n")]
    [InlineData("GET /api/v1/whoami HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer a, Bearer b\r\n\r\n")]
    [InlineData("POST /mcp/shop HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("POST /mcp/shop HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("POST /mcp/shop HTTP/1.1\r\nHost: HOST\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("POST /mcp/shop HTTP/1.0\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
    [Guarantee("G6")]
    public async Task A_request_that_can_be_read_in_two_ways_is_refused_and_the_connection_closed(string request)
    {
        await using var gateway = await RunningGateway.StartAsync();
        var host = new Uri(gateway.Host.Url);

        var answer = await SendRawAsync(host, request.Replace("HOST", host.Authority, StringComparison.Ordinal));

        Assert.StartsWith("HTTP/1.1 400", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_foreign_host_name_is_not_served()
    {
        await using var gateway = await RunningGateway.StartAsync();

        var answer = await SendRawAsync(new Uri(gateway.Host.Url), "GET /api/v1/whoami HTTP/1.1\r\nHost: evil.example\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 421", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("Server:", answer, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    [Row("D02")]
    public async Task Oversize_heads_are_refused_early()
    {
        await using var gateway = await RunningGateway.StartAsync();
        var host = new Uri(gateway.Host.Url);
        var headers = string.Concat(Enumerable.Range(0, 100).Select(number => string.Create(CultureInfo.InvariantCulture, $"X-{number}: a\r\n")));

        Assert.StartsWith("HTTP/1.1 414", await SendRawAsync(host, $"GET /{new string('a', 9000)} HTTP/1.1\r\n"), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 431", await SendRawAsync(host, $"GET / HTTP/1.1\r\nHost: {host.Authority}\r\n{headers}\r\n"), StringComparison.Ordinal);
    }

    [Fact]
    [Guarantee("G15")]
    [Row("F15")]
    public async Task A_bad_reload_changes_nothing_and_shows_and_a_good_one_applies()
    {
        await using var gateway = await RunningGateway.StartAsync();
        using var http = new HttpClient();
        await File.WriteAllTextAsync(gateway.PolicyFile, "version: 1\nrules: [{ id: broken }]\n");

        var readiness = await EventuallyAsync(() => http.GetStringAsync(gateway.Host.ManagementUrl + "/readyz"), text => text.Contains("policy", StringComparison.Ordinal));
        Assert.Contains("\"status\":\"ready\"", readiness, StringComparison.Ordinal);
        Assert.Contains("structuredContent", (await gateway.CallToolAsync("alice", "get_customer", """{"customer":"C-101"}""")).GetRawText(), StringComparison.Ordinal);
        await File.WriteAllTextAsync(gateway.PolicyFile, "version: 1\nrules: [{ id: nobody, on: { connection: shop }, then: deny }]\n");

        await EventuallyAsync(async () => await (await gateway.ApiAsync("/policy", gateway.TokenOf("alice"))).Content.ReadAsStringAsync(), text => text.Contains("\"version\":2", StringComparison.Ordinal));
        Assert.Contains("policy.not_permitted", (await gateway.CallToolAsync("alice", "get_customer", """{"customer":"C-101"}""")).GetRawText(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stop_is_orderly_and_the_same_policy_keeps_its_number()
    {
        await using var gateway = await RunningGateway.StartAsync();
        await gateway.CallToolAsync("alice", "get_customer", """{"customer":"C-101"}""");

        await gateway.RestartAsync();

        using var policy = await gateway.ApiAsync("/policy", gateway.TokenOf("alice"));
        Assert.Contains("\"version\":1,", await policy.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    [Row("F12")]
    public async Task Without_the_keys_of_any_issuer_it_is_alive_and_not_ready()
    {
        await using var gateway = await RunningGateway.StartAsync();
        using var folder = new TemporaryFolder();
        var options = new GatewayOptions
        {
            Url = "http://127.0.0.1:0",
            Management = "http://127.0.0.1:0",
            Data = Path.Combine(folder.Path, "data"),
            Issuers = [new IssuerOptions { Name = "demo", Authority = "http://127.0.0.1:9" }],
            Connections = gateway.Options.Connections,
            Policy = gateway.Options.Policy,
        };
        await using var host = await GatewayHost.StartAsync(options);
        using var http = new HttpClient();

        using var readiness = await http.GetAsync(host.ManagementUrl + "/readyz");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, readiness.StatusCode);
        Assert.Contains("\"issuers\"", await readiness.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal("""{"status":"alive"}""", await http.GetStringAsync(host.ManagementUrl + "/healthz"));
    }

    /// <summary>Connections that wait for the next request do not hold a stop up.</summary>
    [Fact]
    public async Task Idle_connections_do_not_delay_the_stop()
    {
        await using var gateway = await RunningGateway.StartAsync();
        using var http = new HttpClient();
        using var kept = await http.GetAsync(gateway.Host.Url + "/assets/postern.css");
        var begun = TimeProvider.System.GetTimestamp();

        await gateway.Host.StopAsync();

        Assert.True(TimeProvider.System.GetElapsedTime(begun) < TimeSpan.FromSeconds(5));
        await Assert.ThrowsAsync<HttpRequestException>(() => http.GetAsync(gateway.Host.Url + "/assets/postern.css"));
    }

    private static async Task<string> EventuallyAsync(Func<Task<string>> ask, Func<string, bool> isThere)
    {
        for (var attempt = 0; ; attempt++)
        {
            var answer = await ask();
            if (isThere(answer)) return answer;
            Assert.True(attempt < 100, answer);
            await Task.Delay(100);
        }
    }

    private static async Task<string> SendRawAsync(Uri host, string request)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(host.Host, host.Port);
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(request));
        using var reader = new StreamReader(client.GetStream(), Encoding.ASCII);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        return await reader.ReadToEndAsync(patience.Token);
    }

    private static GatewayOptions Options(TemporaryFolder folder, string url = "http://127.0.0.1:0") => new()
    {
        Url = url,
        Management = null,
        Data = Path.Combine(folder.Path, "data"),
        Issuers = [new IssuerOptions { Name = "corp", Authority = "https://login.example.com/" }],
        Policy = [Path.Combine(folder.Path, "policy.yaml")],
    };
}
