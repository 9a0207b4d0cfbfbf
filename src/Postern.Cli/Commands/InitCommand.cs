using System.Collections.Immutable;
using System.CommandLine;
using Postern.Cli.Console;
using Postern.Cli.Setup;
using Postern.Core.Yaml;
using Postern.Gateway.Configuration;
using Postern.Gateway.Connections;
using Postern.Gateway.Identities;
using Postern.Protocols;

namespace Postern.Cli.Commands;

/// <summary><c>postern init</c>: three questions, and a configuration and a policy that start.</summary>
internal static class InitCommand
{
    private const string ConfigurationName = "postern.yaml";
    private const string PolicyName = "policy.yaml";

    public static Command Create(Surroundings surroundings)
    {
        var provider = new Option<string?>("--provider") { Description = $"Who vouches for people: {string.Join(", ", ProviderChoice.All.Select(one => one.Name))}.", HelpName = "name" };
        var details = ProviderChoice.All.SelectMany(one => one.Details).DistinctBy(one => one.Option).Select(one => new Option<string?>(one.Option) { Description = Describe(one), HelpName = "text" }).ToImmutableArray();
        var protect = new Option<string?>("--protect") { Description = "What to protect: NAME=URL, or NAME=\"program arguments\" for an MCP server that the gateway starts.", HelpName = "NAME=target" };
        var protocol = new Option<string?>("--protocol") { Description = "How it speaks: mcp, http, kubernetes or postgres. What the URL suggests otherwise: postgres, or mcp.", HelpName = "protocol" };
        var credential = new Option<string?>("--credential-file") { Description = "A file that holds what the gateway authenticates with there.", HelpName = "file" };
        var user = new Option<string?>("--user") { Description = "For postgres: the role that the gateway signs in as.", HelpName = "role" };
        var approvers = new Option<string[]>("--approvers") { Description = "Who approves: groups, or `user:SUBJECT`, separated by commas.", HelpName = "groups", AllowMultipleArgumentsPerToken = true };
        var folder = new Option<string>("--folder") { Description = "Where the files go.", HelpName = "folder", DefaultValueFactory = _ => "." };
        var offline = new Option<bool>("--offline") { Description = "Ask neither the provider nor the target." };
        var force = new Option<bool>("--force") { Description = "Replace files that are there; each is kept under another name." };
        var command = new Command("init", "Write a first configuration and policy: three questions, each also an option. Never writes over anything. Exit 8: provider or target does not answer.")
        {
            provider, protect, protocol, credential, user, approvers, folder, offline, force,
        };
        foreach (var detail in details) command.Add(detail);
        protocol.AcceptOnlyFromAmong("mcp", "http", "kubernetes", "postgres");
        command.SetAction((parsed, cancellationToken) =>
        {
            var given = details.ToDictionary(option => option.Name, parsed.GetValue, StringComparer.Ordinal);
            var target = new NewConnection { Name = "", Protocol = parsed.GetValue(protocol), CredentialFile = parsed.GetValue(credential), User = parsed.GetValue(user) };
            var answers = Ask(new Interview(surroundings), parsed.GetValue(provider), given, parsed.GetValue(protect), target, parsed.GetValue(approvers));
            return RunAsync(surroundings, answers, parsed.GetRequiredValue(folder), parsed.GetValue(offline), parsed.GetValue(force), cancellationToken);
        });
        return command;
    }

