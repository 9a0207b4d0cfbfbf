using System.Text.Json.Nodes;
using Postern.Demo.Shop;

namespace Postern.Demo.Acts;

/// <summary>It happens, and what the agent need not know is masked on the way back.</summary>
internal sealed class MaskedAct : IAct
{
    public string Title => "2 · Masked";

    public async Task<bool> PlayAsync(DemoCast cast, CancellationToken cancellationToken)
    {
        var voice = cast.Voice;
        voice.Say("The agent looks a customer up. The shop sends mail address, phone and payment card; a mask takes them out before agent and recording see them, also where they stand in prose.");
        voice.Gap();
        var customer = Stock.Customers[0];
        var reply = await cast.Agent.CallAsync("get_customer", new JsonObject { ["customer"] = customer.Id }, cancellationToken);
        voice.Show("asks", $$"""get_customer {"customer":"{{customer.Id}}"}""");
        foreach (var name in (ReadOnlySpan<string>)["name", "city", "email", "phone", "card", "note"])
        {
            voice.Show(name, (string?)reply.Data?[name] ?? "(missing)");
        }
        voice.Decision(cast.Record.NewestCall("get_customer"), reply.Time);

        var all = reply.Result.ToJsonString(ShopJson.Compact);
        string[] secrets = [customer.Email, customer.Phone, customer.Card, "mia.h@example.org", "5555-5555-5555-4444"];
        var isServed = voice.Check(!reply.IsError && (string?)reply.Data?["name"] == customer.Name, "the agent got the customer");
        return voice.Check(isServed && !secrets.Any(secret => all.Contains(secret, StringComparison.Ordinal)), "not one mail address, phone or card number in it, neither in data nor in text");
    }
}
