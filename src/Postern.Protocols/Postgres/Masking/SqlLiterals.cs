using System.Buffers;
using Postern.Core.Masking;

namespace Postern.Protocols.Postgres.Masking;

/// <summary>
/// The literals of a text that was understood, for the record of a statement that touches a masked column: each becomes what masks make of
/// it. Follows the lexical rules of PostgreSQL (documentation, section 4.1) with <c>standard_conforming_strings</c> on.
/// </summary>
internal static class SqlLiterals
{
    /// <summary>Writes the text with its literals masked as values of this column are.</summary>
    public static void Mask(ReadOnlySpan<byte> sql, scoped ref CellRun run, int column, ArrayBufferWriter<byte> output)
    {
        var copied = 0;
        for (var at = 0; at < sql.Length;)
        {
            var (end, from, to) = Next(sql, at);
            if (to > from)
            {
                output.Write(sql[copied..from]);
                if (char.IsAsciiDigit((char)sql[from]) && sql[at] == sql[from]) output.Write(run.Value(column) ? "0"u8 : sql[from..to]);
                else WriteText(sql[from..to], ref run, column, output);
                copied = to;
            }
            at = end;
        }
        output.Write(sql[copied..]);
    }

    private static void WriteText(ReadOnlySpan<byte> content, scoped ref CellRun run, int column, ArrayBufferWriter<byte> output)
    {
        if (!run.Text(content, column))
        {
            output.Write(content);
            return;
        }
        foreach (var current in run.Replacement)
        {
            if (current == '\'') output.Write("'"u8);
            output.Write([current]);
        }
    }

    /// <summary>The token that begins here: where it ends, and from where to where it is the content of a literal (nothing for any other).</summary>
    private static (int End, int From, int To) Next(ReadOnlySpan<byte> sql, int at)
    {
        var rest = sql[at..];
        switch (rest[0])
        {
            case (byte)'\'':
                var end = Quoted(sql, at, hasEscapes: at > 0 && sql[at - 1] is (byte)'e' or (byte)'E' && (at < 2 || !IsWord(sql[at - 2])));
                return (end, at + 1, Math.Max(at + 1, end - 1));
            case (byte)'"':
                return (Quoted(sql, at, hasEscapes: false), 0, 0);
            case (byte)'-' when rest.StartsWith("--"u8):
                var line = rest.IndexOfAny((byte)'\n', (byte)'\r');
                return (line < 0 ? sql.Length : at + line, 0, 0);
            case (byte)'/' when rest.StartsWith("/*"u8):
                return (Comment(sql, at), 0, 0);
            case (byte)'$' when at == 0 || !IsWord(sql[at - 1]):
                return Dollar(sql, at);
            case >= (byte)'0' and <= (byte)'9' when at == 0 || (!IsWord(sql[at - 1]) && sql[at - 1] != '$'):
                var length = 1;
                while (length < rest.Length && (IsWord(rest[length]) || rest[length] == '.' || (rest[length] is (byte)'+' or (byte)'-' && rest[length - 1] is (byte)'e' or (byte)'E'))) length++;
                return (at + length, at, at + length);
            default:
                return (at + 1, 0, 0);
        }
    }

    private static int Quoted(ReadOnlySpan<byte> sql, int at, bool hasEscapes)
    {
        var quote = sql[at++];
        while (at < sql.Length)
        {
            if (hasEscapes && sql[at] == '\\')
            {
                at += 2;
            }
            else if (sql[at] == quote)
            {
                if (at + 1 >= sql.Length || sql[at + 1] != quote) return at + 1;
                at += 2;
            }
            else
            {
                at++;
            }
        }
        return sql.Length;
    }

    // Comments nest.
    private static int Comment(ReadOnlySpan<byte> sql, int at)
    {
        var depth = 0;
        while (at < sql.Length)
        {
            if (sql[at..].StartsWith("/*"u8)) (depth, at) = (depth + 1, at + 2);
            else if (!sql[at..].StartsWith("*/"u8)) at++;
            else if (--depth == 0) return at + 2;
            else at += 2;
        }
        return sql.Length;
    }

    /// <summary><c>$tag$ … $tag$</c>, or a parameter.</summary>
    private static (int End, int From, int To) Dollar(ReadOnlySpan<byte> sql, int at)
    {
        var close = sql[(at + 1)..].IndexOf((byte)'$');
        if (close < 0 || char.IsAsciiDigit((char)sql[at + 1])) return (at + 1, 0, 0);
        foreach (var current in sql.Slice(at + 1, close))
        {
            if (!IsWord(current)) return (at + 1, 0, 0);
        }
        var tag = sql.Slice(at, close + 2);
        var from = at + tag.Length;
        var length = sql[from..].IndexOf(tag);
        return length < 0 ? (sql.Length, from, sql.Length) : (from + length + tag.Length, from, from + length);
    }

    private static bool IsWord(byte value) => char.IsAsciiLetterOrDigit((char)value) || value is (byte)'_' or >= 0x80;
}
