using System.Collections;
using SystemConsole = System.Console;

namespace Postern.Cli.Console;

/// <summary>Everything outside that a command touches: streams, environment, clock. Tests give their own.</summary>
internal sealed class Surroundings
{
    private const int WidthWithoutTerminal = 80;

    /// <summary>Data, and nothing else.</summary>
    public required TextWriter Out { get; init; }

    /// <summary>Everything that is not data.</summary>
    public required TextWriter Error { get; init; }

    /// <summary>What a person types.</summary>
    public TextReader In { get; init; } = TextReader.Null;

    /// <summary>True when a person can be asked: they type, and see what is asked.</summary>
    public bool IsInTerminal { get; init; }

    /// <summary>True when a person watches stdout.</summary>
    public bool IsOutTerminal { get; init; }

    /// <summary>True when a person watches stderr.</summary>
    public bool IsErrorTerminal { get; init; }

    /// <summary>Columns of the terminal; 80 when there is none.</summary>
    public int Width { get; init; } = WidthWithoutTerminal;

    /// <summary>Reads an environment variable; null when it is unset or empty.</summary>
    public required Func<string, string?> Variable { get; init; }

    /// <summary>Every environment variable, for configuration overrides.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Variables { get; init; } = [];

    /// <summary>All time comes from here.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>Colour only where a person watches and nobody asked for none (no-color.org).</summary>
    public bool IsOutColoured => IsOutTerminal && Variable("NO_COLOR") is null && Variable("TERM") != "dumb";

    /// <summary>The surroundings of this process.</summary>
    public static Surroundings OfProcess() => new()
    {
        Out = SystemConsole.Out,
        Error = SystemConsole.Error,
        In = SystemConsole.In,
        IsInTerminal = !SystemConsole.IsInputRedirected && !SystemConsole.IsErrorRedirected,
        IsOutTerminal = !SystemConsole.IsOutputRedirected,
        IsErrorTerminal = !SystemConsole.IsErrorRedirected,
        Width = TerminalWidth(),
        Variables = [.. Environment.GetEnvironmentVariables().Cast<DictionaryEntry>().Select(entry => KeyValuePair.Create((string)entry.Key, (string?)entry.Value ?? ""))],
        Variable = name => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null,
    };

    private static int TerminalWidth()
    {
        if (SystemConsole.IsOutputRedirected) return WidthWithoutTerminal;
        try
        {
            return SystemConsole.WindowWidth is > 20 and var width ? width : WidthWithoutTerminal;
        }
        catch (IOException)
        {
            return WidthWithoutTerminal;
        }
    }
}
