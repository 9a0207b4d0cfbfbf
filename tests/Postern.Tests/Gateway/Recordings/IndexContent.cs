using Microsoft.Data.Sqlite;
using Postern.Gateway.Recordings;
using Postern.Gateway.Recordings.Search;

namespace Postern.Tests.Gateway.Recordings;

/// <summary>What an index says of each operation, however it is stored: every term with its number, and every row.</summary>
internal static class IndexContent
{
    public static int ChunksIn(string path)
    {
        using var sql = new SqliteConnection($"Data Source={path};Mode=ReadOnly;Pooling=False");
        sql.Open();
        return Chunk.UpTo(sql, long.MaxValue).Count;
    }

    public static List<string> Of(string path)
    {
        using var sql = new SqliteConnection($"Data Source={path};Mode=ReadOnly;Pooling=False");
        sql.Open();
        var content = new SortedSet<string>(StringComparer.Ordinal);
        using var pairs = new TermPairs();
        foreach (var chunk in Chunk.UpTo(sql, long.MaxValue))
        {
            pairs.Clear();
            if (chunk.Bits is { } bits) Read(sql, "select key, block from words where key >= ?1 and key < ?2", chunk.Id << Chunk.KeyBits, (chunk.Id << Chunk.KeyBits) + (1L << bits), key => bits == 0 ? 0 : (ulong)(key & ((1L << Chunk.KeyBits) - 1)) << (64 - bits), pairs);
            else Read(sql, "select id, block from fresh where id >= ?1 and id < ?2", 0, long.MaxValue, _ => 0, pairs);
            Read(sql, "select chunk, block from late where chunk >= ?1 and chunk < ?2", chunk.Id, chunk.Id + 1, _ => 0, pairs);
            for (var at = 0; at < pairs.Count; at++) content.Add($"term {chunk.First + pairs.Slots[at]:0000000} {pairs.Terms[at]:x16}");
            using var rows = new OperationRows(sql);
            for (var number = chunk.First; number < chunk.End; number++)
            {
                var row = rows.Find(number)!;
                content.Add($"row {number:0000000} {row.ToSummary(row.Session.ToString(System.Globalization.CultureInfo.InvariantCulture))} {row.Identity} {row.Segment} {row.Position} {row.LastSequence}");
            }
        }
        return [.. content];
    }

    private static void Read(SqliteConnection sql, string query, long from, long end, Func<long, ulong> least, TermPairs to)
    {
        using var blocks = new IndexStatement(sql, query);
        for (var more = blocks.Begin(from, end); more; more = blocks.Next()) TermBlock.ReadAll(blocks.Bytes(1), least(blocks.Number(0)), to);
        blocks.End();
    }
}
