namespace Postern.Core.Policy.Cel;

internal enum CelTokenKind
{
    End,
    Identifier,
    Number,
    Text,
    Symbol,
}

/// <summary>One token. <see cref="Text"/> of a text literal is what it stands for, without quotes and escapes.</summary>
internal readonly record struct CelToken(CelTokenKind Kind, string Text, int Offset)
{
    public bool Is(string symbol) => Kind == CelTokenKind.Symbol && string.Equals(Text, symbol, StringComparison.Ordinal);

    public bool IsWord(string word) => Kind == CelTokenKind.Identifier && string.Equals(Text, word, StringComparison.Ordinal);

    public string Shown => Kind switch
    {
        CelTokenKind.End => "the end",
        CelTokenKind.Text => "a text",
        _ => $"`{Text}`",
    };
}
