namespace Postern.Gateway.Recordings.Search;

/// <summary>What a term is about.</summary>
internal enum TermKind
{
    /// <summary>A word of what was asked, in the request or in a fact.</summary>
    Word = 1,

    /// <summary>Who asked: <c>issuer:subject</c>, the subject, or the display name.</summary>
    Person,

    /// <summary>Through what: the OAuth client, or the program as it names itself.</summary>
    Agent,

    Connection,
    Protocol,
    Action,

    /// <summary>A fact's or a request member's value, with its name and without.</summary>
    Argument,

    Decision,
    Rule,
    Outcome,
    Code,
    Session,
    Trace,

    /// <summary>The operation's id.</summary>
    Operation,
}

/// <summary>
/// A term as the index keeps it: a number of 64 bits, made of its kind and its text in lower case. The index holds no words of requests, so
/// it cannot be read like one; whoever guesses a word can ask whether it is there, as a search does. Two texts with one number are as likely
/// as 64 bits make it, and show a row that names itself: what decides who may see a row is compared as text.
/// </summary>
internal static class Term
{
    private const ulong Basis = 14695981039346656037;
    private const ulong Prime = 1099511628211;

    /// <summary>Texts beyond it are cut, when they are written and when they are asked for.</summary>
    public const int MaxLength = 128;

    public static long Of(TermKind kind, ReadOnlySpan<char> text) => Finish(Add(Basis ^ ((ulong)kind * Prime), text));

    /// <summary>A value under a name; an empty name is any.</summary>
    public static long Of(TermKind kind, ReadOnlySpan<char> name, ReadOnlySpan<char> value) => Finish(Add(Add(Basis ^ ((ulong)kind * Prime), name) * Prime ^ '=', value));

    // FNV-1a (draft-eastlake-fnv) over UTF-16 units.
    private static ulong Add(ulong hash, ReadOnlySpan<char> text)
    {
        foreach (var unit in text.Length <= MaxLength ? text : text[..MaxLength]) hash = (hash ^ (unit < 128 ? (uint)(unit | (unit is >= 'A' and <= 'Z' ? 0x20 : 0)) : char.ToLowerInvariant(unit))) * Prime;
        return hash;
    }

    // Its low bits are its best; this spreads them (MurmurHash3's end).
    private static long Finish(ulong hash)
    {
        hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccd;
        hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53;
        return (long)(hash ^ (hash >> 33));
    }
}
