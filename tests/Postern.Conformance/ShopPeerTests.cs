using Postern.Conformance.Clients;
using Postern.Demo.Shop;

namespace Postern.Conformance;

/// <summary>The demo's shop with the official client, without a gateway between: a demo must not work by our own mistakes on both sides.</summary>
public sealed class ShopPeerTests : IAsyncLifetime
{
    private const string Secret = "peer-secret";
    private ShopServer _shop = null!;

    public async ValueTask InitializeAsync() => _shop = await ShopServer.StartAsync(Secret);

    public ValueTask DisposeAsync() => _shop.DisposeAsync();

    [Fact]
    public async Task The_official_client_lists_and_calls_its_tools()
    {
        await using var agent = await SdkAgent.ConnectAsync(_shop.Url, Secret, TestContext.Current.CancellationToken);

        var tools = await agent.ListAsync(TestContext.Current.CancellationToken);
        var customer = await agent.CallAsync("get_customer", new { customer = "C-104" }, TestContext.Current.CancellationToken);
        var refused = await agent.CallAsync("refund", new { order = 1041, amount = 1000, reason = "x" }, TestContext.Current.CancellationToken);

        Assert.Equal(["list_orders", "get_order", "get_customer", "refund", "delete_customer", "export_customers"], tools);
        Assert.Contains("Théo Garnier", customer.Text);
        Assert.False(customer.IsError);
        Assert.True(refused.IsError);
        Assert.Contains("too much", refused.Text);
    }
}
