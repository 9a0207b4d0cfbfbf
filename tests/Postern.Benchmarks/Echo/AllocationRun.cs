using System.Globalization;
using Postern.Benchmarks.Measuring;
using Postern.Benchmarks.Steps;
using Postern.Demo.Issuer;
using Postern.Gateway;
using Postern.Gateway.Configuration;

namespace Postern.Benchmarks.Echo;

/// <summary>
/// What one call allocates, whole: the gateway runs in this process, everything else outside, and the runtime counts. The
/// connection handling of the web server is in the figure.
/// </summary>
internal static class AllocationRun
{
    private const string Audience = "https://postern.test";

    public static async Task RunAsync()
    {
        var machine = Machine.Describe();
        var folder = Directory.CreateTempSubdirectory("postern-bench-");
        var rows = new List<(string Name, double Bytes)>();
        try
        {
            await using var issuer = await DemoIssuer.StartAsync(new DemoIssuerOptions { DefaultAudience = Audience, TokenLifetime = TimeSpan.FromHours(4) });
            using var upstream = Peer.Start("upstream", "", "listening ", "dotnet", [typeof(EchoRun).Assembly.Location, "upstream"]);
            var policy = Path.Combine(folder.FullName, "policy.yaml");
            await File.WriteAllTextAsync(policy, Samples.Policy(100));
            await using var gateway = await GatewayHost.StartAsync(new GatewayOptions
            {
                Url = "http://127.0.0.1:0",
                Management = null,
                Data = Path.Combine(folder.FullName, "data"),
                Issuers = [new IssuerOptions { Name = "demo", Authority = issuer.Issuer, Audience = Audience }],
                Connections = [new ConnectionOptions { Name = Samples.Connection.Name, Protocol = "mcp", Url = upstream.Url }],
                Policy = [policy],
            });
            var peer = Peer.Direct($"{gateway.Url}/mcp/{Samples.Connection.Name}");
            foreach (var size in EchoRun.Sizes)
            {
                var script = Path.Combine(folder.FullName, $"{size}.lua");
                await File.WriteAllTextAsync(script, PeerFiles.Wrk(size, issuer.IssueToken("alice", client: "demo-agent")));
                WrkRun.Run(peer, script, size, 16, 0, TimeSpan.FromSeconds(3), isKept: false);
                var before = GC.GetTotalAllocatedBytes(precise: true);
                var sample = WrkRun.Run(peer, script, size, 16, 1, TimeSpan.FromSeconds(3), isKept: true)!;
                var bytes = (GC.GetTotalAllocatedBytes(precise: true) - before) / (sample.CallsPerSecond * 3);
                rows.Add((string.Create(CultureInfo.InvariantCulture, $"result of {size:N0} B"), bytes));
                Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{rows[^1].Name,-24} {bytes,10:N0} B allocated per call"));
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
        var results = rows.Select(row => new { row.Name, BytesPerCall = row.Bytes }).ToArray();
        Report.Write("allocation", new { machine, results },
        [
            Report.Caption(machine), "", "| call | allocated B |", "| --- | ---: |",
            .. rows.Select(row => string.Create(CultureInfo.InvariantCulture, $"| {row.Name} | {row.Bytes:N0} |")),
        ]);
    }
}
