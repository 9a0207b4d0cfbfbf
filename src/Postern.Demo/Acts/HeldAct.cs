using System.Text.Json.Nodes;

namespace Postern.Demo.Acts;

/// <summary>It waits for a human, then happens exactly once.</summary>
internal sealed class HeldAct : IAct
{
    public string Title => "4 · Held and approved";

    public async Task<bool> PlayAsync(DemoCast cast, CancellationToken cancellationToken)
    {
        var voice = cast.Voice;
        var shop = cast.Stage.Shop;
        voice.Say("A refund of 900 EUR is more than support may give alone. Postern holds it until the on-call person has seen exactly this request.");
        voice.Gap();
        var held = await RefundAsync(cast, cancellationToken);
        voice.Show("asks", Arguments().ToJsonString().Insert(0, "refund "));
        voice.Show("is told", held.Text);
        voice.Decision(cast.Record.NewestCall("refund"), held.Time);
        var isHeld = voice.Check(IsPending(held) && shop.CountOf("refund") == 0, "held; the shop has seen nothing");
        if (!isHeld || (string?)held.Decision?["request"]?["url"] is not { } link) return voice.Check(false, "the refusal names no page to approve on");

        voice.Gap();
        var approved = cast.IsAuto
            ? await ApproveAndRepeatAsync(cast, new Uri(link), cancellationToken)
            : await WaitForApproverAsync(cast, link, cancellationToken);
        voice.Show("repeats", "the identical call");
        voice.Show("gets", approved.IsError ? approved.Text : $"refund {approved.Data?["refund"]}, {approved.Data?["amount"]} EUR on order {approved.Data?["order"]}");
        var intent = cast.Record.NewestCall("refund");
        var clearing = cast.Record.ClearingOf(intent.Op);
        voice.Decision(intent, approved.Time, isApproved: clearing is not null);
        var isDone = voice.Check(!approved.IsError && clearing is not null, $"carried out, approved by {(clearing is null ? "nobody" : string.Join(", ", clearing.Approvers))}");

        voice.Gap();
        var again = await RefundAsync(cast, cancellationToken);
        voice.Show("repeats", "the identical call, once more");
        voice.Decision(cast.Record.NewestCall("refund"), again.Time);
        var isHeldAgain = voice.Check(IsPending(again), "held again: an approval is good for one execution");
        return voice.Check(shop.CountOf("refund") == 1 && shop.RefundCount == 1, "the shop saw one refund and made one") && isDone && isHeldAgain;
    }

    private static async Task<AgentReply> ApproveAndRepeatAsync(DemoCast cast, Uri link, CancellationToken cancellationToken)
    {
        cast.Voice.Say("Bob is on call. He opens the link, signs in, reads the request and approves (the demo does his browser's work).");
        cast.Voice.Literal(link.AbsoluteUri);
        await Approver.ApproveAsync(link, "bob", "customer sent photos of the damage", cancellationToken);
        return await RefundAsync(cast, cancellationToken);
    }

    private static async Task<AgentReply> WaitForApproverAsync(DemoCast cast, string link, CancellationToken cancellationToken)
    {
        cast.Voice.Say("Your turn: open this link in a browser, sign in as Bob Berger (on-call), and approve.");
        cast.Voice.Literal(link);
        cast.Voice.Say("Try signing in as Alice Archer first: nobody approves their own request. The agent goes on once you have answered.");
        cast.Voice.Gap();
        var answer = await new HoldWatch(cast.Stage, cast.Clock).AnsweredAsync(new Uri(link), cancellationToken);
        cast.Voice.Say($"Answered: {answer}.");
        return await RefundAsync(cast, cancellationToken);
    }

    private static Task<AgentReply> RefundAsync(DemoCast cast, CancellationToken cancellationToken) => cast.Agent.CallAsync("refund", Arguments(), cancellationToken);

    private static JsonObject Arguments() => new() { ["order"] = 1042, ["amount"] = 900, ["reason"] = "desk arrived broken" };

    private static bool IsPending(AgentReply reply) => reply.IsError && (string?)reply.Decision?["code"] == "hold.pending";
}
