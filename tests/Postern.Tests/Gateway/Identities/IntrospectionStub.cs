using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Web;

namespace Postern.Tests.Gateway.Identities;

/// <summary>An introspection endpoint (RFC 7662): says what it is told to say of a token, to whoever knows its secret.</summary>
internal sealed class IntrospectionStub : IDisposable
{
    private readonly HttpListener _listener = new();
    private int _asked;

    public IntrospectionStub()
    {
        using var free = new TcpListener(IPAddress.Loopback, 0);
        free.Start();
        Url = $"http://127.0.0.1:{((IPEndPoint)free.LocalEndpoint).Port}/introspect";
        free.Stop();
        _listener.Prefixes.Add(Url + "/");
        _listener.Start();
        _ = ServeAsync();
    }

    public string Url { get; }

    public Func<string, bool> IsOver { get; set; } = static _ => false;

    public bool IsDown { get; set; }

    public int Asked => Volatile.Read(ref _asked);

    public void Dispose() => _listener.Close();

    private async Task ServeAsync()
    {
        try
        {
            while (true)
            {
                var context = await _listener.GetContextAsync();
                Interlocked.Increment(ref _asked);
                using var reader = new StreamReader(context.Request.InputStream);
                var form = HttpUtility.ParseQueryString(await reader.ReadToEndAsync());
                var isAllowed = context.Request.HttpMethod == "POST" && form["client_id"] == "postern" && form["client_secret"] == "secret" && form["token"] is { Length: > 0 };
                context.Response.StatusCode = IsDown ? 503 : isAllowed ? 200 : 401;
                var body = Encoding.UTF8.GetBytes(isAllowed && !IsDown ? $$"""{"active":{{(IsOver(form["token"]!) ? "false" : "true")}}}""" : "{}");
                context.Response.ContentType = "application/json";
                await context.Response.OutputStream.WriteAsync(body);
                context.Response.Close();
            }
        }
        catch (Exception closed) when (closed is HttpListenerException or ObjectDisposedException)
        {
            // The test is over.
        }
    }
}
