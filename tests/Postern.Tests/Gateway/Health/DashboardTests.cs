using System.Text.Json;
using System.Text.RegularExpressions;
using Postern.Gateway.Configuration;

namespace Postern.Tests.Gateway.Health;

/// <summary>The dashboard asks for what <c>/metrics</c> serves: every name, and every label under which it selects or groups.</summary>
public sealed partial class DashboardTests
{
    private static readonly string[] _words = ["sum", "by", "rate", "histogram_quantile", "le"];

    [Fact]
    public async Task Every_name_and_label_of_the_dashboard_is_served()
    {
        await using var gateway = await RunningGateway.StartAsync();
        await gateway.CallToolAsync("alice", "get_customer", """{"customer":"C-101"}""");
        await gateway.Host.StopAsync();
        var exporting = new GatewayOptions
        {
            Url = gateway.Options.Url, Management = gateway.Options.Management, Data = gateway.Options.Data, Issuers = gateway.Options.Issuers, Connections = gateway.Options.Connections, Policy = gateway.Options.Policy,
            Record = new RecordOptions { Store = new StoreOptions(new StoreTarget.Folder(Path.Combine(gateway.Options.Data, "kept"))) },
            Exports = [new ExportOptions { Name = "siem", Target = new ExportTarget.Http("http://127.0.0.1:9/", HttpShape.Lines, null, null) }],
        };
        await using var host = await Postern.Gateway.GatewayHost.StartAsync(exporting, cancellationToken: TestContext.Current.CancellationToken);
        using var http = new HttpClient();
        // One operation of the gateway's own is enough to have a sample of each family.
        using var refused = await http.GetAsync(host.Url + "/mcp/shop", TestContext.Current.CancellationToken);
        await CallAsync(host.Url, gateway, http);
        var served = await http.GetStringAsync(host.ManagementUrl + "/metrics", TestContext.Current.CancellationToken);
        using var dashboard = JsonDocument.Parse(await File.ReadAllTextAsync(Repository.PathOf("deploy", "grafana", "postern.json"), TestContext.Current.CancellationToken));

        var asked = 0;
        foreach (var query in dashboard.RootElement.GetProperty("panels").EnumerateArray().SelectMany(panel => panel.GetProperty("targets").EnumerateArray()).Select(target => target.GetProperty("expr").GetString()!))
        {
            foreach (Match name in Metric().Matches(query))
            {
                var samples = served.Split('\n').Where(line => line.StartsWith(name.Value + "{", StringComparison.Ordinal) || line.StartsWith(name.Value + " ", StringComparison.Ordinal)).ToList();
                Assert.True(samples.Count > 0, $"`{name.Value}` is not served");
                foreach (Match label in Label().Matches(query).Where(label => !label.Value.StartsWith("postern", StringComparison.Ordinal) && !_words.Contains(label.Value)))
                {
                    Assert.True(samples[0].Contains(label.Value + "=\"", StringComparison.Ordinal), $"`{name.Value}` has no label `{label.Value}`: {samples[0]}");
                }
                asked++;
            }
        }
        Assert.InRange(asked, 14, 100);
    }

    private static async Task CallAsync(string url, RunningGateway gateway, HttpClient http)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, url + "/mcp/shop") { Content = new StringContent("""{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"test","version":"1"},"io.modelcontextprotocol/clientCapabilities":{} } } }""", System.Text.Encoding.UTF8, "application/json") };
        request.Headers.Authorization = new("Bearer", gateway.Issuer.IssueToken("alice", url, "demo-agent"));
        request.Headers.Accept.ParseAdd("application/json, text/event-stream");
        request.Headers.Add("MCP-Protocol-Version", "2026-07-28");
        request.Headers.Add("Mcp-Method", "tools/list");
        using var answer = await http.SendAsync(request);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
    }

    [GeneratedRegex("\\b(postern|process|dotnet)_[a-z_]+")]
    private static partial Regex Metric();

    /// <summary>Words in braces before a comparison, and those by which is summed.</summary>
    [GeneratedRegex("(?<=\\{|, ?)[a-z]+(?==)|(?<=by \\([a-z, ]*)[a-z]+(?=[,)])")]
    private static partial Regex Label();
}
