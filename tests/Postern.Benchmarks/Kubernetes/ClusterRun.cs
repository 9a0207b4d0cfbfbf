using System.Globalization;
using Postern.Benchmarks.Echo;
using Postern.Benchmarks.Measuring;
using Postern.Benchmarks.Streams;
using Postern.Demo.Issuer;

namespace Postern.Benchmarks.Kubernetes;

/// <summary>A pod, a list of five hundred and paced watches through every peer, interleaved. Ratios within one run are the result.</summary>
internal static class ClusterRun
{
    public const string Pods = "/api/v1/namespaces/shop/pods";

    private static readonly int[] Clients = [1, 16, 64];

    private const string Rules = """
        version: 1
        rules:
          - { id: reads, who: { groups: [support] }, on: { connection: bench, verbs: [get, list, watch], resources: [pods], namespaces: [shop] }, then: allow }
          - { id: no-host-pods, on: { connection: bench, verbs: [create, update], resources: [pods] }, when: "object.?spec.?hostNetwork.orValue(false)", then: deny }

        """;

    private const string Masks = """
        masks:
          - { id: owners, on: { connection: bench, resources: [pods] }, fields: ["$.spec.containers[*].env[*].value"], detect: [email], as: redact }

        """;

    /// <summary>The whole table, written to the documents.</summary>
    public static async Task RunAsync(int rounds, double seconds)
    {
        var machine = Machine.Describe();
        var folder = Directory.CreateTempSubdirectory("postern-bench-");
        var peers = new List<Peer>();
        var samples = new List<Sample>();
        var streams = new List<StreamSample>();
        try
        {
            await using var issuer = await DemoIssuer.StartAsync(new DemoIssuerOptions { DefaultAudience = EchoRun.Audience, TokenLifetime = TimeSpan.FromHours(4) });
            using var upstream = Peer.Start("cluster", "", "listening ", "dotnet", [typeof(ClusterRun).Assembly.Location, "cluster"]);
            await EchoRun.StartPeersAsync(peers, folder.FullName, issuer, upstream.Url, name => name is "direct" or "nginx" or "HAProxy" or "YARP");
            foreach (var (isStrict, isMasked) in new[] { (false, false), (false, true), (true, false), (true, true) })
                peers.Add(await StartAsync($"Postern{(isMasked ? " with masks" : "")}{(isStrict ? "" : ", durable wait off")}", folder.FullName, issuer.Issuer, upstream.Url, isStrict, isMasked));
            var token = issuer.IssueToken("alice", client: "demo-agent");
            foreach (var peer in peers) await ProbeAsync(peer, token);
            foreach (var (path, size) in new[] { (Pods + "/web-1", ClusterUpstream.One.Length), (Pods, ClusterUpstream.List.Length) })
            {
                var script = Path.Combine(folder.FullName, $"{size}.lua");
                await File.WriteAllTextAsync(script, Wrk(path, token));
                foreach (var clients in Clients)
                {
                    foreach (var peer in peers) WrkRun.Run(peer, script, size, clients, 0, TimeSpan.FromSeconds(1), isKept: false);
                    for (var round = 1; round <= rounds; round++)
                    {
                        // Each round begins with another peer, so that none always follows the same one.
                        for (var index = 0; index < peers.Count; index++)
                        {
                            // Masks shorten an object; what is looked for is that it is one.
                            var sample = WrkRun.Run(peers[(index + round) % peers.Count], script, size / 2, clients, round, TimeSpan.FromSeconds(seconds), isKept: true)! with { Size = size };
                            samples.Add(sample);
                            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{size,7} B {clients,3} clients  {sample.Peer,-38} {sample.CallsPerSecond,9:N0}/s  p50 {sample.P50Micros,7:N0} µs  p99 {sample.P99Micros,8:N0} µs  cpu {sample.CpuMicrosPerCall,8:N1} µs"));
                        }
                    }
                }
            }
            foreach (var (count, every) in StreamRun.Loads)
            {
                foreach (var peer in peers.Where(peer => peer.Name is "direct" or "nginx" or "YARP" or "Postern" or "Postern with masks")) streams.Add(await StreamRun.OneAsync(peer, count, every, 1, events => Watch(peer, token, events, every)));
            }
        }
        finally
        {
            foreach (var peer in peers) peer.Dispose();
            folder.Delete(recursive: true);
        }
        Report.Write("kubernetes", new { machine, rounds, seconds, samples, streams }, [.. EchoTable.Of(machine, rounds, seconds, samples), "", "**Watches**, an event a pod", "", .. StreamRun.Rows(streams)]);
    }

    private static async Task<Peer> StartAsync(string name, string folder, string issuer, string upstream, bool isStrict, bool isMasked)
    {
        var key = $"{(isStrict ? "strict" : "relaxed")}-{(isMasked ? "masked" : "plain")}";
        await File.WriteAllTextAsync(Path.Combine(folder, $"{key}-policy.yaml"), Rules + (isMasked ? Masks : ""));
        var file = Path.Combine(folder, $"{key}.yaml");
        await File.WriteAllTextAsync(file, $$"""
            listen: { url: "http://127.0.0.1:0", kubernetes: none, management: none }
            data: data-{{key}}
            issuers:
              demo: { authority: "{{issuer}}", audience: "{{EchoRun.Audience}}" }
            connections:
              bench: { protocol: kubernetes, url: "{{upstream}}" }
            policy: [{{key}}-policy.yaml]
            record: { durability: {{(isStrict ? "strict" : "relaxed")}} }
            """);
        var postern = Path.Combine(Report.Root, "src", "Postern.Cli", "bin", "Release", "net10.0", "postern.dll");
        return Peer.Start(name, "/k8s/bench", "serves at ", "dotnet", [postern, "serve", "--config", file]);
    }

    /// <summary>One request whose answer is looked at, before they are only counted.</summary>
    private static async Task ProbeAsync(Peer peer, string token)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(60) };
        using var request = Request(peer, token, "/web-1");
        using var response = await http.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        var isMasked = peer.Name.Contains("masks", StringComparison.Ordinal);
        if (!text.Contains("registry.example", StringComparison.Ordinal) || text.Contains("@example.com", StringComparison.Ordinal) == isMasked) throw new InvalidOperationException($"{peer.Name} does not answer as it should: {(int)response.StatusCode} {text}");
    }

    private static HttpRequestMessage Watch(Peer peer, string token, int events, int every) => Request(peer, token, string.Create(CultureInfo.InvariantCulture, $"?watch=true&events={events}&every={every}"));

    private static HttpRequestMessage Request(Peer peer, string token, string rest)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, peer.Url + Pods + rest);
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + token);
        return request;
    }

    private static string Wrk(string path, string token) => $$"""
        local headers = { ["Accept"] = "application/json", ["Authorization"] = "Bearer {{token}}" }
        local made = nil
        request = function()
          if made == nil then made = wrk.format("GET", wrk.path .. "{{path}}", headers) end
          return made
        end
        """ + "\n" + PeerFiles.WrkDone;
}
