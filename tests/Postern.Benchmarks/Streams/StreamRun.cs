using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.IO.Pipelines;
using System.Net.Http.Headers;
using System.Text;
using Postern.Benchmarks.Echo;
using Postern.Benchmarks.Measuring;
using Postern.Benchmarks.Steps;
using Postern.Demo.Issuer;

namespace Postern.Benchmarks.Streams;

/// <summary>One peer under so many open streams.</summary>
/// <param name="Peer">Through what.</param>
/// <param name="Streams">Open at once.</param>
/// <param name="Round">Which of the interleaved rounds.</param>
/// <param name="Events">Messages that arrived in the time that counts.</param>
/// <param name="P50Micros">Median from the target's write to the client's read.</param>
/// <param name="P99Micros">99th percentile.</param>
/// <param name="CpuMicrosPerEvent">CPU of the process in between, user and system.</param>
internal sealed record StreamSample(string Peer, int Streams, int Round, int Events, double P50Micros, double P99Micros, double CpuMicrosPerEvent);

/// <summary>
/// How much later a message of a stream arrives because something stands in between: paced streams, so that the pace and not the machine
/// decides how many messages there are. The client reads in this process, the same for every peer.
/// </summary>
internal static class StreamRun
{
    private const int Rounds = 3;

    public static readonly (int Streams, int EveryMilliseconds)[] Loads = [(64, 50), (1_000, 1_000)];
    private static readonly TimeSpan Length = TimeSpan.FromSeconds(6);
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(2);

    public static async Task RunAsync()
    {
        var machine = Machine.Describe();
        var folder = Directory.CreateTempSubdirectory("postern-bench-");
        var peers = new List<Peer>();
        var samples = new List<StreamSample>();
        try
        {
            await using var issuer = await DemoIssuer.StartAsync(new DemoIssuerOptions { DefaultAudience = EchoRun.Audience, TokenLifetime = TimeSpan.FromHours(4) });
            using var upstream = Peer.Start("upstream", "", "listening ", "dotnet", [typeof(EchoRun).Assembly.Location, "upstream"]);
            await EchoRun.StartPeersAsync(peers, folder.FullName, issuer, upstream.Url, name => name is not ("YARP, inline sockets" or Floor.Name or "floor"));
            var token = issuer.IssueToken("alice", client: "demo-agent");
            foreach (var peer in peers) await OneAsync(peer, 8, 50, round: 0, events => Call(peer.Url, token, events, 50));
            foreach (var (streams, every) in Loads)
            {
                for (var round = 1; round <= Rounds; round++)
                {
                    // Each round begins with another peer, so that none always follows the same one.
                    for (var index = 0; index < peers.Count; index++)
                    {
                        var peer = peers[(index + round) % peers.Count];
                        var sample = await OneAsync(peer, streams, every, round, events => Call(peer.Url, token, events, every));
                        samples.Add(sample);
                        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{streams,5} streams  {sample.Peer,-28} {sample.Events,7:N0} events  p50 {sample.P50Micros,7:N0} µs  p99 {sample.P99Micros,8:N0} µs  cpu {sample.CpuMicrosPerEvent,6:N1} µs"));
                    }
                }
            }
        }
        finally
        {
            foreach (var peer in peers) peer.Dispose();
            folder.Delete(recursive: true);
        }
        Report.Write("streams", new { machine, rounds = Rounds, seconds = Length.TotalSeconds, samples }, Table(machine, samples));
    }

