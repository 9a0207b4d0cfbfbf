namespace Postern.Core.Masking.Detection;

/// <summary>What begins, or may begin, at a place in a text.</summary>
[Flags]
internal enum Anchors
{
    None = 0,

    /// <summary>A run of at least four digits: cards.</summary>
    Digits = 1,

    /// <summary>Two letters and two digits: IBAN.</summary>
    Iban = 2,

    /// <summary>A plus sign or an opening parenthesis before a digit: phone numbers.</summary>
    Plus = 4,

    /// <summary>Three digits, three digits, four digits: phone numbers.</summary>
    Phone = 8,

    /// <summary>Three digits, two digits, four digits.</summary>
    Ssn = 16,

    /// <summary>Digits between dots: IPv4.</summary>
    Dots = 32,

    /// <summary>A colon that another follows closely: IPv6.</summary>
    Colons = 64,

    /// <summary>The sign in e-mail addresses.</summary>
    At = 128,

    /// <summary>A literal of <see cref="SecretLiterals"/>.</summary>
    Literal = 256,

    /// <summary>An escaped character (<c>\u</c>), which could be anything.</summary>
    Escape = 512,

    /// <summary>A digit before an exponent: numbers, in documents within texts.</summary>
    Exponent = 1024,
}
