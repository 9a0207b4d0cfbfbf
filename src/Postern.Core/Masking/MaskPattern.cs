using System.Text.RegularExpressions;

namespace Postern.Core.Masking;

/// <summary>
/// An operator's own pattern: a .NET regular expression without look-around and back references, which is matched in time linear
/// in the text whatever the text is. It finds any part of a text, also of a number as it is written.
/// </summary>
public sealed class MaskPattern
{
    /// <summary>Longest pattern, in characters.</summary>
    public const int MaxLength = 1000;

    /// <summary>What the engine is asked for.</summary>
    internal const RegexOptions Options = RegexOptions.NonBacktracking | RegexOptions.CultureInvariant;

    private MaskPattern(string text, Regex regex)
    {
        Text = text;
        Regex = regex;
    }

    /// <summary>The pattern as written.</summary>
    public string Text { get; }

    internal Regex Regex { get; }

    /// <summary>The pattern as one branch of several.</summary>
    internal string Branch => Branched(Text);

    /// <summary>Reads a pattern. On failure <paramref name="error"/> says what is wrong with it.</summary>
    public static bool TryParse(string text, out MaskPattern? pattern, out string? error)
    {
        pattern = null;
        error = null;
        if (text.Length > MaxLength)
        {
            error = $"a pattern has at most {MaxLength} characters, found {text.Length}";
            return false;
        }
        try
        {
            var regex = new Regex(text, Options);
            // It must also stand beside others: a comment at its end would swallow what follows.
            _ = new Regex(Branched(text), Options);
            if (regex.IsMatch("")) error = "the pattern matches nothing at all, and so everywhere; ask for at least one character";
            else pattern = new MaskPattern(text, regex);
        }
        catch (RegexParseException fault)
        {
            error = $"not a regular expression from character {Math.Min(fault.Offset, text.Length) + 1} on: {Reason(fault)}";
        }
        catch (NotSupportedException fault)
        {
            error = fault.Message.Contains("automata", StringComparison.Ordinal)
                ? "the pattern is too large to be matched in linear time; shorten its repeats, `{10,}` costs less than `{10,2000}`"
                : "look-around, back references and atomic groups cannot be matched in linear time; write the pattern without";
        }
        return pattern is not null;
    }

    /// <inheritdoc/>
    public override string ToString() => Text;

    private static string Branched(string text) => $"(?:{text})";

    private static string Reason(RegexParseException fault) => fault.Error switch
    {
        RegexParseError.UnterminatedBracket => "`[` without `]`",
        RegexParseError.InsufficientClosingParentheses => "`(` without `)`",
        RegexParseError.InsufficientOpeningParentheses => "`)` without `(`",
        RegexParseError.QuantifierAfterNothing or RegexParseError.NestedQuantifiersNotParenthesized => "a repeat of nothing",
        RegexParseError.ReversedQuantifierRange or RegexParseError.ReversedCharacterRange => "a range from more to less",
        RegexParseError.UnescapedEndingBackslash => "a lone backslash at the end",
        RegexParseError.UnrecognizedEscape or RegexParseError.InsufficientOrInvalidHexDigits or RegexParseError.MalformedUnicodePropertyEscape => "an escape that means nothing",
        _ => $"`{fault.Error}`",
    };
}
