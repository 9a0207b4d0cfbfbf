using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Postern.Conformance.Gateways;
using Postern.Tests;

namespace Postern.Conformance.Kubernetes;

/// <summary>The real kubectl's port-forward (SPDY within a WebSocket, and SPDY alone) through a gateway, at the real API server, before a kubelet whose pod is this machine.</summary>
public sealed partial class KubectlPortForwardTests(SharedApiServer shared)
{
    private const string Forwards =
        """
        version: 1
        rules:
          - id: looks
            who: { groups: [support] }
            on: { connection: prod, verbs: [get, list], resources: [pods], namespaces: [NS] }
            then: allow
          - id: forwards
            who: { groups: [support] }
            on: { connection: prod, verbs: [portforward], resources: [pods/portforward], namespaces: [NS] }
            then: allow
          - id: not-the-database
            who: { groups: [support] }
            on: { connection: prod, verbs: [portforward], resources: [pods/portforward], namespaces: [NS] }
            when: request.port == 5432
            then: deny
            message: The database is not forwarded.
        """;

    private static readonly string[] s_both = ["v5.channel.k8s.io", "v4.channel.k8s.io"];

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Theory]
    [Row("K02"), Row("K15"), Guarantee("G1")]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_port_is_forwarded_as_it_is_without_and_recorded(bool isWebSocket)
    {
        await using var bed = await ClusterBed.StartAsync(shared, Forwards, Test);
        await using var kubelet = await ScriptedKubelet.StartAsync(bed.Server, bed.Namespace, s_both, Test);
        await using var pod = await PodAsync();
        kubelet.Ports[80] = PortOf(pod);
        await using var forward = await StartAsync(bed, isWebSocket, "80");
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false, MaxConnectionsPerServer = 12, PooledConnectionLifetime = TimeSpan.Zero });

        Assert.Equal("hello canary-7ad1", await client.GetStringAsync($"http://127.0.0.1:{forward.Port}/hello", Test));
        var content = RandomNumberGenerator.GetBytes(1_200_000);
        var bodies = await Task.WhenAll(Enumerable.Range(0, 24).Select(async i =>
        {
            using var response = await client.PostAsync(new Uri($"http://127.0.0.1:{forward.Port}/echo"), new ByteArrayContent(content, 0, SizeOf(i)), Test);
            return await response.Content.ReadAsByteArrayAsync(Test);
        }));
        Assert.All(bodies.Index(), each => Assert.Equal(content[..SizeOf(each.Index)], each.Item));

        await bed.Host.StopAsync();
        var record = Recordings.Read(bed.Data);
        var operations = record.Operations.Where(operation => operation.Intent.Parts[0].Action == "kubernetes.portforward").ToArray();
        var opening = Assert.Single(operations, operation => operation.Intent.Parent is null);
        Assert.InRange(operations.Length, 13, 26);
        Assert.All(operations.Where(operation => operation != opening), operation => Assert.Equal(opening.Intent.Op, operation.Intent.Parent));
        Assert.Contains("canary-7ad1", record.Everything, StringComparison.Ordinal);
        Assert.Contains("GET /hello HTTP/1.1", record.Everything, StringComparison.Ordinal);
        Assert.Contains("portforward?ports=80", record.Everything, StringComparison.Ordinal);
    }

    [Fact]
    [Row("K02"), Row("K04")]
    public async Task Each_port_is_asked_for_by_itself_and_the_caller_hears_why_not()
    {
        await using var bed = await ClusterBed.StartAsync(shared, Forwards, Test);
        await using var kubelet = await ScriptedKubelet.StartAsync(bed.Server, bed.Namespace, s_both, Test);

        await using (var forward = await StartAsync(bed, isWebSocket: true, "5432"))
        {
            Assert.Equal("", await SayAsync(forward.Port, "SELECT 1"));
            Assert.Contains("Postern refused this on purpose: The database is not forwarded", await forward.ErrorAsync("database"), StringComparison.Ordinal);
        }
        await using (var forward = await StartAsync(bed, isWebSocket: true, "9"))
        {
            Assert.Equal("", await SayAsync(forward.Port, "x"));
            Assert.Contains("connection refused by port 9", await forward.ErrorAsync("refused"), StringComparison.Ordinal);
        }
        Assert.Equal(0, kubelet.Forwarding);

        bed.Edit(Forwards.Replace("[portforward]", "[get]", StringComparison.Ordinal));
        for (var tries = 0; tries < 50; tries++)
        {
            var refused = await bed.KubectlAsync("alice", "port-forward", "pod/p", "0:80");
            Assert.Equal(1, refused.ExitCode);
            if (refused.Error.Contains("Postern refused this on purpose", StringComparison.Ordinal)) return;
        }
        Assert.Fail("never refused");
    }

    [Fact]
    [Row("K15"), Guarantee("G10"), Guarantee("G12")]
    public async Task What_is_open_ends_with_its_right_within_two_seconds()
    {
        await using var bed = await ClusterBed.StartAsync(shared, Forwards, Test);
        await using var kubelet = await ScriptedKubelet.StartAsync(bed.Server, bed.Namespace, s_both, Test);
        using var pod = new TcpListener(IPAddress.Loopback, 0);
        pod.Start();
        kubelet.Ports[6379] = ((IPEndPoint)pod.LocalEndpoint).Port;
        await using var forward = await StartAsync(bed, isWebSocket: true, "6379");
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, forward.Port, Test);
        await client.GetStream().WriteAsync("PING"u8.ToArray(), Test);
        using var server = await pod.AcceptTcpClientAsync(Test);
        var heard = new byte[16];
        Assert.Equal(4, await server.GetStream().ReadAsync(heard, Test));
        await server.GetStream().WriteAsync("PONG"u8.ToArray(), Test);
        Assert.Equal(4, await client.GetStream().ReadAsync(heard, Test));

        bed.Edit(Forwards.Replace("[portforward]", "[get]", StringComparison.Ordinal));
        var watch = Stopwatch.StartNew();
        Assert.Equal(0, await ReadToEndAsync(client));
        Assert.Equal(0, await ReadToEndAsync(server));

        // Two seconds from the policy's publication; the watch of the file comes before.
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(8));
        Assert.Contains("policy changed", await forward.ErrorAsync("policy changed"), StringComparison.Ordinal);
    }

    [Fact]
    [Guarantee("G11"), Row("K04")]
    public async Task Under_a_mask_nothing_is_forwarded()
    {
        await using var bed = await ClusterBed.StartAsync(shared, Forwards + "\nmasks:\n  - { id: pii, on: [ { connection: prod } ], detect: [credit-card], as: redact }\n", Test);
        await using var kubelet = await ScriptedKubelet.StartAsync(bed.Server, bed.Namespace, s_both, Test);

        var refused = await bed.KubectlAsync("alice", "port-forward", "pod/p", "0:80");

        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("what a forwarded port carries cannot be read", refused.Error, StringComparison.Ordinal);
    }

    private static async Task<int> ReadToEndAsync(TcpClient client)
    {
        try
        {
            return await client.GetStream().ReadAsync(new byte[16], Test);
        }
        catch (IOException)
        {
            return 0;
        }
    }

    private static async Task<string> SayAsync(int port, string text)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, port, Test);
        await client.GetStream().WriteAsync(Encoding.UTF8.GetBytes(text), Test);
        using var reader = new StreamReader(client.GetStream());
        try
        {
            return await reader.ReadToEndAsync(Test);
        }
        catch (IOException)
        {
            return "";
        }
    }

    private static async Task<WebApplication> PodAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        app.MapGet("/hello", () => "hello canary-7ad1");
        app.MapPost("/echo", async (HttpContext http) => await http.Request.Body.CopyToAsync(http.Response.Body));
        await app.StartAsync(Test);
        return app;
    }

    // One that is larger than everything that may wait at once, and many at once.
    private static int SizeOf(int index) => index == 0 ? 1_200_000 : 60_000 + (index * 1000);

    private static int PortOf(WebApplication app) => new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()).Port;

    private static async Task<Forward> StartAsync(ClusterBed bed, bool isWebSocket, string port)
    {
        var process = bed.Start(new Dictionary<string, string?>(StringComparer.Ordinal) { ["KUBECTL_PORT_FORWARD_WEBSOCKETS"] = isWebSocket ? "true" : "false" }, [.. bed.Place("alice"), "port-forward", "pod/p", ":" + port]);
        var line = await process.StandardOutput.ReadLineAsync(Test);
        if (line is null) Assert.Fail(await process.StandardError.ReadToEndAsync(Test));
        return new Forward(process, int.Parse(LocalPort().Match(line!).Groups[1].Value, CultureInfo.InvariantCulture));
    }

    [GeneratedRegex(@"127\.0\.0\.1:(\d+) ->")]
    private static partial Regex LocalPort();

    private sealed class Forward : IAsyncDisposable
    {
        private readonly Process _process;
        private readonly StringBuilder _error = new();

        public Forward(Process process, int port)
        {
            (_process, Port) = (process, port);
            process.ErrorDataReceived += (_, line) =>
            {
                lock (_error) _error.AppendLine(line.Data);
            };
            process.BeginErrorReadLine();
        }

        public int Port { get; }

        /// <summary>What kubectl complains of, once the words are among it.</summary>
        public async Task<string> ErrorAsync(string words)
        {
            for (var waited = 0; ; waited++)
            {
                string said;
                lock (_error) said = _error.ToString();
                if (said.Contains(words, StringComparison.Ordinal) || waited == 200) return said;
                await Task.Delay(50, Test);
            }
        }

        public async ValueTask DisposeAsync()
        {
            if (!_process.HasExited) _process.Kill();
            await _process.WaitForExitAsync(CancellationToken.None);
            _process.Dispose();
        }
    }
}
