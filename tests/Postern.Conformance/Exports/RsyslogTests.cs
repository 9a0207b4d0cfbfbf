using System.Text.Json;
using System.Text.RegularExpressions;
using Postern.Conformance.Clients;
using Postern.Conformance.Gateways;
using Postern.Conformance.Peers;
using Postern.Demo.Shop;
using Postern.Gateway.Configuration;
using Postern.Tests;

namespace Postern.Conformance.Exports;

/// <summary>A whole gateway whose journal goes to a real rsyslogd, which is killed and comes back.</summary>
public sealed partial class RsyslogTests
{
    private const string Policy =
        """
        version: 1
        rules:
          - id: reads
            who: { groups: [support] }
            on: { connection: target, tools: ["get_*"] }
            then: allow
        """;

    [Theory]
    [InlineData(false, SyslogFormat.Json)]
    [InlineData(true, SyslogFormat.Json)]
    [InlineData(true, SyslogFormat.Cef)]
    [Row("F06")]
    [Row("U03")]
    [Row("U08")]
    public async Task Everything_reaches_rsyslog_once_it_is_there_in_order_and_no_name_forges_a_message(bool usesTls, SyslogFormat format)
    {
        var stop = TestContext.Current.CancellationToken;
        await using var rsyslog = await RsyslogPeer.StartAsync(usesTls, stop);
        await using var shop = await ShopServer.StartAsync("shop-secret");
        var connection = new ConnectionOptions { Name = TestGateway.Connection, Protocol = "mcp", Url = shop.Url, Credential = new CredentialOptions("Authorization", "Bearer shop-secret") };
        var export = new ExportOptions { Name = "siem", Target = new ExportTarget.Syslog("127.0.0.1", rsyslog.Port, usesTls, usesTls ? rsyslog.Authority : null, format) };
        await using var gateway = await TestGateway.StartAsync(connection, Policy, stop, exports: [export]);

        await CallAsync(gateway, "get_customer", stop);
        await CallAsync(gateway, "x<13>1 2026-01-01T00:00:00Z forged postern - forged -\\u001b[2J \\u2028] \\\" | =", stop);
        await WaitForAsync(rsyslog, 2, stop);
        await rsyslog.KillAsync();
        for (var i = 0; i < 5; i++) await CallAsync(gateway, "get_customer", stop);
        await rsyslog.StartAgainAsync(stop);
        await WaitForAsync(rsyslog, 7, stop);

        var messages = rsyslog.Messages;
        Assert.DoesNotContain(messages, message => message.Contains(" forged -", StringComparison.Ordinal) && !message.Contains("postern@32473", StringComparison.Ordinal));
        var sequences = messages.Select(message => Head().Match(message)).Select(head =>
        {
            Assert.True(head.Success);
            return long.Parse(head.Groups["sequence"].Value);
        }).ToList();
        // At least once: what a kill left in doubt may be there twice, one batch behind the other.
        var distinct = sequences.Distinct().ToList();
        Assert.Equal(distinct.Order(), distinct);
        Assert.Equal(7, messages.Where(message => message.Contains(" - operation.asked ", StringComparison.Ordinal) && message.Contains("\"demo:alice\"", StringComparison.Ordinal)).Select(message => Head().Match(message).Groups["sequence"].Value).Distinct().Count());
        if (format == SyslogFormat.Json)
        {
            foreach (var message in messages) using (JsonDocument.Parse(message[message.IndexOf("] {", StringComparison.Ordinal)..][2..])) { }
        }
        else
        {
            Assert.All(messages, message => Assert.Contains("] CEF:0|Postern|Postern|1|", message, StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task A_receiver_whose_certificate_is_not_trusted_is_told_nothing()
    {
        var stop = TestContext.Current.CancellationToken;
        await using var rsyslog = await RsyslogPeer.StartAsync(usesTls: true, stop);
        await using var shop = await ShopServer.StartAsync("shop-secret");
        var connection = new ConnectionOptions { Name = TestGateway.Connection, Protocol = "mcp", Url = shop.Url };
        await using var gateway = await TestGateway.StartAsync(connection, Policy, stop, exports: [new ExportOptions { Name = "siem", Target = new ExportTarget.Syslog("127.0.0.1", rsyslog.Port, true, null, SyslogFormat.Json) }]);
        using var http = new HttpClient();

        var ready = "";
        for (var i = 0; i < 100 && !ready.Contains("certificate is not trusted", StringComparison.Ordinal); i++)
        {
            await Task.Delay(50, stop);
            ready = await http.GetStringAsync(gateway.ManagementUrl + "/readyz", stop);
        }

        Assert.Contains("\"status\":\"ready\"", ready);
        Assert.Contains("certificate is not trusted", ready);
        Assert.Empty(rsyslog.Messages);
    }

    private static async Task CallAsync(TestGateway gateway, string tool, CancellationToken stop)
    {
        using var http = new HttpClient();
        const string meta = """{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"test","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}""";
        var body = $$"""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"{{tool}}","arguments":{"customer":"C-101"},"_meta":{{meta}} } }""";
        using var request = new HttpRequestMessage(HttpMethod.Post, gateway.ConnectionUrl) { Content = new StringContent(body, System.Text.Encoding.UTF8, "application/json") };
        request.Headers.Authorization = new System.Net.Http.Headers.AuthenticationHeaderValue("Bearer", gateway.Token("alice"));
        request.Headers.Accept.ParseAdd("application/json, text/event-stream");
        request.Headers.Add("MCP-Protocol-Version", "2026-07-28");
        request.Headers.Add("Mcp-Method", "tools/call");
        // A name that no header can carry goes as the protocol says: in base64 between marks.
        var name = JsonDocument.Parse($"\"{tool}\"").RootElement.GetString()!;
        request.Headers.Add("Mcp-Name", name.All(character => character is > ' ' and <= '~') ? name : $"=?base64?{Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(name))}?=");
        using var response = await http.SendAsync(request, stop);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync(stop));
    }

    /// <summary>Waits until so many of alice's operations ended there.</summary>
    private static async Task WaitForAsync(RsyslogPeer rsyslog, int asked, CancellationToken stop)
    {
        for (var i = 0; i < 600; i++)
        {
            if (rsyslog.Messages.Where(message => message.Contains(" - operation.asked ", StringComparison.Ordinal) && message.Contains("\"demo:alice\"", StringComparison.Ordinal)).Select(message => Head().Match(message).Groups["sequence"].Value).Distinct().Count() >= asked) return;
            await Task.Delay(50, stop);
        }
        Assert.Fail($"{asked} operations did not arrive: {string.Join('\n', rsyslog.Messages)}");
    }

    [GeneratedRegex("^<1[0-9]{2}>1 [0-9T:.-]+Z [!-~]+ postern - [a-z_.]+ \\[postern@32473 journal=\"[0-9a-f]{32}\" sequence=\"(?<sequence>[0-9]+)\"")]
    private static partial Regex Head();
}
