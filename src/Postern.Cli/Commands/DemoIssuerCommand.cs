using System.CommandLine;
using Postern.Cli.Console;
using Postern.Cli.Setup;
using Postern.Demo.Issuer;

namespace Postern.Cli.Commands;

/// <summary><c>postern demo issuer</c>: the demo's identity provider alone, for a gateway of one's own on this machine.</summary>
internal static class DemoIssuerCommand
{
    public static Command Create(Surroundings surroundings)
    {
        var port = new Option<int>("--port") { Description = "Its port on 127.0.0.1.", HelpName = "port", DefaultValueFactory = _ => ProviderChoice.DemoPort };
        var audience = new Option<string>("--audience") { Description = "The gateway's public URL: what its tokens are for.", HelpName = "url", DefaultValueFactory = _ => "http://127.0.0.1:7600" };
        var command = new Command("issuer", "Run the demo's identity provider alone, on loopback: anyone on this machine can be alice, bob or carol.") { port, audience };
        command.SetAction(async (parsed, stop) =>
        {
            await using var issuer = await DemoIssuer.StartAsync(
                new DemoIssuerOptions { DefaultAudience = parsed.GetRequiredValue(audience), Port = parsed.GetRequiredValue(port), TokenLifetime = TimeSpan.FromHours(1), Clock = surroundings.Clock }, stop);
            surroundings.Error.WriteLine($"the demo issuer serves at {issuer.Issuer} (alice: support, bob: on-call, carol: security and admins)");
            await ServeCommand.WaitAsync(stop);
            return ExitCode.Ok;
        });
        return command;
    }
}
