namespace Postern.Cli;

/// <summary>A command ends with one clear line on stderr: what is wrong, what was expected, what to do next.</summary>
/// <param name="exitCode">One of <see cref="ExitCode"/>.</param>
/// <param name="message">Lower case, no full stop, input in backticks.</param>
internal sealed class CommandException(int exitCode, string message) : Exception(message)
{
    /// <summary>One of <see cref="Cli.ExitCode"/>.</summary>
    public int ExitCode { get; } = exitCode;
}
