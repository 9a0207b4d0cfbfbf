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
    public static Task RunAsync(int rounds, double seconds) => RunAsync(rounds, seconds, null, Clients, null);

    /// <summary>One thing (<c>pod</c>, <c>list</c>), one number of clients, the peers of these names; only told.</summary>
    public static Task LookAsync(string what, int clients, int rounds, double seconds, string[] names) => RunAsync(rounds, seconds, what, [clients], names);

    private static async Task RunAsync(int rounds, double seconds, string? what, int[] numbersOfClients, string[]? names)
    {
        bool IsWanted(string name) => names is null || names.Contains(name, StringComparer.OrdinalIgnoreCase);
        var machine = Machine.Describe();
        var folder = Directory.CreateTempSubdirectory("postern-bench-");
        var peers = new List<Peer>();
        var samples = new List<Sample>();
        var streams = new List<StreamSample>();
        try
        {
            await using var issuer = await DemoIssuer.StartAsync(new DemoIssuerOptions { DefaultAudience = EchoRun.Audience, TokenLifetime = TimeSpan.FromHours(4) });
            using var upstream = Peer.Start("cluster", "", "listening ", "dotnet", [typeof(ClusterRun).Assembly.Location, "cluster"]);
            await EchoRun.StartPeersAsync(peers, folder.FullName, issuer, upstream.Url, name => (name is "direct" or "nginx" or "HAProxy" or "YARP") && IsWanted(name));
            foreach (var (name, library, isStrict, isMasked) in MaskedPostern.Wanted(names))
            {
                peers.Add(await MaskedPostern.StartAsync(name, library, folder.FullName, issuer.Issuer, "kubernetes", upstream.Url, "/k8s/bench", Rules, Masks, isStrict, isMasked));
            }
            var token = issuer.IssueToken("alice", client: "demo-agent");
            foreach (var peer in peers) await MaskedPostern.ProbeAsync(peer, token, Pods + "/web-1", "registry.example");
            foreach (var (name, path, size) in new[] { ("pod", Pods + "/web-1", ClusterUpstream.One.Length), ("list", Pods, ClusterUpstream.List.Length) })
            {
                if ((what ?? name) != name) continue;
                var script = Path.Combine(folder.FullName, $"{size}.lua");
                await File.WriteAllTextAsync(script, MaskedPostern.Script(path, token));
                foreach (var clients in numbersOfClients)
                {
                    WrkRounds.Run(peers, script, size, size / 2, clients, rounds, TimeSpan.FromSeconds(seconds), samples);
                }
            }
            if (names is not null)
            {
                MaskedPostern.TellLeast(samples);
                return;
            }
            foreach (var (count, every) in StreamRun.Loads)
            {
                foreach (var peer in peers.Where(peer => peer.Name is "direct" or "nginx" or "YARP" or "Postern" or "Postern with masks")) streams.Add(await StreamRun.OneAsync(peer, count, every, 1, events => MaskedPostern.Get(peer, token, string.Create(CultureInfo.InvariantCulture, $"{Pods}?watch=true&events={events}&every={every}"))));
            }
        }
        finally
        {
            foreach (var peer in peers) peer.Dispose();
            folder.Delete(recursive: true);
        }
        Report.Write("kubernetes", new { machine, rounds, seconds, samples, streams }, [.. EchoTable.Of(machine, rounds, seconds, samples), "", "**Watches**, an event a pod", "", .. StreamRun.Rows(streams)]);
    }
}
