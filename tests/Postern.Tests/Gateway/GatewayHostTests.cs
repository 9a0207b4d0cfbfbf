using System.Collections.Immutable;
using System.Net;
using Postern.Gateway;
using Postern.Gateway.Configuration;

namespace Postern.Tests.Gateway;

public sealed class GatewayHostTests
{
    [Fact]
    public async Task It_starts_in_process_and_says_that_it_is_alive_and_ready()
    {
        using var folder = new TemporaryFolder();
        await using var host = await GatewayHost.StartAsync(Options(folder.Path));
        using var http = new HttpClient();

        Assert.Equal("""{"status":"alive"}""", await http.GetStringAsync(host.ManagementUrl + "/healthz"));
        Assert.Equal("""{"status":"ready","complaints":{}}""", await http.GetStringAsync(host.ManagementUrl + "/readyz"));
    }

    [Fact]
    public async Task Two_gateways_cannot_share_a_data_folder()
    {
        using var folder = new TemporaryFolder();
        await using var first = await GatewayHost.StartAsync(Options(folder.Path));

        var refusal = await Assert.ThrowsAsync<GatewayStartException>(() => GatewayHost.StartAsync(Options(folder.Path)));

        Assert.Contains("another gateway uses it", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_taken_port_stops_the_start_with_its_key()
    {
        using var folder = new TemporaryFolder();
        await using var first = await GatewayHost.StartAsync(Options(folder.Path));
        using var other = new TemporaryFolder();

        var refusal = await Assert.ThrowsAsync<GatewayStartException>(() => GatewayHost.StartAsync(Options(other.Path, url: first.Url)));

        Assert.StartsWith("listen.url: cannot listen on", refusal.Message, StringComparison.Ordinal);
    }

    private static GatewayOptions Options(string folder, string url = "http://127.0.0.1:0") => new()
    {
        Url = url,
        Management = "http://127.0.0.1:0",
        Data = folder,
        Issuers = [new IssuerOptions { Name = "corp", Authority = "https://login.example.com/" }],
        Policy = [Path.Combine(folder, "policy.yaml")],
    };
}
