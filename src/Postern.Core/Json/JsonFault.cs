namespace Postern.Core.Json;

/// <summary>What keeps bytes from being read in exactly one way.</summary>
public enum JsonFaultKind
{
    /// <summary>The bytes are not RFC 8259 JSON.</summary>
    NotJson,

    /// <summary>Nothing but white space.</summary>
    Empty,

    /// <summary>The bytes are not UTF-8 (RFC 3629), which includes overlong forms and encoded surrogates.</summary>
    InvalidUtf8,

    /// <summary>A byte order mark stands in front.</summary>
    ByteOrderMark,

    /// <summary>A name stands twice in one object, as compared after unescaping.</summary>
    DuplicateName,

    /// <summary>A name holds <c>\u0000</c>, where readers built on C strings would see a shorter name.</summary>
    NulInName,

    /// <summary>An escape names half of a surrogate pair.</summary>
    LoneSurrogate,

    /// <summary>Arrays and objects stand in each other deeper than permitted.</summary>
    TooDeep,

    /// <summary>Something follows the document.</summary>
    TrailingBytes,

    /// <summary>One object has more names than permitted.</summary>
    TooManyNames,

    /// <summary>There are more bytes than permitted.</summary>
    TooLarge,
}

/// <summary>
/// Why a document was refused, and where. Holds no content beyond one byte, so that it may be shown to callers and logged.
/// </summary>
/// <param name="Kind">What is wrong.</param>
/// <param name="Offset">Offset in bytes, from 0, of the first byte that is wrong.</param>
/// <param name="Expected">What would have been right there.</param>
/// <param name="Found">The byte found there, or -1 at the end or where it says nothing.</param>
public readonly record struct JsonFault(JsonFaultKind Kind, int Offset, string Expected, int Found = -1)
{
    /// <summary>One line: what is wrong, at which byte, what was expected and found.</summary>
    public string Message => Kind switch
    {
        JsonFaultKind.NotJson => $"not JSON at byte {Offset}: expected {Expected}, found {Describe(Found)}",
        JsonFaultKind.Empty => "no JSON document: expected an object, array or value, found nothing",
        JsonFaultKind.InvalidUtf8 => $"not UTF-8 at byte {Offset}: send the document in UTF-8",
        JsonFaultKind.ByteOrderMark => "a byte order mark stands before the document: send it without",
        JsonFaultKind.DuplicateName => $"a name stands twice in one object, again at byte {Offset}: send each name once, however it is escaped",
        JsonFaultKind.NulInName => $"a name holds `\\u0000` at byte {Offset}: send names without it",
        JsonFaultKind.LoneSurrogate => $"half of a surrogate pair at byte {Offset}: expected {Expected}",
        JsonFaultKind.TooDeep => $"too deep at byte {Offset}: expected {Expected}",
        JsonFaultKind.TrailingBytes => $"the document ends before byte {Offset}, but something follows: send exactly one document",
        JsonFaultKind.TooManyNames => $"too many names in one object at byte {Offset}: expected {Expected}",
        JsonFaultKind.TooLarge => $"the document is too large: expected {Expected}",
        _ => $"refused at byte {Offset}",
    };

    /// <inheritdoc/>
    public override string ToString() => Message;

    private static string Describe(int found) => found switch
    {
        < 0 => "the end",
        > 0x20 and < 0x7f => $"`{(char)found}`",
        _ => $"byte 0x{found:x2}",
    };
}
