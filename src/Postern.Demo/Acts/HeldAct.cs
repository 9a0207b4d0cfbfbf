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
        var watch = new HoldWatch(cast.Stage, cast.Clock);
        voice.Say("A refund of 900 EUR is more than support may give alone. Postern keeps the agent's call waiting until the on-call person has seen exactly this request.");
        voice.Gap();
        var calling = RefundAsync(cast, cancellationToken);
        var page = await watch.OpenedAsync(except: null, calling, cancellationToken);
        voice.Show("asks", Arguments().ToJsonString().Insert(0, "refund "));
        voice.Decision(cast.Record.NewestCall("refund"), null);
        var isHeld = voice.Check(!calling.IsCompleted && shop.CountOf("refund") == 0, "held: the call waits, and the shop has seen nothing");

        voice.Gap();
        if (cast.IsAuto) await ApproveAsync(cast, page, cancellationToken);
        else await WaitForApproverAsync(cast, watch, page, cancellationToken);
        var reply = await calling;
        if (IsPending(reply))
        {
            voice.Say("The agent had stopped waiting by then, as its patience is a minute. It repeats the identical call.");
            reply = await RefundAsync(cast, cancellationToken);
        }
        voice.Show("gets", reply.IsError ? reply.Text : $"refund {reply.Data?["refund"]}, {reply.Data?["amount"]} EUR on order {reply.Data?["order"]}");
        var intent = cast.Record.NewestCall("refund");
        var clearing = cast.Record.ClearingOf(intent.Op);
        voice.Decision(intent, reply.Time, isApproved: clearing is not null);
        var isDone = voice.Check(!reply.IsError && clearing is not null, $"carried out, approved by {(clearing is null ? "nobody" : string.Join(", ", clearing.Approvers))}");

        voice.Gap();
        var isHeldAgain = await RepeatAsync(cast, watch, page, cancellationToken);
        return voice.Check(shop.CountOf("refund") == 1 && shop.RefundCount == 1, "the shop saw one refund and made one") && isHeld && isDone && isHeldAgain;
    }

    private static async Task ApproveAsync(DemoCast cast, Uri page, CancellationToken cancellationToken)
    {
        cast.Voice.Say("Bob is on call. He opens the link, signs in, reads the request and approves (the demo does his browser's work).");
        cast.Voice.Literal(page.AbsoluteUri);
        await Approver.ApproveAsync(page, "bob", "customer sent photos of the damage", cancellationToken);
    }

    private static async Task WaitForApproverAsync(DemoCast cast, HoldWatch watch, Uri page, CancellationToken cancellationToken)
    {
        cast.Voice.Say("Your turn: open this link in a browser, sign in as Bob Berger (on-call), and approve.");
        cast.Voice.Literal(page.AbsoluteUri);
        cast.Voice.Say("Try signing in as Alice Archer first: nobody approves their own request. The agent goes on once you have answered.");
        cast.Voice.Gap();
        cast.Voice.Say($"Answered: {await watch.AnsweredAsync(page, cancellationToken)}.");
    }

    /// <summary>The same once more. Nobody is to answer this one, so the agent hangs up as soon as it is held.</summary>
    private static async Task<bool> RepeatAsync(DemoCast cast, HoldWatch watch, Uri answered, CancellationToken cancellationToken)
    {
        using var hangingUp = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var calling = RefundAsync(cast, hangingUp.Token);
        await watch.OpenedAsync(answered, calling, cancellationToken);
        await hangingUp.CancelAsync();
        try
        {
            await calling;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // It hung up, as it meant to.
        }
        cast.Voice.Show("repeats", "the identical call, once more, and hangs up");
        cast.Voice.Decision(cast.Record.NewestCall("refund"), null);
        return cast.Voice.Check(calling.IsCanceled, "held again: an approval is good for one execution");
    }

    private static Task<AgentReply> RefundAsync(DemoCast cast, CancellationToken cancellationToken) => cast.Agent.CallAsync("refund", Arguments(), cancellationToken);

    private static JsonObject Arguments() => new() { ["order"] = 1042, ["amount"] = 900, ["reason"] = "desk arrived broken" };

    private static bool IsPending(AgentReply reply) => reply.IsError && (string?)reply.Decision?["code"] == "hold.pending";
}
