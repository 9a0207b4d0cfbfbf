using System.Buffers;
using System.Net;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using Postern.Upstreams;
using Postern.Upstreams.Http1;

namespace Postern.Benchmarks.Echo;

/// <summary>
/// The least that anything can do which keeps an account of what is asked: Kestrel as the gateway sets it up and the gateway's own way to targets,
/// the whole request and the whole reply read, SHA-256 of both, and both appended to a file without waiting. No identity, no JSON, no
/// policy, no masks, no chain, no index. What it costs is what no gateway built of these parts can go below. It runs in a process of its
/// own (<c>floor</c>), ends when its stdin closes, and says its URL on stdout.
/// </summary>
internal sealed class Floor : IDisposable
{
    /// <summary>How tables call it.</summary>
    public const string Name = "floor: bytes hashed and kept";

    private const int BufferBytes = 128 * 1024;

    private static readonly string[] Passed = ["Accept", "Content-Type", "MCP-Protocol-Version", "Mcp-Method", "Mcp-Name"];

    private readonly HttpOrigin _origin;
    private readonly string _base;
    private readonly SafeFileHandle _file;
    private long _length;

    private Floor(Uri target, string file)
    {
        _base = target.AbsolutePath.TrimEnd('/');
        _origin = new HttpOrigin(new UpstreamTarget(target), TimeProvider.System);
        _file = File.OpenHandle(file, FileMode.Create, FileAccess.Write);
    }

    public static async Task RunAsync(string target, string file)
    {
        using var floor = new Floor(new Uri(target), file);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http1);
            kestrel.AddServerHeader = false;
            kestrel.AllowResponseHeaderCompression = false;
            kestrel.Limits.MinResponseDataRate = null;
        });
        builder.WebHost.UseSockets(sockets =>
        {
            sockets.UnsafePreferInlineScheduling = true;
            sockets.WaitForDataBeforeAllocatingBuffer = true;
            sockets.NoDelay = true;
        });
        await using var app = builder.Build();
        app.Run(floor.AnswerAsync);
        await app.StartAsync();
        Console.WriteLine($"listening {app.Urls.Single()}");
        while (await Console.In.ReadLineAsync() is not null)
        {
            // Lives until the run that started it lets go.
        }
    }

    public void Dispose()
    {
        _origin.Dispose();
        _file.Dispose();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        var length = (int)(context.Request.ContentLength ?? 0);
        var buffer = ArrayPool<byte>.Shared.Rent(length + BufferBytes);
        var body = buffer.AsMemory(0, length);
        await context.Request.Body.ReadExactlyAsync(body);
        Keep(body.Span);

        var headers = new KeyValuePair<string, string>[Passed.Length];
        for (var i = 0; i < Passed.Length; i++) headers[i] = new(Passed[i], context.Request.Headers[Passed[i]].ToString());
        var wire = _origin.TryTake() ?? await _origin.ConnectAsync(CancellationToken.None);
        var behind = (context.Request.Path.Value + context.Request.QueryString)[_base.Length..];
        await wire.SendAsync(new UpstreamRequest(context.Request.Method, headers) { Target = behind.Length > 0 ? behind : null }, _origin, credential: null, length > 0 ? body : null);
        var total = length;
        int read;
        while ((read = await wire.ReadAsync(buffer.AsMemory(total))) > 0)
        {
            total += read;
            if (total < buffer.Length) continue;
            var larger = ArrayPool<byte>.Shared.Rent(2 * buffer.Length);
            buffer.CopyTo(larger, 0);
            ArrayPool<byte>.Shared.Return(buffer);
            buffer = larger;
        }
        var status = wire.Head.Status;
        _origin.Return(wire);
        var reply = buffer.AsMemory(length..total);
        Keep(reply.Span);

        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = reply.Length;
        await context.Response.BodyWriter.WriteAsync(reply);
        ArrayPool<byte>.Shared.Return(buffer);
    }

    private void Keep(ReadOnlySpan<byte> bytes)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(bytes, digest);
        var at = Interlocked.Add(ref _length, bytes.Length + digest.Length) - bytes.Length - digest.Length;
        RandomAccess.Write(_file, bytes, at);
        RandomAccess.Write(_file, digest, at + bytes.Length);
    }
}
