using System.Diagnostics;
using System.Globalization;
using Npgsql;
using Postern.Benchmarks.Measuring;

namespace Postern.Benchmarks.Postgres;

/// <summary>One sample of one long result.</summary>
/// <param name="Peer">Through what.</param>
/// <param name="Round">Which of the interleaved rounds.</param>
/// <param name="Seconds">From the query to its end.</param>
/// <param name="CpuSeconds">CPU of the process in between.</param>
/// <param name="ExtraBytes">What the process in between had more in memory at its peak than before; 0 without one.</param>
internal sealed record RowsSample(string Peer, int Round, double Seconds, double CpuSeconds, long ExtraBytes);

/// <summary>A million rows with a column that Postern masks, read by a client that looks at nothing else than that they came.</summary>
internal static class RowsRun
{
    public const int Rows = 1_000_000;

    public const string Query = "SELECT id, name, email, amount FROM bench_rows";

    public static async Task<RowsSample> RunAsync(PgPeer peer, int round)
    {
        await using var connection = new NpgsqlConnection(peer.ConnectionString);
        await connection.OpenAsync();
        var process = peer.Peer.ProcessId;
        var before = 0L;
        if (process != 0)
        {
            // proc(5), clear_refs: 5 resets the peak of the resident size.
            await File.WriteAllTextAsync($"/proc/{process}/clear_refs", "5");
            before = ProcessMemory.Of(process).Resident;
        }
        var cpu = peer.Peer.CpuSeconds;
        var clock = Stopwatch.StartNew();
        var rows = 0;
        await using (var command = new NpgsqlCommand(Query, connection))
        await using (var reader = await command.ExecuteReaderAsync())
        {
            while (await reader.ReadAsync()) rows++;
        }
        clock.Stop();
        if (rows != Rows) throw new InvalidOperationException($"{peer.Peer.Name}: {rows} rows came instead of {Rows}");
        return new RowsSample(peer.Peer.Name, round, clock.Elapsed.TotalSeconds, peer.Peer.CpuSeconds - cpu, process == 0 ? 0 : Peak(process) - before);
    }

    /// <summary>What the masked column looks like through a peer, and one that is not masked.</summary>
    public static async Task<(string Name, string Email)> FirstAsync(PgPeer peer)
    {
        await using var connection = new NpgsqlConnection(peer.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand("SELECT name, email FROM bench_rows WHERE id = 1", connection);
        await using var reader = await command.ExecuteReaderAsync();
        if (!await reader.ReadAsync()) throw new InvalidOperationException($"{peer.Peer.Name}: no row");
        return (reader.GetString(0), reader.GetString(1));
    }

    private static long Peak(int process)
    {
        var line = File.ReadLines($"/proc/{process}/status").Single(each => each.StartsWith("VmHWM:", StringComparison.Ordinal));
        return long.Parse(line["VmHWM:".Length..].Replace("kB", "", StringComparison.Ordinal).Trim(), CultureInfo.InvariantCulture) * 1024;
    }
}
