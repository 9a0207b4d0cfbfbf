using System.Runtime.InteropServices;
using Microsoft.Data.Sqlite;

namespace Postern.Gateway.Recordings.Search;

/// <summary>Operations that follow each other, whose terms are kept together.</summary>
/// <param name="Id">Counts chunks from 0.</param>
/// <param name="First">The number of its first operation.</param>
/// <param name="Count">How many operations.</param>
/// <param name="Pairs">How many terms they have, as it was counted when they were written.</param>
/// <param name="Bits">How many first bits of a term say which block it is in; null while the chunk is open.</param>
/// <param name="From">The least instant, in ticks.</param>
/// <param name="To">The greatest.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct Chunk(long Id, long First, int Count, long Pairs, int? Bits, long From, long To)
{
    /// <summary>Reads all; those that a number may be in come first.</summary>
    public const string Newest = "select chunk, first, count, pairs, bits, from_at, to_at from chunks where first <= ?1 order by chunk desc";

    /// <summary>The bits of a key that are not the chunk's.</summary>
    public const int KeyBits = 20;

    /// <summary>The number behind its last operation.</summary>
    public long End => First + Count;

    /// <summary>The row that such a statement stands on.</summary>
    public static Chunk Of(IndexStatement row) =>
        new(row.Number(0), row.Number(1), (int)row.Number(2), row.Number(3), row.OptionalNumber(4) is { } bits ? (int)bits : null, row.Number(5), row.Number(6));

    /// <summary>All chunks, the newest first, from that which holds a number, or ends before it.</summary>
    public static List<Chunk> UpTo(SqliteConnection sql, long number)
    {
        using var rows = new IndexStatement(sql, Newest);
        var chunks = new List<Chunk>();
        for (var more = rows.Begin(number); more; more = rows.Next()) chunks.Add(Of(rows));
        rows.End();
        return chunks;
    }

    /// <summary>The block of a term, as the file keeps it, and the least term that it may hold.</summary>
    public static (long Key, ulong Least) BlockOf(long chunk, int bits, ulong term)
    {
        var block = bits == 0 ? 0 : term >> (64 - bits);
        return ((chunk << KeyBits) | (long)block, bits == 0 ? 0 : block << (64 - bits));
    }
}