    private static FirstAnswers Ask(Interview interview, string? provider, Dictionary<string, string?> given, string? protect, NewConnection target, string[]? approvers)
    {
        // 1. Who vouches for people.
        var names = ProviderChoice.All.Select(one => one.Name).ToArray();
        var chosen = interview.Ask(provider, "--provider", "Who vouches for people", answer => names.Contains(answer, StringComparer.Ordinal) ? null : $"expected one of {string.Join(", ", names)}, found `{answer}`{NearestWord.Hint(answer, names)}", string.Join(", ", names));
        var choice = ProviderChoice.All.First(one => one.Name == chosen);
        var details = choice.Details.ToDictionary(detail => detail.Option, detail => interview.Ask(given[detail.Option], detail.Option, detail.Question, answer => Complaint(detail, answer)), StringComparer.Ordinal);
        foreach (var (option, value) in given)
        {
            if (value is not null && !details.ContainsKey(option)) throw new CommandException(ExitCode.Usage, $"`{option}` means nothing with `--provider {choice.Name}`; leave it out");
        }

        // 2. What to protect.
        NewConnection? wanted = null;
        _ = interview.Ask(protect, "--protect", "What to protect", answer => TryTarget(answer, target, out wanted), "shop=https://shop.example.com/mcp, or files=\"npx @modelcontextprotocol/server-filesystem /data\"");
        if (wanted!.Speaks == "postgres") wanted = wanted with { User = interview.Ask(wanted.User, "--user", "The role that the gateway signs in as", static _ => null) };

        // 3. Who approves.
        var agreeing = ConnectionsAddCommand.Words(approvers is { Length: > 0 } ? approvers : [interview.Ask(null, "--approvers", "Who approves", static _ => null, choice.IsDemo ? "on-call" : "a group such as on-call, or user:SUBJECT")]);
        if (agreeing.IsEmpty) throw new CommandException(ExitCode.Usage, "`--approvers`: expected a group, or `user:SUBJECT`");
        var people = agreeing.Where(one => one.StartsWith("user:", StringComparison.Ordinal)).ToArray();
        return new FirstAnswers(choice, details, wanted, new DraftAudience(null, [.. agreeing.Except(people)], [.. people.Select(one => one["user:".Length..])]));
    }

    private static async Task<int> RunAsync(Surroundings surroundings, FirstAnswers answers, string folder, bool isOffline, bool isForced, CancellationToken cancellationToken)
    {
        var full = Path.GetFullPath(folder);
        var (file, policyFile) = (Path.Combine(full, ConfigurationName), Path.Combine(full, PolicyName));

        // What is started is started in the configuration's folder, so it must be there to be judged.
        if (!answers.Target.Command.IsEmpty) Directory.CreateDirectory(full);

        // 1. The configuration, read as the gateway reads it. The surrounding variables are not part of the file.
        var configuration = FirstFiles.Configuration(answers, full);
        var loaded = ConfigurationLoader.Parse(file, configuration, [], ProtocolCatalog.Create().Select(protocol => protocol.Name));
        if (loaded.Options is not { } options) throw new CommandException(ExitCode.Usage, $"nothing was written, because the answers make no configuration: {string.Join("; ", loaded.Problems.Select(problem => problem.Message))}");

        // 2. Whether the provider and the target are what they are said to be.
        TargetAnswer? target = null;
        if (!isOffline)
        {
            await AskProviderAsync(surroundings, answers.Provider, options, cancellationToken);
            target = await AskTargetAsync(surroundings, options, answers.Target.Name, cancellationToken);
        }

        // 3. The policy, with its tests run.
        var policy = FirstFiles.Policy(answers, target);
        ConnectionsAddCommand.Prove(options, policy, PolicyName, surroundings.Clock.GetUtcNow());

        // 4. Written where nothing is, or where it was asked for and kept.
        var written = Write(surroundings, isForced, (file, configuration), (policyFile, policy));
        foreach (var path in written) surroundings.Out.WriteLine(path);
        if (written.Count == 0) surroundings.Error.WriteLine("both files are there already, word for word");
        SayNext(surroundings, answers, folder);
        return ExitCode.Ok;
    }

