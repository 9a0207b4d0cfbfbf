using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Postern.Conformance.Kubernetes;

/// <summary>
/// A kubelet without containers: what is run in a pod runs as a process of this machine, over the WebSocket protocols that it is told to speak,
/// as a kubelet speaks them. The real API server passes its streams through. SPDY it does not speak at all.
/// </summary>
internal sealed class ScriptedKubelet : IAsyncDisposable
{
    private const byte Stdin = 0, Stdout = 1, Stderr = 2, Error = 3, Resize = 4, Close = 255;

    private readonly WebApplication _server;
    private readonly string[] _protocols;
    private int _forwarding;

    private ScriptedKubelet(WebApplication server, string[] protocols) => (_server, _protocols) = (server, protocols);

    /// <summary>What a log says, piece by piece; the log ends when it is completed.</summary>
    public Channel<string> Log { get; } = Channel.CreateUnbounded<string>();

    /// <summary>Sizes that terminals were given.</summary>
    public List<string> Sizes { get; } = [];

    /// <summary>Ports of the pod, and where on this machine each of them is; what is not here is refused by the pod.</summary>
    public Dictionary<int, int> Ports { get; } = [];

    /// <summary>Forwarded connections that are open now.</summary>
    public int Forwarding => Volatile.Read(ref _forwarding);

    /// <summary>Processes that were ended because their stream was.</summary>
    public int Ended { get; private set; }

