using System.Text.Json.Nodes;

namespace Postern.Demo.Acts;

/// <summary>No rule permits it, so it does not happen.</summary>
internal sealed class BlockedAct : IAct
{
    public string Title => "3 · Blocked";

    public async Task<bool> PlayAsync(DemoCast cast, CancellationToken cancellationToken)
    {
        var voice = cast.Voice;
        voice.Say("The agent is not even shown the tool that deletes customers. It calls it all the same.");
        voice.Gap();
        var tools = await cast.Agent.ToolsAsync(cancellationToken);
        var reply = await cast.Agent.CallAsync("delete_customer", new JsonObject { ["customer"] = "C-101" }, cancellationToken);
        voice.Show("is shown", string.Join(", ", tools));
        voice.Show("asks", """delete_customer {"customer":"C-101"}""");
        voice.Show("is told", reply.Text);
        voice.Decision(cast.Record.NewestCall("delete_customer"), reply.Time);

        var isHidden = voice.Check(tools.Count > 0 && !tools.Contains("delete_customer") && !tools.Contains("export_customers"), "the tool list leaves out what no rule permits");
        var isRefused = voice.Check(reply.IsError && (string?)reply.Decision?["code"] == "policy.not_permitted", "refused, with a reason that the agent can read");
        return voice.Check(cast.Stage.Shop.CountOf("delete_customer") == 0, "the shop never saw the call") && isHidden && isRefused;
    }
}
