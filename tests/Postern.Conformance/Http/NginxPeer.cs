using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Postern.Conformance.Peers;
using Postern.Tests;

namespace Postern.Conformance.Http;

/// <summary>A real nginx on loopback that says what reached it: method, raw target, credential. Its files lie in a folder of its own.</summary>
internal sealed class NginxPeer : IAsyncDisposable
{
    private readonly DirectoryInfo _folder;
    private readonly Child _process;

    private NginxPeer(DirectoryInfo folder, Child process, int port) => (_folder, _process, Url) = (folder, process, string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}/v2"));

    /// <summary>Where the API is.</summary>
    public string Url { get; }

    /// <summary>A line for each request: method, raw target, then the credential.</summary>
    public string[] Log => [.. File.ReadAllLines(Path.Combine(_folder.FullName, "requests.log"))];

    public static async Task<NginxPeer> StartAsync(CancellationToken cancellationToken)
    {
        var folder = Directory.CreateTempSubdirectory("postern-nginx-");
        var port = FreePort.Take();
        var files = Directory.CreateDirectory(Path.Combine(folder.FullName, "files", "v2", "files"));
        await File.WriteAllBytesAsync(Path.Combine(files.FullName, "large.bin"), new byte[5_000_000], cancellationToken);
        await File.WriteAllTextAsync(Path.Combine(folder.FullName, "nginx.conf"), $$"""
            daemon off; master_process off; pid {{folder.FullName}}/pid; error_log stderr; worker_processes 1;
            events { worker_connections 256; }
            http {
              log_format one '$request_method $request_uri $http_authorization';
              access_log {{folder.FullName}}/requests.log one;
              client_body_temp_path {{folder.FullName}}/b; proxy_temp_path {{folder.FullName}}/p; fastcgi_temp_path {{folder.FullName}}/f; uwsgi_temp_path {{folder.FullName}}/u; scgi_temp_path {{folder.FullName}}/s;
              client_max_body_size 64m; gzip on; gzip_types application/json; gzip_min_length 1; gzip_proxied any;
              server {
                listen 127.0.0.1:{{port}};
                location /v2/files/ { root {{folder.FullName}}/files; default_type application/octet-stream; }
                location /v2/moved { return 302 /v2/invoices; }
                location / { default_type application/json; add_header X-Customer C-17; return 200 '{"method":"$request_method","target":"$request_uri","email":"eve@example.org"}'; }
              }
            }
            """, cancellationToken);
        var program = File.Exists("/usr/sbin/nginx") ? "/usr/sbin/nginx" : "nginx";
        var process = Child.Start(program, ["-c", Path.Combine(folder.FullName, "nginx.conf"), "-p", folder.FullName], folder: folder.FullName);
        var peer = new NginxPeer(folder, process, port);
        using var client = new TcpClient();
        while (!client.Connected)
        {
            if (process.HasExited) throw new InvalidOperationException("nginx did not start: " + process.Errors);
            try
            {
                await client.ConnectAsync(IPAddress.Loopback, port, cancellationToken);
            }
            catch (SocketException)
            {
                await Task.Delay(50, cancellationToken);
            }
        }
        return peer;
    }

    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        _folder.Delete(recursive: true);
    }
}
