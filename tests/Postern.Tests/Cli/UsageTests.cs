namespace Postern.Tests.Cli;

public sealed class UsageTests
{
    [Theory]
    [InlineData("completoin", "unknown command `completoin`; did you mean `completion`?")]
    [InlineData("", "`postern` needs a command")]
    [InlineData("completion csh", "`csh`")]
    [InlineData("completion bash --outptu", "unknown option `--outptu`; did you mean `--output`?")]
    [InlineData("completion bash -o xml", "`xml`")]
    public async Task A_wrong_command_line_is_one_line_on_stderr_and_exit_2(string line, string expected)
    {
        var result = await CommandLine.RunAsync(line.Split(' ', StringSplitOptions.RemoveEmptyEntries));

        Assert.Equal(2, result.ExitCode);
        Assert.Empty(result.Out);
        Assert.StartsWith("postern: ", result.Error);
        Assert.Contains(expected, result.Error);
        Assert.EndsWith("--help`\n", result.Error);
        Assert.Single(result.Error.TrimEnd('\n').Split('\n'));
    }

    [Fact]
    public async Task Help_and_version_are_data()
    {
        var help = await CommandLine.RunAsync("--help");
        var version = await CommandLine.RunAsync("--version");

        Assert.Equal((0, ""), (help.ExitCode, help.Error));
        Assert.Contains("completion", help.Out);
        Assert.Equal((0, ""), (version.ExitCode, version.Error));
        Assert.StartsWith("0.1.0", version.Out);
    }

    [Theory]
    [InlineData("bash", "complete -o default -F _postern postern")]
    [InlineData("zsh", "compdef _postern postern")]
    [InlineData("fish", "complete -c postern")]
    public async Task Each_shell_gets_its_completion_script(string shell, string expected)
    {
        var result = await CommandLine.RunAsync("completion", shell);

        Assert.Equal(0, result.ExitCode);
        Assert.Contains(expected, result.Out);
    }

    [Theory]
    [InlineData("comp", "completion")]
    [InlineData(" completion f", "fish")]
    [InlineData("completion bash -o nd", "ndjson")]
    public async Task Completion_asks_the_parser_itself(string line, string expected)
    {
        var result = await CommandLine.RunAsync($"[suggest:{line.Length}]", line);

        Assert.Equal(0, result.ExitCode);
        Assert.Contains(expected, result.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }
}