    /// <summary>So many streams at once through one peer.</summary>
    /// <param name="peer">Through what.</param>
    /// <param name="streams">How many.</param>
    /// <param name="every">Milliseconds between two messages of one.</param>
    /// <param name="round">Which of the interleaved rounds.</param>
    /// <param name="ask">Makes the request for a stream of so many messages.</param>
    public static async Task<StreamSample> OneAsync(Peer peer, int streams, int every, int round, Func<int, HttpRequestMessage> ask)
    {
        using var http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = streams }) { Timeout = TimeSpan.FromMinutes(1) };
        var events = (int)(Length.TotalMilliseconds / every);
        var counted = new List<double>[streams];
        var begin = Stopwatch.GetTimestamp();
        // What the opening of streams costs is not what is measured here.
        var from = begin + (long)(Settling.TotalSeconds * Stopwatch.Frequency);
        var reading = Enumerable.Range(0, streams).Select(async index =>
        {
            await Task.Delay(TimeSpan.FromMilliseconds((double)every * index / streams));
            counted[index] = await ReadAsync(http, ask, events, from);
        }).ToArray();
        await Task.Delay(Settling);
        var before = peer.CpuSeconds;
        await Task.WhenAll(reading);
        var cpu = peer.CpuSeconds - before;
        var latencies = counted.SelectMany(each => each).Order().ToArray();
        if (latencies.Length == 0) throw new InvalidOperationException($"{peer.Name}: no event arrived in time");
        return new StreamSample(peer.Name, streams, round, latencies.Length, latencies[latencies.Length / 2], latencies[(int)(latencies.Length * 0.99)], cpu * 1e6 / latencies.Length);
    }

    private static HttpRequestMessage Call(string url, string token, int events, int every)
    {
        var body = $$$"""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"size":300,"events":{{{events}}},"everyMs":{{{every}}} },"_meta":{"progressToken":1,"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{} } } }""";
        var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body)) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        foreach (var (name, value) in PeerFiles.Headers(token)) request.Headers.TryAddWithoutValidation(name, value);
        return request;
    }

    private static async Task<List<double>> ReadAsync(HttpClient http, Func<int, HttpRequestMessage> ask, int events, long from)
    {
        using var request = ask(events);
        using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        var reader = PipeReader.Create(await response.Content.ReadAsStreamAsync());
        var latencies = new List<double>(events);
        var seen = 0;
        while (true)
        {
            var read = await reader.ReadAsync();
            var arrived = Stopwatch.GetTimestamp();
            var rest = read.Buffer;
            while (rest.PositionOf((byte)'\n') is { } end)
            {
                if (InstantOf(rest.Slice(0, end)) is { } sent)
                {
                    seen++;
                    if (sent >= from) latencies.Add((arrived - sent) * 1e6 / Stopwatch.Frequency);
                }
                rest = rest.Slice(rest.GetPosition(1, end));
            }
            reader.AdvanceTo(rest.Start, rest.End);
            if (read.IsCompleted) break;
        }
        return seen == events ? latencies : throw new InvalidOperationException($"{request.RequestUri}: {seen} of {events} events arrived, status {(int)response.StatusCode}");
    }

    private static long? InstantOf(ReadOnlySequence<byte> line) => PacedStream.InstantOf(line.IsSingleSegment ? line.FirstSpan : line.ToArray());

    private static IEnumerable<string> Table(Machine machine, List<StreamSample> samples)
    {
        yield return Report.Caption(machine) + string.Create(CultureInfo.InvariantCulture, $" {Rounds} rounds of {Length.TotalSeconds:0.#} s each, interleaved; medians.");
        yield return "";
        foreach (var row in Rows(samples)) yield return row;
    }

    /// <summary>The table without its caption.</summary>
    public static IEnumerable<string> Rows(IReadOnlyList<StreamSample> samples)
    {
        yield return "| through | " + string.Join(" | ", Loads.Select(load => string.Create(CultureInfo.InvariantCulture, $"{load.Streams:N0} streams, a message each {load.EveryMilliseconds} ms: p50, p99 µs; CPU µs"))) + " |";
        yield return "| --- |" + string.Concat(Loads.Select(_ => " --- |"));
        foreach (var peer in samples.Select(sample => sample.Peer).Distinct())
        {
            var cells = Loads.Select(load => samples.Where(sample => sample.Peer == peer && sample.Streams == load.Streams).ToArray()).Select(rounds =>
                string.Create(CultureInfo.InvariantCulture, $"{Median(rounds, each => each.P50Micros):N0}, {Median(rounds, each => each.P99Micros):N0}; {Median(rounds, each => each.CpuMicrosPerEvent):N1}"));
            yield return $"| {peer} | {string.Join(" | ", cells)} |";
        }
    }

    private static double Median(StreamSample[] rounds, Func<StreamSample, double> value) => rounds.Select(value).Order().ElementAt(rounds.Length / 2);
}
