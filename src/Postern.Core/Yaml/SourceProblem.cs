namespace Postern.Core.Yaml;

/// <summary>Something wrong in a file that an operator wrote: where it stands, what was expected, what to do.</summary>
/// <param name="File">The file as the operator named it, or what else the text came from.</param>
/// <param name="Line">Counted from 1; 0 when the problem has no place.</param>
/// <param name="Column">Counted from 1; 0 when the problem has no place.</param>
/// <param name="Message">Lower case, without a full stop, input in backticks.</param>
public sealed record SourceProblem(string File, int Line, int Column, string Message)
{
    /// <inheritdoc/>
    public override string ToString() => Line > 0 ? $"{File}, line {Line}, column {Column}: {Message}" : $"{File}: {Message}";
}
