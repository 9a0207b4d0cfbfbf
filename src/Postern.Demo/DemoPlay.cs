using Postern.Demo.Acts;

namespace Postern.Demo;

/// <summary>Plays the five acts on a stage.</summary>
public sealed class DemoPlay(DemoStage stage, DemoVoice voice, TimeProvider clock, Func<IReadOnlyList<string>, Task<int>> runCommandAsync)
{
    private static readonly IAct[] Acts = [new AllowedAct(), new MaskedAct(), new BlockedAct(), new HeldAct(), new ReplayedAct()];

    /// <summary>Plays to the end, whatever single acts give; true when all had the expected outcome.</summary>
    /// <param name="isAuto">True: the demo answers the hold by itself.</param>
    /// <param name="cancellationToken">Interrupt.</param>
    public async Task<bool> RunAsync(bool isAuto, CancellationToken cancellationToken)
    {
        var token = await AgentSignIn.TokenAsync(stage.Issuer.Issuer, "alice", stage.Endpoint.AbsoluteUri, cancellationToken);
        using var agent = new AgentClient(stage.Endpoint, token, clock);
        await agent.ConnectAsync(cancellationToken);
        var cast = new DemoCast { Stage = stage, Agent = agent, Voice = voice, IsAuto = isAuto, Clock = clock, RunCommandAsync = runCommandAsync };
        var good = 0;
        foreach (var act in Acts)
        {
            voice.Title(act.Title);
            good += await PlayAsync(act, cast, cancellationToken) ? 1 : 0;
        }
        voice.Gap();
        voice.Check(good == Acts.Length, $"{good} of {Acts.Length} acts had the expected outcome");
        return good == Acts.Length;
    }

    /// <summary>A token of alice's for people who want to go on by themselves.</summary>
    public Task<string> TokenAsync(CancellationToken cancellationToken) =>
        AgentSignIn.TokenAsync(stage.Issuer.Issuer, "alice", stage.Endpoint.AbsoluteUri, cancellationToken);

    private async Task<bool> PlayAsync(IAct act, DemoCast cast, CancellationToken cancellationToken)
    {
        try
        {
            return await act.PlayAsync(cast, cancellationToken);
        }
        catch (DemoException e)
        {
            return voice.Check(false, e.Message);
        }
    }
}
