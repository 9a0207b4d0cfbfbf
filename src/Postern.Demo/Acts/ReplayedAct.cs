namespace Postern.Demo.Acts;

/// <summary>All of it is on record, the record proves itself, and it can be shown again.</summary>
internal sealed class ReplayedAct : IAct
{
    private static readonly TimeSpan LittleMoreThanASecond = TimeSpan.FromSeconds(1.2);

    public string Title => "5 · Replayed";

    public async Task<bool> PlayAsync(DemoCast cast, CancellationToken cancellationToken)
    {
        var voice = cast.Voice;
        voice.Say("Every step was on disk before it happened. The recording is verified offline, with nothing but the gateway's public key, and then shown again.");
        await SignedAsync(cast, cancellationToken);
        var last = cast.Record.NewestCall("refund");
        voice.Gap();
        voice.Literal("$ postern verify data/journal --key data/journal.pub.pem");
        voice.Gap();
        var verified = await cast.RunCommandAsync(["verify", cast.Stage.JournalFolder, "--key", cast.Stage.PublicKeyFile]);
        voice.Gap();
        voice.Literal($"$ postern sessions replay {last.Session} --journal data/journal");
        voice.Gap();
        var replayed = await cast.RunCommandAsync(["sessions", "replay", last.Session, "--journal", cast.Stage.JournalFolder]);
        voice.Gap();
        voice.Decision(last, time: null);
        var isVerified = voice.Check(verified == 0, "the recording is complete and unchanged");
        return voice.Check(replayed == 0, "the session can be replayed step by step, as agent and recording saw it: masked") && isVerified;
    }

    // A running gateway signs its record every second; a moment later all of it is under a signature.
    private static async Task SignedAsync(DemoCast cast, CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(LittleMoreThanASecond, cast.Clock);
        await timer.WaitForNextTickAsync(cancellationToken);
    }
}
