using System.Buffers;

namespace Postern.Core.Masking.Detection;

/// <summary>
/// E-mail addresses (RFC 5321 with RFC 6531), found from their <c>@</c>, or its URL form <c>%40</c>, outwards. Local parts never
/// hold an unquoted <c>@</c>, so the runs read to the left do not overlap: linear in the text.
/// </summary>
internal static class EmailDetector
{
    private static readonly SearchValues<byte> s_local = SearchValues.Create(
        [.. "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.!#$%&'*+/=?^_`{|}~-"u8, .. Enumerable.Range(0x80, 0x80).Select(value => (byte)value)]);

    private static readonly SearchValues<byte> s_domain = SearchValues.Create(
        [.. "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-"u8, .. Enumerable.Range(0x80, 0x80).Select(value => (byte)value)]);

    // What a quoted local part may take to the left of its closing quote.
    private const int MaxQuoted = 64;

    /// <summary>False when no text within these bytes can hold an address.</summary>
    public static bool IsPossible(ReadOnlySpan<byte> bytes) => bytes.Contains((byte)'@') || bytes.IndexOf("%40"u8) >= 0;

    public static void Find(ReadOnlySpan<byte> text, int rank, HitList hits)
    {
        var from = 0;
        var at = 0;
        while (true)
        {
            var next = text[at..].IndexOfAny((byte)'@', (byte)'%');
            if (next < 0) return;
            at += next;
            var length = text[at] == '@' ? 1 : text[at..].StartsWith("%40"u8) ? 3 : 0;
            if (length == 0)
            {
                at++;
                continue;
            }
            var start = Local(text, from, at);
            var end = start == at ? -1 : Domain(text, at + length);
            at += length;
            // No local part reaches over a sign before it; what was read once is not read again.
            from = at;
            if (end < 0) continue;
            hits.Add(new Hit(start, end, rank, IsCard: false));
            from = at = end;
        }
    }

    /// <summary>Where the local part begins that ends at the sign; the sign itself when there is none.</summary>
    private static int Local(ReadOnlySpan<byte> text, int from, int sign)
    {
        var before = text[from..sign];
        if (before.EndsWith("\""u8))
        {
            var quoted = before[Math.Max(0, before.Length - MaxQuoted)..^1];
            var open = quoted.LastIndexOf((byte)'"');
            return open < 0 ? sign : sign - (quoted.Length - open) - 1;
        }
        var start = before.LastIndexOfAnyExcept(s_local) + 1;
        return from + start;
    }

    /// <summary>Where the domain ends that begins here, or -1: at least two labels, the last one of letters.</summary>
    private static int Domain(ReadOnlySpan<byte> text, int start)
    {
        var run = text[start..];
        var length = run.IndexOfAnyExcept(s_domain);
        if (length >= 0) run = run[..length];
        run = run.TrimEnd(".-"u8);
        var dot = run.LastIndexOf((byte)'.');
        if (dot <= 0) return -1;
        var top = run[(dot + 1)..];
        var isName = top.Length >= 2 && (!top.ContainsAnyInRange((byte)'0', (byte)'9') || top.StartsWith("xn--"u8) || top.ContainsAnyInRange((byte)0x80, (byte)0xff));
        if (isName) return start + run.Length;
        // What follows the address may look like a part of it (`a@b.example.5`): then it ends at an earlier label.
        return dot > 0 && HasName(run[..dot]) ? start + run.Length : -1;
    }

    private static bool HasName(ReadOnlySpan<byte> domain)
    {
        var dot = domain.LastIndexOf((byte)'.');
        return dot > 0 && domain.Length - dot > 2 && !domain[(dot + 1)..].ContainsAnyInRange((byte)'0', (byte)'9');
    }
}
