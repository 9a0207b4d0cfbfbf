using System.CommandLine;
using Postern.Cli.Console;

namespace Postern.Cli.Commands;

/// <summary><c>postern completion bash|zsh|fish</c>: prints the script that a shell loads.</summary>
internal static class CompletionCommand
{
    // Each script hands the line to the executable itself, so that completion can never differ from the parser.
    private const string Bash =
        """
        # postern completion for bash; load it with: source <(postern completion bash)
        _postern() {
          local line="${COMP_LINE#"${COMP_WORDS[0]}"}"
          local skipped=$(( ${#COMP_LINE} - ${#line} ))
          mapfile -t COMPREPLY < <("${COMP_WORDS[0]}" "[suggest:$(( COMP_POINT - skipped ))]" "$line" 2>/dev/null)
        }
        complete -o default -F _postern postern

        """;

    private const string Zsh =
        """
        #compdef postern
        # postern completion for zsh; load it with: source <(postern completion zsh)
        _postern() {
          local line="${BUFFER#*postern}"
          local skipped=$(( ${#BUFFER} - ${#line} ))
          local -a found
          found=("${(@f)$(postern "[suggest:$(( CURSOR - skipped ))]" "$line" 2>/dev/null)}")
          compadd -- "${(@)found:#}"
        }
        compdef _postern postern

        """;

    private const string Fish =
        """
        # postern completion for fish; load it with: postern completion fish | source
        function __postern_complete
          set -l line (string replace -r '^\s*\S+' '' -- (commandline -cp))
          postern "[suggest:"(string length -- "$line")"]" "$line" 2>/dev/null
        end
        complete -c postern -f -a '(__postern_complete)'

        """;

    public static Command Create(Surroundings surroundings)
    {
        var shell = new Argument<string>("shell") { Description = "bash, zsh or fish." };
        shell.AcceptOnlyFromAmong("bash", "zsh", "fish");
        var command = new Command("completion", "Print the completion script for a shell.") { shell };
        command.SetAction(parsed =>
        {
            surroundings.Out.Write(parsed.GetRequiredValue(shell) switch { "bash" => Bash, "zsh" => Zsh, _ => Fish });
            return ExitCode.Ok;
        });
        return command;
    }
}
