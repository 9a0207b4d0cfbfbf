using System.CommandLine;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Postern.Cli.Console;
using Postern.Cli.Export;
using Postern.Core.Yaml;
using Postern.Gateway;
using Postern.Gateway.Configuration;
using Postern.Gateway.Listening;
using Postern.Protocols;

namespace Postern.Cli.Commands;

/// <summary><c>postern serve</c>: the gateway, until it is asked to stop.</summary>
internal static class ServeCommand
{
    public static Command Create(Surroundings surroundings)
    {
        var configuration = new Option<string>("--config") { Description = "The configuration file.", HelpName = "postern.yaml", DefaultValueFactory = _ => "postern.yaml" };
        var setup = new Option<bool>("--new-setup-code") { Description = "Print a new one-time code with which whoever signs in becomes an administrator; the one before is over." };
        var command = new Command("serve", "Run the gateway.") { configuration, setup };
        command.SetAction((parsed, cancellationToken) => RunAsync(surroundings, parsed.GetRequiredValue(configuration), parsed.GetValue(setup), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(Surroundings surroundings, string file, bool wantsSetupCode, CancellationToken stop)
    {
        // Before the first secret is read.
        CoreFiles.Forbid();
        // Before the first socket of the process: the runtime looks once.
        InlineCompletions.Prefer();
        var loaded = ConfigurationLoader.Load(file, surroundings.Variables, ProtocolCatalog.Create().Select(protocol => protocol.Name));
        if (loaded.Options is not { } options) return Report(surroundings, loaded.Problems);
        // stdout is for data, and a gateway has none: every log line goes to stderr.
        using var logs = LoggerFactory.Create(logging => Configure(logging, options.Log));
        GatewayHost gateway;
        try
        {
            gateway = await GatewayHost.StartAsync(options, new GatewaySurroundings { Clock = surroundings.Clock, Logs = logs, WantsSetupCode = wantsSetupCode, Announce = surroundings.Error.WriteLine, ReadableForms = SessionBundle.Readable }, stop);
        }
        catch (GatewayStartException e)
        {
            return Report(surroundings, e.Problems);
        }
        await using (gateway)
        {
            surroundings.Error.WriteLine($"postern serves at {gateway.Url}{(gateway.ManagementUrl is { } management ? $", health at {management}/healthz" : "")}");
            await WaitAsync(stop);
            surroundings.Error.WriteLine("postern stops: no new work; what is in flight may end");
        }
        return ExitCode.Ok;
    }

    /// <summary>What is logged, and how. Of the framework only warnings: at a lower level its own messages hold URLs and headers.</summary>
    internal static void Configure(ILoggingBuilder logging, LogOptions log)
    {
        logging
            .SetMinimumLevel(log.Level)
            .AddFilter("Microsoft", log.Level > LogLevel.Warning ? log.Level : LogLevel.Warning)
            .AddFilter("System", log.Level > LogLevel.Warning ? log.Level : LogLevel.Warning)
            // At any level the web server would open an activity and a scope for each request; the recording says more.
            .AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None)
            .Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        if (log.IsJson)
        {
            logging.AddJsonConsole(console =>
            {
                console.UseUtcTimestamp = true;
                console.TimestampFormat = "yyyy-MM-dd'T'HH:mm:ss.fff'Z'";
            });
            return;
        }
        logging.AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.UseUtcTimestamp = true;
            console.TimestampFormat = "yyyy-MM-dd'T'HH:mm:ss.fff'Z' ";
        });
    }

    /// <summary>Returns when the token fires.</summary>
    public static async Task WaitAsync(CancellationToken stop)
    {
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = stop.Register(stopped.SetResult);
        await stopped.Task;
    }

    private static int Report(Surroundings surroundings, IEnumerable<SourceProblem> problems)
    {
        foreach (var problem in problems) surroundings.Error.WriteLine("postern: " + problem);
        return ExitCode.Failure;
    }
}
