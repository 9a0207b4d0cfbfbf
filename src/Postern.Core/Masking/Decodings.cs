using System.Collections.Immutable;

namespace Postern.Core.Masking;

/// <summary>Spellings in which a mask also looks for what it hides. Each costs a second reading of every text that may hold it.</summary>
[Flags]
public enum Decodings
{
    /// <summary>Texts are read as they stand.</summary>
    None = 0,

    /// <summary>Base 64, also in its form for URLs (RFC 4648), and UTF-16 within it.</summary>
    Base64 = 1,

    /// <summary>Two hexadecimal digits a byte.</summary>
    Hex = 2,

    /// <summary>Percent-encoding (RFC 3986 section 2.1).</summary>
    Url = 4,

    /// <summary>Escapes of programming languages and HTML: <c>\u0040</c>, <c>\x40</c>, <c>&amp;#64;</c>.</summary>
    Escapes = 8,

    /// <summary>Characters that are read as others: full-width forms, digits of other scripts, nothing at all between two.</summary>
    Lookalikes = 16,
}

/// <summary>How policies call the decodings.</summary>
public static class DecodingNames
{
    /// <summary>All of them, in the order of the enumeration.</summary>
    public static ImmutableArray<(string Word, Decodings Value)> All { get; } =
        [("base64", Decodings.Base64), ("hex", Decodings.Hex), ("url", Decodings.Url), ("escapes", Decodings.Escapes), ("lookalikes", Decodings.Lookalikes)];
}
