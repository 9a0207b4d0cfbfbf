using System.Text.Json;
using Postern.Conformance.Gateways;
using Postern.Conformance.Peers;
using Postern.Gateway.Configuration;
using Postern.Tests;

namespace Postern.Conformance.Http;

/// <summary>curl as the client and nginx as the API: what each of them says of the same request.</summary>
public sealed class CurlThroughPosternTests
{
    private const string Policy = """
        version: 1
        rules:
          - { id: reads, who: { groups: [support] }, on: { connection: billing, methods: [GET, HEAD], paths: ["/**"] }, then: allow }
        """;

    [Fact]
    public async Task The_commands_of_the_page_do_what_the_page_says()
    {
        var lines = await File.ReadAllLinesAsync(Path.Combine(Checkout.Root, "docs", "learn", "http.md"), TestContext.Current.CancellationToken);
        var commands = lines.Where(line => line.StartsWith("curl ", StringComparison.Ordinal)).ToArray();
        Assert.Equal(3, commands.Length);
        var policy = await File.ReadAllTextAsync(Path.Combine(Checkout.Root, "tests", "specs", "policy", "learn-http.yaml"), TestContext.Current.CancellationToken);
        await using var nginx = await NginxPeer.StartAsync(TestContext.Current.CancellationToken);
        await using var gateway = await TestGateway.StartAsync(ConnectionTo(nginx), policy, TestContext.Current.CancellationToken, wait: TimeSpan.FromSeconds(1));

        var read = JsonDocument.Parse(await BashAsync(gateway, commands[0])).RootElement;
        var small = JsonDocument.Parse(await BashAsync(gateway, commands[1])).RootElement;
        var held = JsonDocument.Parse(await BashAsync(gateway, commands[2])).RootElement;

        Assert.Equal("/v2/invoices?state=open", read.GetProperty("target").GetString());
        Assert.Equal("[masked:customers]", read.GetProperty("email").GetString());
        Assert.Equal("POST", small.GetProperty("method").GetString());
        Assert.Equal("hold.pending", held.GetProperty("code").GetString());
        Assert.Equal(["GET /v2/invoices?state=open Bearer lent", "POST /v2/refunds Bearer lent"], nginx.Log);
    }

    [Theory]
    [Row("H06")]
    [Guarantee("G6")]
    [InlineData("/a/%62/c?x=%61&y=a+b", "/v2/a/b/c?x=a&y=a%20b")]
    [InlineData("/caf%C3%A9", "/v2/caf%C3%A9")]
    [InlineData("/a%20b/%3B", "/v2/a%20b/%3B")]
    [InlineData("/a/../b", null)]
    [InlineData("/a/%2e%2e/b", null)]
    [InlineData("/a%2fb", null)]
    [InlineData("//b", null)]
    [InlineData("/a;b", null)]
    public async Task What_nginx_received_is_what_was_judged(string asked, string? received)
    {
        await using var nginx = await NginxPeer.StartAsync(TestContext.Current.CancellationToken);
        await using var gateway = await TestGateway.StartAsync(ConnectionTo(nginx), Policy, TestContext.Current.CancellationToken);

        var status = await BashAsync(gateway, $"curl -s -o /dev/null -w '%{{http_code}}' --path-as-is -g -H \"Authorization: Bearer $TOKEN\" \"$GATEWAY/http/billing{asked}\"");

        Assert.Equal(received is null ? "400" : "200", status);
        Assert.Equal(received is null ? [] : [$"GET {received} Bearer lent"], nginx.Log);
    }

    [Fact]
    public async Task Files_go_up_and_come_down_whole_and_in_parts()
    {
        await using var nginx = await NginxPeer.StartAsync(TestContext.Current.CancellationToken);
        await using var gateway = await TestGateway.StartAsync(ConnectionTo(nginx), Policy, TestContext.Current.CancellationToken);

        Assert.Equal("5000000", await BashAsync(gateway, "curl -s -H \"Authorization: Bearer $TOKEN\" $GATEWAY/http/billing/files/large.bin | wc -c"));
        Assert.Equal("100", await BashAsync(gateway, "curl -s -r 10-109 -H \"Authorization: Bearer $TOKEN\" $GATEWAY/http/billing/files/large.bin | wc -c"));
        Assert.Equal($"302 {gateway.Url}/http/billing/invoices", await BashAsync(gateway, "curl -s -o /dev/null -w '%{http_code} %header{location}' -H \"Authorization: Bearer $TOKEN\" $GATEWAY/http/billing/moved"));
    }

    private static ConnectionOptions ConnectionTo(NginxPeer nginx) => new() { Name = "billing", Protocol = "http", Url = nginx.Url, Credential = new CredentialOptions("Authorization", "Bearer lent") };

    private static async Task<string> BashAsync(TestGateway gateway, string command)
    {
        // The page's own commands, as they stand; only quiet.
        await using var bash = Child.Start("bash", ["-c", command.StartsWith("curl -s", StringComparison.Ordinal) ? command : "curl -s " + command["curl ".Length..]], new Dictionary<string, string> { ["GATEWAY"] = gateway.Url, ["TOKEN"] = gateway.Token("alice") });
        return (await bash.ReadToEndAsync(TestContext.Current.CancellationToken)).Trim();
    }
}
