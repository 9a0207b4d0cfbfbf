using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Postern.Benchmarks.Echo;
using Postern.Benchmarks.Measuring;
using Postern.Demo.Issuer;

namespace Postern.Benchmarks.Held;

/// <summary>
/// What callers cost that wait for people: <c>postern serve</c> in a process of its own, one connection and one hold for each, and
/// ordinary calls meanwhile. Memory and threads as the kernel counts them.
/// </summary>
internal static class HeldRun
{
    private const string Audience = "https://postern.test";
    private const int PerSession = 200; // one session may have 256 requests open

    private const string Policy = """
        version: 1
        rules:
          - { id: waits, who: { groups: [support] }, on: { connection: bench, tools: [pay] }, then: hold, hold: { approvers: { groups: [on-call] }, expires: 1h } }
          - { id: goes, who: { groups: [support] }, on: { connection: bench, tools: [look] }, then: allow }
        """;

    public static async Task RunAsync(int callers)
    {
        var machine = Machine.Describe();
        var folder = Directory.CreateTempSubdirectory("postern-bench-");
        try
        {
            await using var issuer = await DemoIssuer.StartAsync(new DemoIssuerOptions { DefaultAudience = Audience, TokenLifetime = TimeSpan.FromHours(4) });
            await using var target = await StartTargetAsync();
            var file = Path.Combine(folder.FullName, "postern.yaml");
            await File.WriteAllTextAsync(Path.Combine(folder.FullName, "policy.yaml"), Policy);
            await File.WriteAllTextAsync(file, $$"""
                listen: { url: "http://127.0.0.1:0", management: none }
                data: data
                issuers: { demo: { authority: "{{issuer.Issuer}}", audience: "{{Audience}}" } }
                connections: { bench: { protocol: mcp, url: "{{target.Urls.Single()}}/mcp" } }
                policy: [policy.yaml]
                holds: { wait: 10m, clients: { bench: 10m } }
                limits: { connections: {{callers + 1_000}}, waiting: {{callers}}, questions: {{callers}} }
                """);
            var library = Path.Combine(Report.Root, "src", "Postern.Cli", "bin", new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name, "net10.0", "postern.dll");
            using var gateway = Peer.Start("postern", "/mcp/bench", "serves at ", "dotnet", [library, "serve", "--config", file]);
            var url = new Uri(gateway.Url);
            var token = issuer.IssueToken("alice", client: "demo-agent");

            using var http = new HttpClient();
            await LookAsync(http, url, token, 300);
            var idle = ProcessMemory.Of(gateway.ProcessId);
            var before = await LookAsync(http, url, token, 300);

            var sockets = new List<Socket>(callers);
            var started = TimeProvider.System.GetTimestamp();
            for (var session = ""; sockets.Count < callers;)
            {
                if (sockets.Count % PerSession == 0) session = await OpenSessionAsync(http, url, token);
                sockets.Add(await HoldAsync(url, token, session, sockets.Count));
            }
            await Task.WhenAll(sockets.Select(FirstByteAsync));
            var arriving = TimeProvider.System.GetElapsedTime(started);

            var cpu = gateway.CpuSeconds;
            await Task.Delay(TimeSpan.FromSeconds(30));
            var perSecond = (gateway.CpuSeconds - cpu) / 30;
            var held = ProcessMemory.Of(gateway.ProcessId);
            var meanwhile = await LookAsync(http, url, token, 300);
            foreach (var socket in sockets) socket.Dispose();

            var bytes = (held.Resident - idle.Resident) / (double)callers;
            var result = new { callers, arrivingSeconds = arriving.TotalSeconds, idle, held, bytesPerCaller = bytes, cpuShareWhileWaiting = perSecond, callMillisecondsBefore = before, callMillisecondsMeanwhile = meanwhile };
            Report.Write("held", new { machine, result },
            [
                Report.Caption(machine), "", "| | idle | while they wait |", "| --- | ---: | ---: |",
                string.Create(CultureInfo.InvariantCulture, $"| callers that wait | 0 | {callers:N0} |"),
                string.Create(CultureInfo.InvariantCulture, $"| resident memory | {idle.Resident / 1048576.0:N0} MiB | {held.Resident / 1048576.0:N0} MiB: {bytes / 1024:N1} KiB each |"),
                string.Create(CultureInfo.InvariantCulture, $"| threads | {idle.Threads} | {held.Threads} |"),
                string.Create(CultureInfo.InvariantCulture, $"| CPU for signs of life | | {perSecond * 100:N1} % of one core |"),
                string.Create(CultureInfo.InvariantCulture, $"| an ordinary call, p50 | {before:N2} ms | {meanwhile:N2} ms |"),
                string.Create(CultureInfo.InvariantCulture, $"| time until all were held, one after another | | {arriving.TotalSeconds:N0} s |"),
            ]);
            Console.Error.WriteLine(JsonSerializer.Serialize(result));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>Median time of an ordinary call, ms.</summary>
    private static async Task<double> LookAsync(HttpClient http, Uri url, string token, int calls)
    {
        var times = new List<double>(calls);
        for (var i = 0; i < calls; i++)
        {
            var started = TimeProvider.System.GetTimestamp();
            using var response = await PostAsync(http, url, token, null, """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"look","arguments":{}}}""");
            var body = await response.Content.ReadAsStringAsync();
            if (!body.Contains("\"seen\"", StringComparison.Ordinal)) throw new InvalidOperationException($"an ordinary call was answered {body}");
            times.Add(TimeProvider.System.GetElapsedTime(started).TotalMilliseconds);
        }
        times.Sort();
        return times[times.Count / 2];
    }

    private static async Task<string> OpenSessionAsync(HttpClient http, Uri url, string token)
    {
        using var response = await PostAsync(http, url, token, null, """{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}""");
        return response.Headers.GetValues("Mcp-Session-Id").Single();
    }

    private static async Task<HttpResponseMessage> PostAsync(HttpClient http, Uri url, string token, string? session, string body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + token);
        if (session is not null) request.Headers.TryAddWithoutValidation("Mcp-Session-Id", session);
        return await http.SendAsync(request);
    }

    /// <summary>One caller on a connection of its own, with arguments of its own.</summary>
    private static async Task<Socket> HoldAsync(Uri url, string token, string session, int number)
    {
        var body = $$$$"""{"jsonrpc":"2.0","id":{{{{number}}}},"method":"tools/call","params":{"name":"pay","arguments":{"order":{{{{number}}}},"amount":900}}}""";
        var request = $"POST {url.AbsolutePath} HTTP/1.1\r\nHost: {url.Authority}\r\nAuthorization: Bearer {token}\r\nMcp-Session-Id: {session}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nContent-Length: {body.Length}\r\n\r\n{body}";
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, url.Port));
        await socket.SendAsync(Encoding.ASCII.GetBytes(request));
        return socket;
    }

    /// <summary>The head of the answer comes when the waiting begins.</summary>
    private static async Task FirstByteAsync(Socket socket)
    {
        var head = new byte[64];
        var count = await socket.ReceiveAsync(head);
        var text = Encoding.ASCII.GetString(head, 0, count);
        if (!text.StartsWith("HTTP/1.1 200", StringComparison.Ordinal)) throw new InvalidOperationException($"a held call was answered {text}");
    }

    private static async Task<WebApplication> StartTargetAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        var sessions = 0;
        app.MapPost("/mcp", async context =>
        {
            using var message = await JsonDocument.ParseAsync(context.Request.Body);
            if (!message.RootElement.TryGetProperty("id", out var id))
            {
                context.Response.StatusCode = StatusCodes.Status202Accepted;
                return;
            }
            var method = message.RootElement.GetProperty("method").GetString();
            if (method == "initialize") context.Response.Headers["Mcp-Session-Id"] = $"s{Interlocked.Increment(ref sessions)}";
            var result = method switch
            {
                "initialize" => """{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"till","version":"1"}}""",
                "tools/list" => """{"tools":[{"name":"pay","inputSchema":{"type":"object"}},{"name":"look","inputSchema":{"type":"object"}}]}""",
                _ => """{"content":[{"type":"text","text":"seen"}]}""",
            };
            context.Response.ContentType = "application/json";
            await context.Response.WriteAsync($$"""{"jsonrpc":"2.0","id":{{id.GetRawText()}},"result":{{result}}}""");
        });
        await app.StartAsync();
        return app;
    }
}
