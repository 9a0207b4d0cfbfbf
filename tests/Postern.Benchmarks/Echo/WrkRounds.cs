using System.Globalization;
using Postern.Benchmarks.Measuring;

namespace Postern.Benchmarks.Echo;

/// <summary>One load on every peer in turn: warmed up, then in rounds that begin with another peer each time, so that none always follows the same one.</summary>
internal static class WrkRounds
{
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(1);

    /// <param name="peers">Who is measured.</param>
    /// <param name="script">The load.</param>
    /// <param name="size">Bytes of a reply, for the table.</param>
    /// <param name="least">The least that a reply must have: masks shorten a document; what is looked for is that it is one.</param>
    /// <param name="clients">Connections at once.</param>
    /// <param name="rounds">How many.</param>
    /// <param name="length">Of each.</param>
    /// <param name="samples">Takes what was measured.</param>
    public static void Run(IReadOnlyList<Peer> peers, string script, int size, int least, int clients, int rounds, TimeSpan length, List<Sample> samples)
    {
        foreach (var peer in peers) WrkRun.Run(peer, script, least, clients, 0, WarmUp, isKept: false);
        for (var round = 1; round <= rounds; round++)
        {
            for (var index = 0; index < peers.Count; index++)
            {
                var sample = WrkRun.Run(peers[(index + round) % peers.Count], script, least, clients, round, length, isKept: true)! with { Size = size };
                samples.Add(sample);
                Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{size,7} B {clients,3} clients  {sample.Peer,-38} {sample.CallsPerSecond,9:N0}/s  p50 {sample.P50Micros,7:N0} µs  p99 {sample.P99Micros,8:N0} µs  cpu {sample.CpuMicrosPerCall,8:N1} µs"));
            }
        }
    }
}
