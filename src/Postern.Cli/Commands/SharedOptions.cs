using System.CommandLine;
using Postern.Cli.Console;
using Postern.Cli.Control;
using Postern.Cli.Output;
using Postern.Cli.SignIn;

namespace Postern.Cli.Commands;

/// <summary>The options that every command has.</summary>
internal sealed class SharedOptions
{
    private readonly Surroundings _surroundings;
    private readonly Option<string> _output = new("--output", "-o")
    {
        Description = "Form of the data on stdout: table, json, ndjson or yaml.",
        HelpName = "form",
        DefaultValueFactory = _ => "table",
        Recursive = true,
    };

    private readonly Option<string?> _gateway = new("--gateway")
    {
        Description = "URL of the gateway. Also POSTERN_GATEWAY; http://127.0.0.1:7600 otherwise.",
        HelpName = "url",
        Recursive = true,
    };

    public SharedOptions(Surroundings surroundings)
    {
        _surroundings = surroundings;
        _output.AcceptOnlyFromAmong("table", "json", "ndjson", "yaml");
    }

    /// <summary>To be added to the root.</summary>
    public IEnumerable<Option> All => [_output, _gateway];

    /// <summary>Writes in the form that was asked for.</summary>
    public Renderer Renderer(ParseResult parsed) => new(_surroundings, Enum.Parse<OutputFormat>(parsed.GetRequiredValue(_output), ignoreCase: true));

    /// <summary>A client of the gateway that is meant, for whoever is signed in there; POSTERN_TOKEN goes before.</summary>
    /// <exception cref="CommandException">The kept sign-in cannot be used.</exception>
    public async Task<ControlApi> ConnectAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var gateway = Gateway(parsed);
        if (_surroundings.Variable("POSTERN_TOKEN") is { } given) return new ControlApi(gateway, given);
        using var oauth = new OAuthClient();
        try
        {
            return new ControlApi(gateway, await new LoginFlow(SignInStore.Of(_surroundings), oauth, _surroundings.Clock).TokenAsync(gateway, cancellationToken));
        }
        catch (SignInException e)
        {
            throw new CommandException(ExitCode.LoginNeeded, e.Message);
        }
    }

    /// <summary>The gateway that is meant.</summary>
    /// <exception cref="CommandException">What was given is not an http or https URL.</exception>
    public Uri Gateway(ParseResult parsed)
    {
        var text = parsed.GetValue(_gateway) ?? _surroundings.Variable("POSTERN_GATEWAY") ?? "http://127.0.0.1:7600";
        if (Uri.TryCreate(text, UriKind.Absolute, out var url) && (url.Scheme == Uri.UriSchemeHttp || url.Scheme == Uri.UriSchemeHttps)) return url;
        throw new CommandException(ExitCode.Usage, $"`{text}` is not the URL of a gateway; expected something like `https://postern.example.com`");
    }
}
