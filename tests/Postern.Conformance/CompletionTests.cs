namespace Postern.Conformance;

/// <summary>The completion script in a real shell.</summary>
public sealed class CompletionTests : IDisposable
{
    private readonly DirectoryInfo _home = Directory.CreateTempSubdirectory("postern-shell-");

    public CompletionTests()
    {
        // The shells run whatever is called `postern` on their path.
        var program = Path.Combine(_home.FullName, "postern");
        File.WriteAllText(program, $"#!/bin/sh\nexec dotnet '{PosternProcess.Library}' \"$@\"\n");
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    public void Dispose() => _home.Delete(recursive: true);

    /// <summary>A zsh at a terminal of its own, as a person has it: the line is typed, then the tabulator.</summary>
    [Theory]
    [InlineData("postern ver", "postern verify ")]
    [InlineData("postern sessions rep", "postern sessions replay ")]
    [InlineData("postern completion z", "postern completion zsh ")]
    public async Task Zsh_completes_what_is_typed(string line, string expected)
    {
        const string script =
            """
            zmodload zsh/zpty
            zpty shell zsh -f -i
            until_() { local all= part; while zpty -r shell part "*$1*"; do all+=$part; [[ $all == *$1* ]] && break; done; print -r -- "$all" }
            zpty -w shell "PS1=; autoload -Uz compinit; compinit -u -d $HOME/dump; source <(postern completion zsh); shown() { print -r -- \"[\$BUFFER]\"; BUFFER=; }; zle -N shown; bindkey '^X' shown; print rea''dy"
            until_ ready
            zpty -w -n shell "$1"$'\t\x18'
            until_ ']'
            zpty -d shell
            """;

        var run = await ShellAsync("zsh", ["-f", "-c", script, "zsh", line]);

        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Contains($"[{expected}]", run.Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("postern ver", "verify")]
    [InlineData("postern sessions ", "replay")]
    [InlineData("postern completion z", "zsh")]
    public async Task Fish_completes_what_the_parser_knows(string line, string expected)
    {
        var run = await ShellAsync("fish", ["--no-config", "-c", "postern completion fish | source; complete -C $argv[1]", line]);

        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Contains(expected, run.Out.Split('\n'));
        Assert.DoesNotContain("demo", run.Out.Split('\n')); // nothing of another place, and no file names
    }

    private Task<PosternRun> ShellAsync(string shell, string[] arguments) => PosternProcess.RunAsync(shell, arguments, new Dictionary<string, string?>(StringComparer.Ordinal)
    {
        ["HOME"] = _home.FullName,
        ["PATH"] = $"{_home.FullName}:{Environment.GetEnvironmentVariable("PATH")}",
        ["TERM"] = "dumb",
    });

    [Theory]
    [InlineData("postern ver", "verify")]
    [InlineData("postern sessions ", "replay")]
    [InlineData("postern doc", "doctor")]
    [InlineData("postern ini", "init")]
    [InlineData("postern connections a", "add")]
    [InlineData("postern connections add --std", "--stdio")]
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
