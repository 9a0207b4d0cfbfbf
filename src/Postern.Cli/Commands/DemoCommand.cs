using System.CommandLine;
using Postern.Cli.Console;
using Postern.Demo;
using Postern.Demo.Acts;

namespace Postern.Cli.Commands;

/// <summary><c>postern demo</c>: everything on this machine, in one process, in five acts.</summary>
internal static class DemoCommand
{
    public static Command Create(Surroundings surroundings)
    {
        var auto = new Option<bool>("--auto") { Description = "Answer the hold without a person; exit 0 only if all five acts had the expected outcome." };
        var port = new Option<int?>("--port") { Description = "The gateway's port on 127.0.0.1; 0 takes a free one. 7600 otherwise if it is free; any free one with --auto.", HelpName = "port" };
        port.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int?>() is < 0 or > 65535) result.AddError("`--port` must be a number from 0 to 65535");
        });
        var command = new Command("demo", "See Postern at work: a gateway, an issuer and a shop on this machine, in five acts.") { auto, port, DemoIssuerCommand.Create(surroundings) };
        command.SetAction((parsed, cancellationToken) =>
        {
            var isAuto = parsed.GetValue(auto);
            return RunAsync(surroundings, isAuto, parsed.GetValue(port) ?? (isAuto ? 0 : null), cancellationToken);
        });
        return command;
    }

    private static async Task<int> RunAsync(Surroundings surroundings, bool isAuto, int? port, CancellationToken stop)
    {
        var voice = new DemoVoice(surroundings.Out, surroundings.IsOutColoured);
        try
        {
            await using var stage = await DemoStage.StartAsync(new DemoOptions { Port = port, Clock = surroundings.Clock }, stop);
            Introduce(stage, voice);
            var play = new DemoPlay(stage, voice, surroundings.Clock, arguments => PosternExecutable.RunAsync(arguments, surroundings, stop));
            var isGood = await play.RunAsync(isAuto, stop);
            await SayNextAsync(stage, play, voice, isAuto, stop);
            if (!isAuto) await ServeCommand.WaitAsync(stop);
            return isGood ? ExitCode.Ok : ExitCode.Failure;
        }
        catch (DemoException e)
        {
            throw new CommandException(ExitCode.Failure, e.Message);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested && !isAuto)
        {
            // Ctrl-C is how a watched demo ends.
            return ExitCode.Ok;
        }
    }

    private static void Introduce(DemoStage stage, DemoVoice voice)
    {
        voice.Title("Postern demo");
        voice.Say("Everything runs on this machine and on loopback only:");
        voice.Gap();
        voice.Literal("alice's agent ──▶ Postern ──▶ shop (an MCP server)");
        voice.Gap();
        voice.Show("gateway", stage.Endpoint.AbsoluteUri);
        voice.Show("issuer", $"{stage.Issuer.Issuer}  (alice: support, bob: on-call)");
        voice.Show("shop", $"{stage.Shop.Url}  (wants a secret that only Postern has)");
        voice.Show("folder", stage.Folder);
    }

    private static async Task SayNextAsync(DemoStage stage, DemoPlay play, DemoVoice voice, bool isAuto, CancellationToken cancellationToken)
    {
        voice.Title("What to try next");
        if (Environment.ProcessPath is { } executable && Path.GetFileNameWithoutExtension(executable) == "postern") voice.Say($"`postern` below is {executable}.");
        voice.Say("The folder above is kept: read policy.yaml, change it, and ask what it means:");
        voice.Literal($"postern policy test {stage.Folder}/policy.yaml --config {stage.Folder}/postern.yaml");
        voice.Say("Change one byte of the recording and verify it again:");
        voice.Literal($"postern verify {stage.JournalFolder} --key {stage.PublicKeyFile}");
        if (isAuto) return;
        voice.Gap();
        voice.Say("Point your own MCP client at the gateway. This token is alice's, for an hour:");
        voice.Gap();
        voice.Literal($"claude mcp add --transport http shop {stage.Endpoint} \\");
        voice.Literal($"  --header \"Authorization: Bearer {await play.TokenAsync(cancellationToken)}\"");
        voice.Gap();
        voice.Say("The demo goes on until Ctrl-C.");
    }
}