    /// <summary>Starts one, and tells the cluster of it: a node, and on it a running pod <c>p</c> in the namespace.</summary>
    public static async Task<ScriptedKubelet> StartAsync(ApiServer cluster, string space, string[] protocols, CancellationToken cancellationToken)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var made = new CertificateRequest("CN=kubelet", key, HashAlgorithmName.SHA256).CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddDays(1));
        var certificate = X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), null);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(certificate)));
        var server = builder.Build();
        server.UseWebSockets();
        var kubelet = new ScriptedKubelet(server, protocols);
        server.MapGet("/exec/{space}/{pod}/{container}", kubelet.ExecAsync);
        server.MapGet("/attach/{space}/{pod}/{container}", kubelet.ExecAsync);
        server.MapGet("/portForward/{space}/{pod}", kubelet.ForwardAsync);
        server.MapGet("/containerLogs/{space}/{pod}/{container}", kubelet.LogAsync);
        server.MapFallback(context =>
        {
            context.Response.StatusCode = StatusCodes.Status403Forbidden;
            return Task.CompletedTask;
        });
        await server.StartAsync(cancellationToken);
        var port = new Uri(server.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()).Port;
        var node = $"node-{space}";
        await cluster.CreateAsync(
            "/api/v1/nodes",
            $$$"""{"apiVersion":"v1","kind":"Node","metadata":{"name":"{{{node}}}"},"status":{"addresses":[{"type":"InternalIP","address":"127.0.0.1"}],"daemonEndpoints":{"kubeletEndpoint":{"Port":{{{port}}} } } } }""",
            cancellationToken);
        await cluster.CreateAsync(
            $"/api/v1/namespaces/{space}/pods",
            $$$"""{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"nodeName":"{{{node}}}","containers":[{"name":"c","image":"x","stdin":true}]}}""",
            cancellationToken);
        var (status, body) = await cluster.PatchAsync(
            $"/api/v1/namespaces/{space}/pods/p/status",
            """{"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}],"containerStatuses":[{"name":"c","ready":true,"restartCount":0,"image":"x","imageID":"x","state":{"running":{}}}]}}""",
            cancellationToken);
        Assert.True(status == 200, body);
        return kubelet;
    }

    public async ValueTask DisposeAsync()
    {
        Log.Writer.TryComplete();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        await _server.StopAsync(patience.Token);
        await _server.DisposeAsync();
    }

    private async Task ExecAsync(HttpContext http)
    {
        var protocol = http.WebSockets.WebSocketRequestedProtocols.FirstOrDefault(_protocols.Contains);
        if (!http.WebSockets.IsWebSocketRequest || protocol is null)
        {
            // As golang.org/x/net/websocket answers a handshake that it does not like.
            http.Response.StatusCode = StatusCodes.Status403Forbidden;
            return;
        }
        using var socket = await http.WebSockets.AcceptWebSocketAsync(protocol);
        using var sending = new SemaphoreSlim(1);
        async Task SayAsync(byte channel, ReadOnlyMemory<byte> content)
        {
            await sending.WaitAsync();
            try
            {
                await socket.SendAsync((byte[])[channel, .. content.Span], WebSocketMessageType.Binary, true, CancellationToken.None);
            }
            finally
            {
                sending.Release();
            }
        }
        var isTerminal = http.Request.Query["tty"] == "1";
        var command = http.Request.Query["command"].Select(word => word!).ToArray();
        if (command.Length == 0) command = ["cat"];
        if (isTerminal) command = ["script", "-qec", string.Join(' ', command.Select(word => "'" + word.Replace("'", "'\\''", StringComparison.Ordinal) + "'")), "/dev/null"];
        using var process = Process.Start(new ProcessStartInfo(command[0], command[1..]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true })!;
        try
        {
            await SayAsync(Stdout, default);
            var hearing = HearAsync(socket, process, protocol);
            var speaking = Task.WhenAll(CopyAsync(process.StandardOutput.BaseStream, Stdout, SayAsync), CopyAsync(process.StandardError.BaseStream, Stderr, SayAsync));
            if (await Task.WhenAny(hearing, speaking) == hearing && !await hearing)
            {
                Ended++;
                process.Kill(entireProcessTree: true);
                return;
            }
            await speaking;
            await process.WaitForExitAsync();
            await SayAsync(Error, Encoding.UTF8.GetBytes(process.ExitCode == 0
                ? """{"metadata":{},"status":"Success"}"""
                : $$$"""{"metadata":{},"status":"Failure","message":"command terminated with non-zero exit code","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"{{{process.ExitCode.ToString(CultureInfo.InvariantCulture)}}}"}]}}"""));
            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
        }
        catch (Exception over) when (over is WebSocketException or IOException or OperationCanceledException or ConnectionAbortedException)
        {
            Ended++;
            if (!process.HasExited) process.Kill(entireProcessTree: true);
        }
    }

    /// <summary>True when the input ended, false when the stream did.</summary>
    private async Task<bool> HearAsync(WebSocket socket, Process process, string protocol)
    {
        var buffer = new byte[1024 * 1024];
        var hasInput = true;
        while (true)
        {
            var count = 0;
            ValueWebSocketReceiveResult piece;
            do
            {
                try
                {
                    piece = await socket.ReceiveAsync(buffer.AsMemory(count), CancellationToken.None);
                }
                catch (Exception over) when (over is WebSocketException or IOException or ConnectionAbortedException)
                {
                    return process.HasExited;
                }
                if (piece.MessageType == WebSocketMessageType.Close) return process.HasExited;
                count += piece.Count;
            }
            while (!piece.EndOfMessage);
            if (buffer[0] == Resize) Sizes.Add(Encoding.UTF8.GetString(buffer, 1, count - 1));
            else if (buffer[0] == Stdin && hasInput) await PutAsync(process, buffer.AsMemory(1, count - 1));
            else if (buffer[0] == Close && protocol.StartsWith("v5", StringComparison.Ordinal) && count == 2 && buffer[1] == Stdin && hasInput)
            {
                hasInput = false;
                process.StandardInput.Close();
            }
        }
    }

    private static async Task PutAsync(Process process, ReadOnlyMemory<byte> content)
    {
        try
        {
            await process.StandardInput.BaseStream.WriteAsync(content);
            await process.StandardInput.BaseStream.FlushAsync();
        }
        catch (IOException)
        {
            // It no longer reads.
        }
    }

    private static async Task CopyAsync(Stream from, byte channel, Func<byte, ReadOnlyMemory<byte>, Task> say)
    {
        var buffer = new byte[32 * 1024];
        while (await from.ReadAsync(buffer) is > 0 and var count) await say(channel, buffer.AsMemory(0, count));
    }

    /// <summary>
    /// A port as a kubelet forwards it over <c>v4.channel.k8s.io</c>: channel 0 data, 1 why not, the port first on each. The API server passes the
    /// ports on as <c>port</c>, with commas (pkg/registry/core/pod, PortForwardLocation).
    /// </summary>
    private async Task ForwardAsync(HttpContext http)
    {
        var ports = http.Request.Query["port"].SelectMany(each => each!.Split(',')).ToArray();
        if (!http.WebSockets.IsWebSocketRequest || !http.WebSockets.WebSocketRequestedProtocols.Contains("v4.channel.k8s.io") || ports is not [var one])
        {
            http.Response.StatusCode = StatusCodes.Status403Forbidden;
            return;
        }
        var port = ushort.Parse(one, CultureInfo.InvariantCulture);
        using var socket = await http.WebSockets.AcceptWebSocketAsync("v4.channel.k8s.io");
        Interlocked.Increment(ref _forwarding);
        try
        {
            await socket.SendAsync((byte[])[0, (byte)port, (byte)(port >> 8)], WebSocketMessageType.Binary, true, CancellationToken.None);
            await socket.SendAsync((byte[])[1, (byte)port, (byte)(port >> 8)], WebSocketMessageType.Binary, true, CancellationToken.None);
            using var pod = new TcpClient();
            if (Ports.TryGetValue(port, out var there)) await pod.ConnectAsync(IPAddress.Loopback, there);
            else await socket.SendAsync((byte[])[1, .. Encoding.UTF8.GetBytes($"connect: connection refused by port {port}")], WebSocketMessageType.Binary, true, CancellationToken.None);
            if (pod.Connected)
            {
                var hearing = HearPortAsync(socket, pod.GetStream());
                var speaking = CopyAsync(pod.GetStream(), 0, (channel, content) => socket.SendAsync((byte[])[channel, .. content.Span], WebSocketMessageType.Binary, true, CancellationToken.None));
                await Task.WhenAny(hearing, speaking);
            }
            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
        }
        catch (Exception over) when (over is WebSocketException or IOException or OperationCanceledException or ConnectionAbortedException or ObjectDisposedException)
        {
            // The stream broke off: so does the connection in the pod.
        }
        finally
        {
            Interlocked.Decrement(ref _forwarding);
        }
    }

    private static async Task HearPortAsync(WebSocket socket, Stream pod)
    {
        var buffer = new byte[64 * 1024];
        var isAtBeginning = true;
        while (true)
        {
            var piece = await socket.ReceiveAsync(buffer.AsMemory(), CancellationToken.None);
            if (piece.MessageType == WebSocketMessageType.Close) return;
            await pod.WriteAsync(buffer.AsMemory(isAtBeginning ? 1 : 0, piece.Count - (isAtBeginning ? 1 : 0)));
            isAtBeginning = piece.EndOfMessage;
        }
    }

    private async Task LogAsync(HttpContext http)
    {
        http.Response.ContentType = "text/plain";
        await http.Response.StartAsync();
        await foreach (var piece in Log.Reader.ReadAllAsync(http.RequestAborted))
        {
            await http.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(piece), http.RequestAborted);
            await http.Response.Body.FlushAsync(http.RequestAborted);
        }
    }
}
