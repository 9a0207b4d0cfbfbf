using System.Collections.Immutable;
using System.Text;

namespace Postern.Core.Masking.Detection;

/// <summary>
/// Passwords and keys that only their name gives away: the value of a member that is called so, and what follows such a name
/// in a text (<c>password=…</c>, <c>"client_secret": "…"</c>).
/// </summary>
internal static class SecretWords
{
    /// <summary>The words, in lower case, that such names end with.</summary>
    public static readonly ImmutableArray<string> All =
        ["password", "passwd", "passphrase", "passcode", "pwd", "secret", "token", "api_key", "api-key", "apikey", "accountkey", "accesskey", "access_key", "access-key", "secretkey", "secret_key", "secret-key"];

    // A token is a secret when it is said to be one: `next_token` belongs to lists.
    private static readonly string[] s_beforeToken = ["access", "refresh", "auth", "bearer", "session", "id", "api", "csrf", "xsrf", "secret", "bot", "oauth"];

    // A closing quote with its escape, spaces, the sign, spaces, an opening quote.
    private const int MaxBetween = 16;
    private const int MaxName = 64;
    private const int MinPlain = 4;

    /// <summary>True for a member name that ends with one of the words.</summary>
    public static bool IsName(ReadOnlySpan<byte> name)
    {
        if (name.Length is < 3 or > MaxName) return false;
        if ((name[^1] | 0x20) == 's') name = name[..^1];
        foreach (var literal in s_words)
        {
            if (name.Length >= literal.Length && Ascii.EqualsIgnoreCase(name[^literal.Length..], literal) && (literal != s_token || IsSecretToken(name, name.Length - literal.Length))) return true;
        }
        return false;
    }

    /// <summary>
    /// What the word at this place names: the value after <c>=</c> or <c>:</c>. Length 0 when the word stands for itself, as in
    /// prose. <paramref name="isList"/>: it is one entry of a list with semicolons, as connection strings are.
    /// </summary>
    public static (int Start, int Length) ValueAfter(ReadOnlySpan<byte> text, int at, ReadOnlySpan<byte> word, out bool isList)
    {
        isList = false;
        if (word.SequenceEqual(s_token) && !IsSecretToken(text, at)) return default;
        var from = at + word.Length;
        if (from < text.Length && (text[from] | 0x20) == 's') from++;
        var end = Math.Min(text.Length, from + MaxBetween);
        var isQuotedName = false;
        for (; from < end && text[from] is (byte)'"' or (byte)'\'' or (byte)'\\' or (byte)'`'; from++) isQuotedName = true;
        var spaced = from;
        while (from < end && text[from] is (byte)' ' or (byte)'\t') from++;
        var isSpaced = from > spaced;
        if (from >= end || text[from] is not ((byte)'=' or (byte)':')) return default;
        var isEquals = text[from++] == '=';
        // Comparisons and scopes: `==`, `=>`, `::`, `:=` begin no value, save that `:=` and `=>` assign.
        if (from < end && text[from] is (byte)'=' or (byte)'>' or (byte)':')
        {
            if (text[from] == text[from - 1]) return default;
            from++;
        }
        while (from < end && text[from] is (byte)' ' or (byte)'\t')
        {
            from++;
            isSpaced = true;
        }
        var escapes = from;
        while (from < end && text[from] == '\\') from++;
        var quote = from < text.Length && text[from] is (byte)'"' or (byte)'\'' or (byte)'`' ? text[from] : (byte)0;
        if (quote != 0)
        {
            var start = ++from;
            var length = text[start..].IndexOfAny(quote, (byte)'\n');
            if (length < 0) length = text.Length - start;
            // A quote that is still escaped closes with its escape.
            while (length > 0 && start - escapes > 1 && text[start + length - 1] == '\\') length--;
            return (start, length);
        }
        from = escapes;
        var run = text[from..].IndexOfAny(s_ends);
        if (run < 0) run = text.Length - from;
        isList = isEquals && ((from + run < text.Length && text[from + run] == ';') || PrecededBySemicolon(text, at));
        var value = text.Slice(from, run);
        // Prose has colons (`password: the word that`), and code has calls; a bare word after them is no password.
        if ((!isEquals || isSpaced) && !isQuotedName && !isList && (run < MinPlain || !value.ContainsAnyExcept(s_letters))) return default;
        return (from, run);
    }

    private static bool IsSecretToken(ReadOnlySpan<byte> text, int at)
    {
        var before = text[Math.Max(0, at - 8)..at];
        if (!before.IsEmpty && before[^1] is (byte)'_' or (byte)'-' or (byte)' ') before = before[..^1];
        foreach (var word in s_tokenWords)
        {
            if (before.Length >= word.Length && Ascii.EqualsIgnoreCase(before[^word.Length..], word)) return true;
        }
        return false;
    }

    private static bool PrecededBySemicolon(ReadOnlySpan<byte> text, int at)
    {
        var before = text[Math.Max(0, at - 16)..at].TrimEnd("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ "u8);
        return before.EndsWith(";"u8);
    }

    private static readonly byte[] s_token = "token"u8.ToArray();
    private static readonly byte[][] s_words = [.. All.Select(word => word == "token" ? s_token : Encoding.ASCII.GetBytes(word))];
    private static readonly byte[][] s_tokenWords = [.. s_beforeToken.Select(Encoding.ASCII.GetBytes)];
    private static readonly System.Buffers.SearchValues<byte> s_ends = System.Buffers.SearchValues.Create(" \t\r\n\"'`,;&<>)]}|"u8);
    private static readonly System.Buffers.SearchValues<byte> s_letters = System.Buffers.SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-_()"u8);
}
