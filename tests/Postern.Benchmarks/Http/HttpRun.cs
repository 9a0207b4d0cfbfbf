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
            foreach (var (isStrict, isMasked) in new[] { (false, false), (false, true), (true, false), (true, true) })
            {
                var name = $"Postern{(isMasked ? " with masks" : "")}{(isStrict ? "" : ", durable wait off")}";
                if (words is null || words.Contains(name, StringComparer.OrdinalIgnoreCase)) peers.Add(await StartAsync(name, folder.FullName, issuer.Issuer, upstream.Url, isStrict, isMasked));
            }
            var token = issuer.IssueToken("alice", client: "demo-agent");
            foreach (var peer in peers) await ProbeAsync(peer, token);
            foreach (var size in sizes)
            {
                var script = Path.Combine(folder.FullName, $"{size}.lua");
                await File.WriteAllTextAsync(script, Wrk(size, token));
                foreach (var clients in numbersOfClients)
                {
                    foreach (var peer in peers) WrkRun.Run(peer, script, size, clients, 0, TimeSpan.FromSeconds(1), isKept: false);
                    for (var round = 1; round <= rounds; round++)
                    {
                        // Each round begins with another peer, so that none always follows the same one.
                        for (var index = 0; index < peers.Count; index++)
                        {
                            // Masks shorten a document; what is looked for is that it is one.
                            var sample = WrkRun.Run(peers[(index + round) % peers.Count], script, size / 2, clients, round, TimeSpan.FromSeconds(seconds), isKept: true)! with { Size = size };
                            samples.Add(sample);
                            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{size,7} B {clients,3} clients  {sample.Peer,-38} {sample.CallsPerSecond,9:N0}/s  p50 {sample.P50Micros,7:N0} µs  p99 {sample.P99Micros,8:N0} µs  cpu {sample.CpuMicrosPerCall,8:N1} µs"));
                        }
                    }
                }
            }
            if (words is not null) return;
            foreach (var (count, every) in StreamRun.Loads)
            {
                for (var round = 1; round <= StreamRounds; round++)
                {
                    foreach (var peer in peers.Where(peer => peer.Name is "direct" or "nginx" or "YARP" or "Postern" or "Postern with masks")) streams.Add(await StreamRun.OneAsync(peer, count, every, round, events => Ask(peer, token, events, every)));
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

    private static async Task<Peer> StartAsync(string name, string folder, string issuer, string upstream, bool isStrict, bool isMasked)
    {
        var key = $"{(isStrict ? "strict" : "relaxed")}-{(isMasked ? "masked" : "plain")}";
        var policy = Path.Combine(folder, $"{key}-policy.yaml");
        await File.WriteAllTextAsync(policy, Rules + (isMasked ? Masks : ""));
        var file = Path.Combine(folder, $"{key}.yaml");
        await File.WriteAllTextAsync(file, $$"""
            listen: { url: "http://127.0.0.1:0", management: none }
            data: data-{{key}}
            issuers:
              demo: { authority: "{{issuer}}", audience: "{{EchoRun.Audience}}" }
            connections:
              bench: { protocol: http, url: "{{upstream}}" }
            policy: [{{key}}-policy.yaml]
            record: { durability: {{(isStrict ? "strict" : "relaxed")}} }
            """);
        var postern = Path.Combine(Report.Root, "src", "Postern.Cli", "bin", "Release", "net10.0", "postern.dll");
        return Peer.Start(name, "/http/bench", "serves at ", "dotnet", [postern, "serve", "--config", file]);
    }

    /// <summary>One request whose answer is looked at, before they are only counted.</summary>
    private static async Task ProbeAsync(Peer peer, string token)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(60) };
        using var request = new HttpRequestMessage(HttpMethod.Get, string.Create(CultureInfo.InvariantCulture, $"{peer.Url}/{Sizes[0]}"));
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + token);
        using var response = await http.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        var isMasked = peer.Name.Contains("masks", StringComparison.Ordinal);
        if (!text.Contains("Delivered to the neighbour", StringComparison.Ordinal) || text.Contains("@example.com", StringComparison.Ordinal) == isMasked) throw new InvalidOperationException($"{peer.Name} does not answer as it should: {(int)response.StatusCode} {text}");
    }

    private static HttpRequestMessage Ask(Peer peer, string token, int events, int every)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, string.Create(CultureInfo.InvariantCulture, $"{peer.Url}/events?events={events}&every={every}"));
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + token);
        return request;
    }

    private static string Wrk(int size, string token) => $$"""
        local headers = { ["Accept"] = "application/json", ["Authorization"] = "Bearer {{token}}" }
        local made = nil
        request = function()
          if made == nil then made = wrk.format("GET", wrk.path .. "/{{size.ToString(CultureInfo.InvariantCulture)}}", headers) end
          return made
        end
        """ + "\n" + PeerFiles.WrkDone;
}
