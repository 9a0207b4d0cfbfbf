using System.Globalization;
using System.Text.Json.Nodes;

namespace Postern.Demo.Acts;

/// <summary>A rule permits it, so it happens.</summary>
internal sealed class AllowedAct : IAct
{
    public string Title => "1 · Allowed";

    public async Task<bool> PlayAsync(DemoCast cast, CancellationToken cancellationToken)
    {
        var voice = cast.Voice;
        voice.Say("Alice's agent asks the shop for its orders. A rule permits support to read.");
        voice.Gap();
        var reply = await cast.Agent.CallAsync("list_orders", [], cancellationToken);
        var orders = reply.Data?["orders"] as JsonArray ?? [];
        voice.Show("asks", "list_orders {}");
        foreach (var order in orders.Take(3)) voice.Show(order == orders[0] ? "gets" : "", string.Create(CultureInfo.InvariantCulture, $"order {order!["number"]}, {order["status"]}, {(decimal?)order["total"]:0.00} EUR"));
        if (orders.Count > 3) voice.Show("", $"… {orders.Count} orders");
        voice.Decision(cast.Record.NewestCall("list_orders"), reply.Time);

        var isServed = voice.Check(!reply.IsError && orders.Count > 0, "the shop answered");
        var sawSecretOnly = cast.Stage.Shop.Received.All(request => request.Headers.TryGetValue("Authorization", out var header) && header == "(shop secret)");
        return voice.Check(sawSecretOnly, "the shop got the gateway's credential; alice's token never left the gateway") && isServed;
    }
}
