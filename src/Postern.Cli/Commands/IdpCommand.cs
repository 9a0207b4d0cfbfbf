using System.CommandLine;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Postern.Cli.Console;
using Postern.Cli.Output;
using Postern.Cli.SignIn;
using Postern.Gateway.Configuration;
using Postern.Gateway.Identities;
using Postern.Protocols;

namespace Postern.Cli.Commands;

/// <summary><c>postern idp</c>: identity providers, before anybody depends on them.</summary>
internal static class IdpCommand
{
    private const int LongestInput = 1024 * 1024;

    private static readonly Column[] AcceptedFields =
    [
        Column.Of("Identity", "identity"), Column.Of("Kind", "kind"), Column.Of("Person", "person"), Column.Of("Name", "name"), Column.Of("Agent", "agent"), Column.Of("Groups", "groups"), Column.Of("Issuer", "issuer"),
        Column.Of("Audiences", "audiences"), Column.Of("Only at", "onlyAt"), Column.Of("Issued", "issuedAt"), Column.Of("Until", "expiresAt"),
    ];

    private static readonly Column[] RefusedFields = [Column.Of("Refused", "reason"), Column.Of("Change", "change"), Column.Of("Expected", "expected"), Column.Of("Issuer", "issuer")];

    private static readonly Column[] SaidFields =
    [
        Column.Of("  iss", "iss"), Column.Of("  aud", "aud"), Column.Of("  typ", "typ"), Column.Of("  alg", "alg"), Column.Of("  kid", "kid"), Column.Of("  ver", "ver"), Column.Of("  tid", "tid"), Column.Of("  iat", "iat"),
        Column.Of("  nbf", "nbf"), Column.Of("  exp", "exp"), Column.Of("  claims", "claims"),
    ];

    public static Command Create(Surroundings surroundings, SharedOptions shared) => new("idp", "Identity providers: what becomes of a token.")
    {
        CreateTest(surroundings, shared),
    };

    private static Command CreateTest(Surroundings surroundings, SharedOptions shared)
    {
        var token = new Argument<string?>("token") { Description = "An access token; `-` reads it from stdin, where other processes do not see it.", Arity = ArgumentArity.ZeroOrOne };
        var login = new Option<bool>("--login") { Description = "Take the token that you are signed in with at the gateway (`postern login`)." };
        var configuration = new Option<string>("--config") { Description = "The configuration whose issuers are asked.", HelpName = "postern.yaml", DefaultValueFactory = _ => "postern.yaml" };
        var command = new Command("test", "Show what a token becomes (issuer, person, agent, groups) or why it is refused and what to change. The token is never shown. Exit 4: refused. Exit 8: the issuer cannot be asked.") { token, login, configuration };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var options = Read(surroundings, parsed.GetRequiredValue(configuration));
            var text = await TokenAsync(surroundings, shared, parsed, parsed.GetValue(token), parsed.GetValue(login), cancellationToken);
            using var logs = new LastLine();
            JsonObject result;
            try
            {
                result = await TokenTrial.RunAsync(options, text, surroundings.Clock, logs, cancellationToken);
            }
            catch (ArgumentException untrustworthy)
            {
                throw new CommandException(ExitCode.Failure, untrustworthy.Message);
            }
            return Write(surroundings, shared.Renderer(parsed), result, logs.Text);
        });
        return command;
    }

    private static int Write(Surroundings surroundings, Renderer renderer, JsonObject result, string? problem)
    {
        if (result["accepted"]!.GetValue<bool>())
        {
            renderer.WriteItem(result, AcceptedFields);
            return ExitCode.Ok;
        }
        renderer.WriteItem(result, RefusedFields);
        if (renderer.Format == OutputFormat.Table && result["says"] is JsonObject says)
        {
            surroundings.Out.WriteLine("The token says, and nobody vouched for it:");
            renderer.WriteItem(says, SaidFields);
        }
        if (problem is not null) surroundings.Error.WriteLine($"postern: {problem}");
        return result["mayPass"]!.GetValue<bool>() ? ExitCode.Unreachable : ExitCode.Denied;
    }

    private static async Task<string> TokenAsync(Surroundings surroundings, SharedOptions shared, ParseResult parsed, string? given, bool usesLogin, CancellationToken cancellationToken)
    {
        if (usesLogin == given is not null) throw new CommandException(ExitCode.Usage, "expected either a token (`-` for stdin) or `--login`");
        if (given is not (null or "-")) return given;
        if (given == "-")
        {
            var buffer = new char[LongestInput + 1];
            var length = await surroundings.In.ReadBlockAsync(buffer, cancellationToken);
            if (length > LongestInput) throw new CommandException(ExitCode.Usage, "stdin holds more than any token");

            // What a shell or a header puts around it is not the token's.
            var text = new string(buffer, 0, length).Trim();
            text = text.StartsWith("Bearer ", StringComparison.Ordinal) ? text["Bearer ".Length..].Trim() : text;
            return text.Length > 0 ? text : throw new CommandException(ExitCode.Usage, "stdin is empty; expected a token");
        }
        if (surroundings.Variable("POSTERN_TOKEN") is { } exported) return exported;
        using var oauth = new OAuthClient();
        try
        {
            return await new LoginFlow(SignInStore.Of(surroundings), oauth, surroundings.Clock).TokenAsync(shared.Gateway(parsed), cancellationToken)
                ?? throw new CommandException(ExitCode.LoginNeeded, "nobody is signed in at this gateway; run `postern login`");
        }
        catch (SignInException e)
        {
            throw new CommandException(ExitCode.LoginNeeded, e.Message);
        }
    }

    private static GatewayOptions Read(Surroundings surroundings, string file)
    {
        var loaded = ConfigurationLoader.Load(file, surroundings.Variables, ProtocolCatalog.Create().Select(protocol => protocol.Name));
        if (loaded.Options is { } options) return options;
        foreach (var problem in loaded.Problems.Skip(1)) surroundings.Error.WriteLine("postern: " + problem);
        throw new CommandException(ExitCode.Usage, loaded.Problems[0].ToString());
    }

    /// <summary>Keeps the last thing that the gateway's code had to say: why an issuer could not be asked.</summary>
    private sealed class LastLine : ILoggerFactory, ILogger
    {
        public string? Text { get; private set; }

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider)
        {
            // Nobody but the command listens.
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => Text = formatter(state, exception);

        public void Dispose()
        {
            // Nothing is held.
        }
    }
}
