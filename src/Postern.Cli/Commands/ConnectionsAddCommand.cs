using System.Collections.Immutable;
using System.CommandLine;
using Postern.Cli.Console;
using Postern.Cli.Setup;
using Postern.Core.Policy;
using Postern.Gateway.Configuration;
using Postern.Gateway.Connections;
using Postern.Gateway.Policies;
using Postern.Protocols;

namespace Postern.Cli.Commands;

/// <summary><c>postern connections add</c>: a target more in the configuration, and a draft of its policy. Puts nothing into force.</summary>
internal static class ConnectionsAddCommand
{
    public static Command Create(Surroundings surroundings)
    {
        var name = new Argument<string>("name") { Description = "What policies and URLs call it: lower-case letters, digits and `-`." };
        var url = new Argument<string?>("url") { Description = "Where the target is: http, https or postgresql.", Arity = ArgumentArity.ZeroOrOne };
        var stdio = new Option<string?>("--stdio") { Description = "An MCP server that the gateway starts: program and arguments. No shell reads it.", HelpName = "command" };
        var protocol = new Option<string?>("--protocol") { Description = "How it speaks: mcp, http, kubernetes or postgres. What the URL suggests otherwise: postgres, or mcp.", HelpName = "protocol" };
        var tags = new Option<string[]>("--tags") { Description = "Words that policies may select by, separated by commas.", HelpName = "words", AllowMultipleArgumentsPerToken = true };
        var credential = new Option<string?>("--credential-file") { Description = "A file that holds what the gateway authenticates with there: the Authorization header's whole value, or for postgres the password.", HelpName = "file" };
        var user = new Option<string?>("--user") { Description = "For postgres: the role that the gateway signs in as.", HelpName = "role" };
        var environment = new Option<string[]>("--env") { Description = "With --stdio: a variable and the file that holds its value.", HelpName = "NAME=file" };
        var audience = new Option<string?>("--for") { Description = "The group that the draft is for; NAME-users otherwise.", HelpName = "group" };
        var approvers = new Option<string[]>("--approvers") { Description = "Groups that agree to what changes something; NAME-approvers otherwise. `user:SUBJECT` for one person.", HelpName = "groups", AllowMultipleArgumentsPerToken = true };
        var configuration = PolicyCommand.ConfigurationOption();
        var offline = new Option<bool>("--offline") { Description = "Do not ask the target anything." };
        var dry = new Option<bool>("--dry-run") { Description = "Show what would be written, and write nothing." };
        var command = new Command("add", "Add a target to the configuration and draft a policy for it: an MCP server is asked what it offers. Nothing comes into force by it. Exit 8: the target does not answer.")
        {
            name, url, stdio, protocol, tags, credential, user, environment, audience, approvers, configuration, offline, dry,
        };
        protocol.AcceptOnlyFromAmong("mcp", "http", "kubernetes", "postgres");
        command.SetAction((parsed, cancellationToken) =>
        {
            var wanted = new NewConnection
            {
                Name = parsed.GetRequiredValue(name),
                Url = parsed.GetValue(url),
                Command = parsed.GetValue(stdio) is { } line ? [.. CommandWords.Of(line) ?? throw new CommandException(ExitCode.Usage, $"a quote is not closed in `{line}`")] : [],
                Protocol = parsed.GetValue(protocol),
                Tags = Words(parsed.GetValue(tags)),
                CredentialFile = parsed.GetValue(credential),
                User = parsed.GetValue(user),
                EnvironmentFiles = [.. (parsed.GetValue(environment) ?? []).Select(Variable)],
            };
            var plan = new Plan(wanted, parsed.GetRequiredValue(configuration), parsed.GetValue(audience), Words(parsed.GetValue(approvers)), parsed.GetValue(offline), parsed.GetValue(dry));
            return RunAsync(surroundings, plan, cancellationToken);
        });
        return command;
    }