    private static List<string> Write(Surroundings surroundings, bool isForced, params (string Path, string Text)[] files)
    {
        var changed = files.Where(one => SetupFiles.Read(one.Path) != one.Text).ToArray();
        var inTheWay = changed.Where(one => File.Exists(one.Path)).ToArray();
        if (inTheWay.Length > 0 && !isForced)
        {
            foreach (var (path, text) in inTheWay) surroundings.Error.Write(SetupFiles.Difference(path, SetupFiles.Read(path), text));
            throw new CommandException(ExitCode.Failure, $"nothing was written: {string.Join(" and ", inTheWay.Select(one => $"`{one.Path}`"))} would change as shown; `--force` replaces and keeps the old under another name, `--folder` writes elsewhere");
        }
        foreach (var (path, text) in changed)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            if (File.Exists(path)) surroundings.Error.WriteLine($"kept what was there as `{SetupFiles.KeepBackup(path, surroundings.Clock.GetUtcNow())}`");
            SetupFiles.Write(path, text);
        }
        return [.. changed.Select(one => one.Path)];
    }

    private static async Task AskProviderAsync(Surroundings surroundings, ProviderChoice provider, GatewayOptions options, CancellationToken cancellationToken)
    {
        if (provider.IsDemo) return;
        var issuer = options.Issuers[0];
        var answer = await IssuerWorkbench.AskAsync(issuer, options.PublicUrl ?? options.Url, surroundings.Clock, cancellationToken);
        if (answer.Problem is { } problem) throw new CommandException(ExitCode.Unreachable, $"nothing was written: `{issuer.Authority}`: {problem}; see that the authority is exactly what the provider calls its issuer, or write unasked with `--offline`");
        surroundings.Error.WriteLine($"`{issuer.Authority}` answers, with {answer.Keys} signing {(answer.Keys == 1 ? "key" : "keys")}");
    }

    private static async Task<TargetAnswer?> AskTargetAsync(Surroundings surroundings, GatewayOptions options, string name, CancellationToken cancellationToken)
    {
        await using var workbench = await TargetWorkbench.OpenAsync(options, surroundings.Clock, cancellationToken);
        var answer = await workbench.AskAsync(name, cancellationToken);
        if (answer is null) return null;
        if (answer.State != TargetState.Good) throw new CommandException(ExitCode.Unreachable, $"nothing was written: `{name}`: {answer.Text}; {TargetAdvice.For(options.Connections[0], answer)}, or write unasked with `--offline`");
        surroundings.Error.WriteLine($"`{name}`: {answer.Text}");
        return answer;
    }

    private static void SayNext(Surroundings surroundings, FirstAnswers answers, string folder)
    {
        var at = folder == "." ? "" : $" --config {Path.Combine(folder, ConfigurationName)}";
        surroundings.Error.WriteLine("next:");
        surroundings.Error.WriteLine(answers.Provider.IsDemo ? "  postern demo issuer          in a terminal of its own: alice, bob and carol can sign in" : $"  postern doctor{at}");
        surroundings.Error.WriteLine($"  postern serve{at}");
    }

    private static string? TryTarget(string answer, NewConnection target, out NewConnection? wanted)
    {
        wanted = null;
        if (answer.Split('=', 2) is not [var name, var where] || where.Trim().Length == 0) return $"expected a name and where it is, `NAME=URL` or `NAME=program arguments`, found `{answer}`";
        if (name.Length is 0 or > 63 || !char.IsAsciiLetterOrDigit(name[0]) || !name.All(character => char.IsAsciiLetterLower(character) || char.IsAsciiDigit(character) || character == '-')) return $"expected a name of lower-case letters, digits and `-`, found `{name}`";
        if (where.Contains("://", StringComparison.Ordinal))
        {
            wanted = target with { Name = name, Url = where.Trim() };
            return null;
        }
        var command = where.Trim() is ['"', .. var inner, '"'] && !inner.Contains('"') ? inner : where;
        if (CommandWords.Of(command) is not { Count: > 0 } words) return $"a quote is not closed in `{where}`";
        wanted = target with { Name = name, Command = [.. words] };
        return null;
    }

    private static string? Complaint(ProviderDetail detail, string answer) =>
        detail.Key == "authority" && !(Uri.TryCreate(answer, UriKind.Absolute, out var url) && (url.Scheme == Uri.UriSchemeHttps || (url.Scheme == Uri.UriSchemeHttp && url.IsLoopback)))
            ? $"expected an https URL, found `{answer}`"
            : answer.Any(char.IsControl) ? "expected text without control characters" : null;

    private static string Describe(ProviderDetail detail) => detail.Option switch
    {
        "--authority" => "The provider's issuer, exactly as its tokens write `iss`.",
        "--audience" => "The audience that its tokens carry for the gateway.",
        "--client-id" => "The client with which people sign in on the gateway's pages.",
        "--tenant" => "For google: the hosted domain whose people are let in.",
        _ => detail.Question + ".",
    };
}
