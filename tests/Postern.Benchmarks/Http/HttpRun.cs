using System.Globalization;
using Postern.Benchmarks.Echo;
using Postern.Benchmarks.Measuring;
using Postern.Benchmarks.Streams;
using Postern.Demo.Issuer;

namespace Postern.Benchmarks.Http;

/// <summary>The same requests to an HTTP API through every peer, interleaved; then paced streams. Ratios within one run are the result.</summary>
internal static class HttpRun
{
    public static readonly int[] Sizes = [1_000, 1_000_000];

    private const int StreamRounds = 1;

    private static readonly int[] Clients = [1, 16, 64];

    private const string Rules = """
        version: 1
        rules:
          - { id: nobody-exports, on: { connection: bench, methods: [GET] , paths: ["/**"] }, when: "has(query.format) && query.format == 'csv'", then: deny }
          - { id: reads, who: { groups: [support] }, on: { connection: bench, methods: [GET, HEAD], paths: ["/**"] }, then: allow }
          - { id: refunds, who: { groups: [support] }, on: { connection: bench, methods: [POST], paths: [/refunds] }, when: body.amount <= 500, then: allow }

        """;

    private const string Masks = """
        masks:
          - { id: customers, on: [ { connection: bench } ], fields: ["$..email"], detect: [email], as: redact }

        """;

    /// <summary>The whole table, written to the documents.</summary>
    public static Task RunAsync(int rounds, double seconds) => RunAsync(rounds, seconds, Sizes, Clients, null);

    /// <summary>One size, one number of clients, the peers whose names hold one of these words; only told.</summary>
    public static Task LookAsync(int size, int clients, int rounds, double seconds, string[] words) => RunAsync(rounds, seconds, [size], [clients], words);

    private static async Task RunAsync(int rounds, double seconds, int[] sizes, int[] numbersOfClients, string[]? words)
    {
        var machine = Machine.Describe();
        var folder = Directory.CreateTempSubdirectory("postern-bench-");
        var peers = new List<Peer>();
        var samples = new List<Sample>();
        var streams = new List<StreamSample>();
        try
        {
            await using var issuer = await DemoIssuer.StartAsync(new DemoIssuerOptions { DefaultAudience = EchoRun.Audience, TokenLifetime = TimeSpan.FromHours(4) });
            using var upstream = Peer.Start("api", "", "listening ", "dotnet", [typeof(HttpRun).Assembly.Location, "api"]);
            await EchoRun.StartPeersAsync(peers, folder.FullName, issuer, upstream.Url, name => !name.StartsWith("Postern", StringComparison.Ordinal) && (words is null || words.Contains(name, StringComparer.OrdinalIgnoreCase)));
            foreach (var (name, library, isStrict, isMasked) in MaskedPostern.Wanted(words))
            {
                peers.Add(await MaskedPostern.StartAsync(name, library, folder.FullName, issuer.Issuer, "http", upstream.Url, "/http/bench", Rules, Masks, isStrict, isMasked));
            }
            var token = issuer.IssueToken("alice", client: "demo-agent");
            foreach (var peer in peers) await MaskedPostern.ProbeAsync(peer, token, string.Create(CultureInfo.InvariantCulture, $"/{Sizes[0]}"), "Delivered to the neighbour");
            foreach (var size in sizes)
            {
                var script = Path.Combine(folder.FullName, $"{size}.lua");
                await File.WriteAllTextAsync(script, MaskedPostern.Script(string.Create(CultureInfo.InvariantCulture, $"/{size}"), token));
                foreach (var clients in numbersOfClients)
                {
                    WrkRounds.Run(peers, script, size, size / 2, clients, rounds, TimeSpan.FromSeconds(seconds), samples);
                }
            }
            if (words is not null)
            {
                MaskedPostern.TellLeast(samples);
                return;
            }
            foreach (var (count, every) in StreamRun.Loads)
            {
                for (var round = 1; round <= StreamRounds; round++)
                {
                    foreach (var peer in peers.Where(peer => peer.Name is "direct" or "nginx" or "YARP" or "Postern" or "Postern with masks")) streams.Add(await StreamRun.OneAsync(peer, count, every, round, events => MaskedPostern.Get(peer, token, string.Create(CultureInfo.InvariantCulture, $"/events?events={events}&every={every}"))));
                }
            }
        }
        finally
        {
            foreach (var peer in peers) peer.Dispose();
            folder.Delete(recursive: true);
        }
        Report.Write("http", new { machine, rounds, seconds, samples, streams }, [.. EchoTable.Of(machine, rounds, seconds, samples), "", "**Streams**", "", .. StreamRun.Rows(streams)]);
    }
}