    internal static ImmutableArray<string> Words(IEnumerable<string>? given) => [.. (given ?? []).SelectMany(one => one.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))];

    private static async Task<int> RunAsync(Surroundings surroundings, Plan plan, CancellationToken cancellationToken)
    {
        // 1. What is there, and what it would become. Nothing is written before all of it is known to be good.
        var file = plan.Configuration;
        Check(plan.Wanted);
        var before = SetupFiles.Read(file) ?? throw new CommandException(ExitCode.NotFound, $"there is no `{file}`; `postern init` writes a first one, `--config` names another");
        _ = Load(surroundings, file, before, "the configuration does not load as it is");
        var folder = Path.GetDirectoryName(Path.GetFullPath(file))!;
        var after = ConfigurationEdit.Add(file, before, plan.Wanted.Name, plan.Wanted.Lines(folder));
        var options = Load(surroundings, file, after, "nothing was changed, because the configuration would not load");
        var draftFile = DraftFile(options, folder, plan.Wanted.Name);
        if (File.Exists(draftFile) && !plan.IsDry) throw new CommandException(ExitCode.Usage, $"`{draftFile}` is there already, and is not written over; move it away");

        // 2. What the target says of itself.
        TargetAnswer? answer = null;
        if (!plan.IsOffline)
        {
            await using var workbench = await TargetWorkbench.OpenAsync(options, surroundings.Clock, cancellationToken);
            answer = await workbench.AskAsync(plan.Wanted.Name, cancellationToken);
            if (answer is { State: not TargetState.Good }) throw new CommandException(ExitCode.Unreachable, $"nothing was changed: {answer.Text}; {TargetAdvice.For(options.Connections.First(one => one.Name == plan.Wanted.Name), answer)}, or add it unasked with `--offline`");
            if (answer is not null) surroundings.Error.WriteLine($"`{plan.Wanted.Name}`: {answer.Text}");
        }

        // 3. The draft, read and tested by the loader of the gateway.
        var audience = AudienceOf(plan, options);
        var policy = new DraftedPolicy(audience) { Somebody = $"{{ user: {(options.Issuers.Length > 1 ? $"\"{options.Issuers[0].Name}:somebody\"" : "somebody")} }}" };
        plan.Wanted.Draft(policy, answer);
        var draft = policy.Text(Head(plan.Wanted, audience));
        Prove(options, draft, Path.GetFileName(draftFile), surroundings.Clock.GetUtcNow());

        // 4. Shown, written, and what is left to do.
        surroundings.Out.Write(SetupFiles.Difference(file, before, after));
        if (plan.IsDry)
        {
            surroundings.Out.Write(SetupFiles.Difference(Shown(draftFile), null, draft));
            surroundings.Error.WriteLine("nothing was written (--dry-run)");
            return ExitCode.Ok;
        }
        SetupFiles.Write(draftFile, draft);
        SetupFiles.Write(file, after);
        SayNext(surroundings, plan, options, draftFile, policy);
        return ExitCode.Ok;
    }

    private static void Check(NewConnection wanted)
    {
        if ((wanted.Url is null) == wanted.Command.IsEmpty) throw new CommandException(ExitCode.Usage, "expected where the target is, or how it is started: `postern connections add NAME URL`, or `postern connections add NAME --stdio \"program arguments\"`");
        if (!wanted.EnvironmentFiles.IsEmpty && wanted.Command.IsEmpty) throw new CommandException(ExitCode.Usage, "`--env` is for servers that the gateway starts (`--stdio`)");
        if (wanted.Speaks == "postgres" && wanted.User is null) throw new CommandException(ExitCode.Usage, "a PostgreSQL server needs `--user`, the role that the gateway signs in as");
    }

    private static GatewayOptions Load(Surroundings surroundings, string file, string text, string otherwise)
    {
        var loaded = ConfigurationLoader.Parse(file, text, surroundings.Variables, ProtocolCatalog.Create().Select(protocol => protocol.Name));
        return loaded.Options ?? throw new CommandException(ExitCode.Usage, $"{otherwise}: {string.Join("; ", loaded.Problems)}");
    }

    // A folder of policies is watched and published: a draft must not lie in one under a name that is read.
    private static string DraftFile(GatewayOptions options, string folder, string name)
    {
        var file = Path.Combine(folder, $"policy-{name}.yaml");
        return options.Policy.Any(path => Path.TrimEndingDirectorySeparator(path) == folder || path == file) ? file + ".draft" : file;
    }

    private static DraftAudience AudienceOf(Plan plan, GatewayOptions options)
    {
        var issuer = options.Issuers.Length > 1 ? options.Issuers[0].Name + ":" : "";
        var approvers = plan.Approvers.IsEmpty ? [$"{plan.Wanted.Name}-approvers"] : plan.Approvers;
        return new DraftAudience(
            Named(plan.For ?? $"{plan.Wanted.Name}-users"),
            [.. approvers.Where(one => !one.StartsWith("user:", StringComparison.Ordinal)).Select(Named)],
            [.. approvers.Where(one => one.StartsWith("user:", StringComparison.Ordinal)).Select(one => Named(one["user:".Length..]))]);

        string Named(string word) => word.Contains(':') ? word : issuer + word;
    }

    private static IEnumerable<string> Head(NewConnection wanted, DraftAudience audience) =>
    [
        $"A draft for `{wanted.Name}`, by `postern connections add`. Nothing of it is in force.",
        wanted.Speaks == "mcp" ? "It stands on what the server says of itself (names, annotations). A server may be wrong about itself, or lie: read every line." : "It is a beginning that reads much and changes nothing by itself: narrow it to what is needed.",
        $"It is for the group {string.Join(", ", audience.Users)}. Whoever is in no rule gets nothing.",
    ];

    /// <exception cref="CommandException">The draft does not load, or a test of it fails.</exception>
    internal static void Prove(GatewayOptions options, string text, string name, DateTimeOffset now)
    {
        var folder = Directory.CreateTempSubdirectory("postern-draft-");
        try
        {
            var path = Path.Combine(folder.FullName, name.EndsWith(".yaml", StringComparison.Ordinal) ? name : name + ".yaml");
            File.WriteAllText(path, text);
            var run = PolicyWorkbench.Test(options, [path], now);
            if (run.Problems.FirstOrDefault(problem => problem.Severity == ProblemSeverity.Error) is { } problem) throw new CommandException(ExitCode.PolicyCheckFailed, $"nothing was written: the drafted policy does not load: {problem.Message}");
            if (run.Results.FirstOrDefault(result => !result.Passed) is { } failed) throw new CommandException(ExitCode.PolicyCheckFailed, $"nothing was written: the test `{failed.Name}` of the drafted policy fails: {failed.Detail}");
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static void SayNext(Surroundings surroundings, Plan plan, GatewayOptions options, string draftFile, DraftedPolicy policy)
    {
        var (draft, name) = (Shown(draftFile), plan.Wanted.Name);
        var whole = string.Join(' ', options.Policy.Select(Shown).Append(draft));
        surroundings.Error.WriteLine($"`{name}` stands in `{plan.Configuration}`; a gateway that runs takes it in when it is started again. Nobody may use it yet: no rule in force speaks of it.");
        surroundings.Error.WriteLine($"1. read `{draft}`{(policy.LeftOut.Count > 0 ? $"; {policy.LeftOut.Count} of its tools are in no rule, and why stands there" : "")}");
        surroundings.Error.WriteLine($"2. postern policy test {whole} --config {plan.Configuration}");
        surroundings.Error.WriteLine($"3. name it under `policy:` in `{plan.Configuration}`, or publish it: postern policy apply {whole} --reason \"…\"");
        if (plan.Wanted.CredentialFile is { } secret && !OperatingSystem.IsWindows() && (File.GetUnixFileMode(secret) & (UnixFileMode.GroupRead | UnixFileMode.OtherRead)) != UnixFileMode.None)
        {
            surroundings.Error.WriteLine($"warning: others on this machine can read `{secret}`; run `chmod 600 {secret}`");
        }
    }

    private static string Shown(string path) => Path.GetRelativePath(Environment.CurrentDirectory, path) is var relative && relative.StartsWith("..", StringComparison.Ordinal) ? path : relative;

    private static KeyValuePair<string, string> Variable(string given) => given.Split('=', 2) is [{ Length: > 0 } name, { Length: > 0 } file]
        ? new(name, file)
        : throw new CommandException(ExitCode.Usage, $"expected a variable and the file that holds its value, `NAME=file`, found `{given}`");

    private sealed record Plan(NewConnection Wanted, string Configuration, string? For, ImmutableArray<string> Approvers, bool IsOffline, bool IsDry);
}
