using Postern.Cli;
using Postern.Cli.Console;

namespace Postern.Tests.Cli;

/// <summary>What one command line gave.</summary>
internal sealed record CommandLineResult(int ExitCode, string Out, string Error);

/// <summary>Runs command lines in this process, with streams and an environment of their own.</summary>
internal static class CommandLine
{
    private static readonly string NoState = Path.Combine(Path.GetTempPath(), "postern-tests-no-state");

    public static Task<CommandLineResult> RunAsync(params string[] arguments) => RunAsync(arguments, environment: null);

    public static Task<CommandLineResult> RunAsync(Dictionary<string, string> environment, params string[] arguments) => RunAsync(arguments, environment);

    public static async Task<CommandLineResult> RunAsync(string[] arguments, Dictionary<string, string>? environment, string typed = "", TimeProvider? clock = null)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        // Whoever runs the tests may be signed in somewhere; the tests are not.
        var surroundings = new Surroundings { Clock = clock ?? TimeProvider.System, In = new StringReader(typed), Out = output, Error = error, Variables = [.. environment ?? []], Variable = name => environment?.GetValueOrDefault(name) ?? (name == "XDG_STATE_HOME" ? NoState : null) };
        var code = await PosternExecutable.RunAsync(arguments, surroundings, TestContext.Current.CancellationToken);
        return new CommandLineResult(code, output.ToString(), error.ToString());
    }
}
