using System.Globalization;
using System.Text;

namespace Postern.Core.Policy.Cel;

/// <summary>Cuts a condition into tokens (CEL language definition, "Syntax").</summary>
internal static class CelLexer
{
    private static readonly string[] Symbols =
    [
        "&&", "||", "==", "!=", "<=", ">=", ".?", "[?", ".", "[", "]", "(", ")", "{", "}", ",", ":", "?", "<", ">", "+", "-", "*", "/", "%", "!",
    ];

    public static List<CelToken> Read(string source)
    {
        var tokens = new List<CelToken>();
        var at = 0;
        while (true)
        {
            while (at < source.Length && source[at] is ' ' or '\t' or '\r' or '\n') at++;
            if (at + 1 < source.Length && source[at] == '/' && source[at + 1] == '/')
            {
                while (at < source.Length && source[at] != '\n') at++;
                continue;
            }
            if (at == source.Length)
            {
                tokens.Add(new CelToken(CelTokenKind.End, "", at));
                return tokens;
            }
            tokens.Add(Next(source, ref at));
        }
    }

    private static CelToken Next(string source, ref int at)
    {
        var start = at;
        var first = source[at];
        if (first is '"' or '\'') return Text(source, ref at, start, isRaw: false);
        if (first is 'r' or 'R' && at + 1 < source.Length && source[at + 1] is '"' or '\'')
        {
            at++;
            return Text(source, ref at, start, isRaw: true);
        }
        if (first is 'b' or 'B' && at + 1 < source.Length && source[at + 1] is '"' or '\'') throw new CelException(at, "byte literals are not supported; write a text");
        if (char.IsAsciiDigit(first) || (first == '.' && at + 1 < source.Length && char.IsAsciiDigit(source[at + 1]))) return Number(source, ref at);
        if (char.IsAsciiLetter(first) || first == '_')
        {
            while (at < source.Length && (char.IsAsciiLetterOrDigit(source[at]) || source[at] == '_')) at++;
            return new CelToken(CelTokenKind.Identifier, source[start..at], start);
        }
        foreach (var symbol in Symbols)
        {
            if (!source.AsSpan(at).StartsWith(symbol, StringComparison.Ordinal)) continue;
            // `[?` and `.?` need what follows to be a key; `a[?b]` is an optional index, never a conditional.
            at += symbol.Length;
            return new CelToken(CelTokenKind.Symbol, symbol, start);
        }
        if (first == '=') throw new CelException(at, "`=` assigns nothing here; write `==` to compare");
        if (first is '&' or '|') throw new CelException(at, $"write `{first}{first}` to join conditions");
        throw new CelException(at, $"unexpected character `{first}`");
    }

    private static CelToken Number(string source, ref int at)
    {
        var start = at;
        if (source[at] == '0' && at + 1 < source.Length && source[at + 1] is 'x' or 'X')
        {
            at += 2;
            var digits = at;
            while (at < source.Length && char.IsAsciiHexDigit(source[at])) at++;
            if (!ulong.TryParse(source.AsSpan(digits, at - digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var hex)) throw new CelException(start, "expected 1 to 16 hexadecimal digits after `0x`");
            SkipUnsigned(source, ref at);
            return new CelToken(CelTokenKind.Number, hex.ToString(CultureInfo.InvariantCulture), start);
        }
        while (at < source.Length && char.IsAsciiDigit(source[at])) at++;
        if (at + 1 < source.Length && source[at] == '.' && char.IsAsciiDigit(source[at + 1]))
        {
            at++;
            while (at < source.Length && char.IsAsciiDigit(source[at])) at++;
        }
        if (at < source.Length && source[at] is 'e' or 'E')
        {
            at++;
            if (at < source.Length && source[at] is '+' or '-') at++;
            if (at == source.Length || !char.IsAsciiDigit(source[at])) throw new CelException(start, "expected digits after the exponent's `e`");
            while (at < source.Length && char.IsAsciiDigit(source[at])) at++;
        }
        var text = source[start..at];
        SkipUnsigned(source, ref at);
        if (at < source.Length && (char.IsAsciiLetterOrDigit(source[at]) || source[at] == '_')) throw new CelException(start, $"`{source[start..(at + 1)]}` is neither a number nor a name");
        return new CelToken(CelTokenKind.Number, text, start);
    }

    // Numbers have one type here, compared by exact value, so the `u` of unsigned literals says nothing more.
    private static void SkipUnsigned(string source, ref int at)
    {
        if (at < source.Length && source[at] is 'u' or 'U') at++;
    }

    private static CelToken Text(string source, ref int at, int start, bool isRaw)
    {
        var quote = source[at];
        var triple = at + 2 < source.Length && source[at + 1] == quote && source[at + 2] == quote;
        var end = triple ? new string(quote, 3) : quote.ToString();
        at += end.Length;
        var text = new StringBuilder();
        while (true)
        {
            if (at >= source.Length) throw new CelException(start, $"the text has no closing `{end}`");
            if (source.AsSpan(at).StartsWith(end, StringComparison.Ordinal))
            {
                at += end.Length;
                return new CelToken(CelTokenKind.Text, text.ToString(), start);
            }
            if (!triple && source[at] is '\n' or '\r') throw new CelException(start, $"the text has no closing `{end}` on its line");
            if (source[at] == '\\' && !isRaw) Escape(source, ref at, text);
            else text.Append(source[at++]);
        }
    }

    private static void Escape(string source, ref int at, StringBuilder text)
    {
        var start = at++;
        var kind = at < source.Length ? source[at++] : '\0';
        switch (kind)
        {
            case 'n': text.Append('\n'); return;
            case 't': text.Append('\t'); return;
            case 'r': text.Append('\r'); return;
            case 'a': text.Append('\a'); return;
            case 'b': text.Append('\b'); return;
            case 'f': text.Append('\f'); return;
            case 'v': text.Append('\v'); return;
            case '\\' or '\'' or '"' or '`' or '?': text.Append(kind); return;
            case 'x' or 'X': Scalar(source, ref at, 2, 16, start, text); return;
            case 'u': Scalar(source, ref at, 4, 16, start, text); return;
            case 'U': Scalar(source, ref at, 8, 16, start, text); return;
            default: throw new CelException(start, "unknown escape; the escapes are \\n \\t \\r \\a \\b \\f \\v \\\\ \\' \\\" \\xHH \\uHHHH \\UHHHHHHHH");
        }
    }

    private static void Scalar(string source, ref int at, int length, int radix, int start, StringBuilder text)
    {
        if (at + length > source.Length
            || !int.TryParse(source.AsSpan(at, length), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value)
            || !Rune.TryCreate(value, out var rune))
        {
            throw new CelException(start, $"expected {length} digits of base {radix} that name a Unicode scalar value");
        }
        text.Append(rune.ToString());
        at += length;
    }
}
