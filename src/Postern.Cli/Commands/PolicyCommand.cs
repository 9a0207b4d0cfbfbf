using System.Collections.Immutable;
using System.CommandLine;
using Postern.Cli.Console;
using Postern.Gateway.Configuration;
using Postern.Protocols;

namespace Postern.Cli.Commands;

/// <summary><c>postern policy</c>: what the rules mean, what is in force, and what was.</summary>
internal static class PolicyCommand
{
    private const string UsualConfiguration = "postern.yaml";

    public static Command Create(Surroundings surroundings, SharedOptions shared) => new("policy", "Policies: check and test them, publish them, look back.")
    {
        PolicyCheckCommand.Create(surroundings, shared),
        PolicyTestCommand.Create(surroundings, shared),
        PolicySimulateCommand.Create(surroundings, shared),
        PolicySuggestCommand.Create(surroundings, shared),
        PolicyApplyCommand.CreateApply(surroundings, shared),
        PolicyApplyCommand.CreateRollback(surroundings, shared),
        PolicyVersionsCommand.CreateHistory(shared),
        PolicyVersionsCommand.CreateShow(surroundings, shared),
        PolicyVersionsCommand.CreateDiff(surroundings, shared),
    };

    /// <summary>The files that a policy command is about.</summary>
    internal static Argument<string[]> FilesArgument() => new("files") { Description = "Policy files, or folders of them; those that the configuration names otherwise.", Arity = ArgumentArity.ZeroOrMore };

    /// <summary>The configuration that says which connections and issuers a policy may name.</summary>
    internal static Option<string> ConfigurationOption() =>
        new("--config") { Description = "The configuration whose connections and issuers the policy may name.", HelpName = "postern.yaml", DefaultValueFactory = _ => UsualConfiguration };

    /// <summary>Reads the configuration, and which files are meant.</summary>
    /// <exception cref="CommandException">The configuration does not load.</exception>
    internal static (GatewayOptions Options, ImmutableArray<string> Paths) Read(Surroundings surroundings, string configuration, string[] files)
    {
        var loaded = ConfigurationLoader.Load(configuration, surroundings.Variables, ProtocolCatalog.Create().Select(protocol => protocol.Name));
        if (loaded.Options is { } options) return (options, files.Length > 0 ? [.. files] : options.Policy);
        var first = loaded.Problems[0].ToString();
        var more = loaded.Problems.Length > 1 ? $" (and {loaded.Problems.Length - 1} more)" : "";
        throw new CommandException(ExitCode.Usage, $"a policy is read against a configuration, and this one does not load: {first}{more}");
    }
}
