namespace Postern.Conformance;

/// <summary>The completion script in a real shell.</summary>
public sealed class CompletionTests
{
    [Theory]
    [InlineData("postern ver", "verify")]
    [InlineData("postern sessions ", "replay")]
    [InlineData("postern completion z", "zsh")]
    public async Task Bash_completes_what_the_parser_knows(string line, string expected)
    {
        var words = line.Split(' ');
        var script =
            $$"""
            postern() { dotnet '{{PosternProcess.Library}}' "$@"; }
            source <(postern completion bash)
            COMP_LINE='{{line}}'; COMP_POINT={{line.Length}}; COMP_WORDS=({{string.Join(' ', words.Select(word => $"'{word}'"))}}); COMP_CWORD={{words.Length - 1}}
            _postern
            printf '%s\n' "${COMPREPLY[@]}"
            """;

        var run = await PosternProcess.RunAsync("bash", ["-c", script]);

        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Contains(expected, run.Out.Split('\n'));
    }
}
