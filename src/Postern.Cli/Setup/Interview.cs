using Postern.Cli.Console;

namespace Postern.Cli.Setup;

/// <summary>Gets answers: from options, else from a person at a terminal, else not at all, and says which option would have given it.</summary>
internal sealed class Interview(Surroundings surroundings)
{
    private const int MaxTries = 5;

    /// <summary>One answer.</summary>
    /// <param name="given">What an option said.</param>
    /// <param name="option">That option.</param>
    /// <param name="question">How a person is asked.</param>
    /// <param name="complaint">Why an answer cannot be; null when it can.</param>
    /// <param name="example">What stands behind the question.</param>
    /// <exception cref="CommandException">Nobody can be asked, or what was given cannot be.</exception>
    public string Ask(string? given, string option, string question, Func<string, string?> complaint, string example = "")
    {
        if (given is not null) return complaint(given) is { } wrong ? throw new CommandException(ExitCode.Usage, $"`{option}`: {wrong}") : given;
        if (!surroundings.IsInTerminal) throw new CommandException(ExitCode.Usage, $"{Lower(question)} is not known, and there is no terminal to ask at; give it with `{option}`{(example.Length > 0 ? $", for example {example}" : "")}");
        for (var tries = 0; tries < MaxTries; tries++)
        {
            surroundings.Error.Write($"{question}{(example.Length > 0 ? $" ({example})" : "")}: ");
            if (surroundings.In.ReadLine() is not { } line) break;
            var answer = line.Trim();
            if (answer.Length == 0) continue;
            if (complaint(answer) is not { } problem) return answer;
            surroundings.Error.WriteLine($"  {problem}");
        }
        throw new CommandException(ExitCode.Usage, $"no answer; start again, or give it with `{option}`");
    }

    private static string Lower(string question) => char.ToLowerInvariant(question[0]) + question[1..];
}
