using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Postern.Tests.Gateway.Notices;

/// <summary>A mail server that takes everything (RFC 5321, the commands a client needs), or nothing while it is told so.</summary>
internal sealed class SmtpSink : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _serving;

    public SmtpSink()
    {
        _listener.Start();
        _serving = ServeAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Mails that it still refuses with "try again later".</summary>
    public int Failures { get; set; }

    public BlockingCollection<Mail> Received { get; } = [];

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        _listener.Stop();
        await _serving;
        _stopping.Dispose();
        Received.Dispose();
    }

    public Mail Take() => Received.TryTake(out var mail, TimeSpan.FromSeconds(30)) ? mail : throw new TimeoutException("no mail came");

    private async Task ServeAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                using var client = await _listener.AcceptTcpClientAsync(_stopping.Token);
                await TalkAsync(client);
            }
            catch (Exception over) when (over is OperationCanceledException or IOException or SocketException)
            {
                // The test is over, or the client left.
            }
        }
    }

    private async Task TalkAsync(TcpClient client)
    {
        using var reader = new StreamReader(client.GetStream(), Encoding.UTF8, leaveOpen: true);
        await using var writer = new StreamWriter(client.GetStream(), new UTF8Encoding(false), leaveOpen: true) { NewLine = "\r\n", AutoFlush = true };
        var (from, to) = ("", new List<string>());
        await writer.WriteLineAsync("220 sink");
        while (await reader.ReadLineAsync(_stopping.Token) is { } line)
        {
            var word = line.Split(' ')[0].ToUpperInvariant();
            switch (word)
            {
                case "EHLO" or "HELO":
                    await writer.WriteLineAsync("250 sink");
                    break;
                case "MAIL" when Failures > 0:
                    Failures--;
                    await writer.WriteLineAsync("451 later");
                    break;
                case "MAIL":
                    from = line;
                    to.Clear();
                    await writer.WriteLineAsync("250 ok");
                    break;
                case "RCPT":
                    to.Add(line);
                    await writer.WriteLineAsync("250 ok");
                    break;
                case "DATA":
                    await writer.WriteLineAsync("354 go on");
                    var text = new StringBuilder();
                    while (await reader.ReadLineAsync(_stopping.Token) is { } content && content != ".") text.Append(content).Append('\n');
                    Received.Add(new Mail(from, [.. to], text.ToString()));
                    await writer.WriteLineAsync("250 taken");
                    break;
                case "QUIT":
                    await writer.WriteLineAsync("221 bye");
                    return;
                default:
                    await writer.WriteLineAsync("250 ok");
                    break;
            }
        }
    }
}

/// <summary>One mail as it came over the wire.</summary>
internal sealed record Mail(string From, string[] To, string Text)
{
    /// <summary>The text of the body, its transfer encoding undone.</summary>
    public string Body
    {
        get
        {
            var split = Text.IndexOf("\n\n", StringComparison.Ordinal);
            var (head, body) = (Text[..split], Text[(split + 2)..]);
            if (head.Contains("base64", StringComparison.OrdinalIgnoreCase)) return Encoding.UTF8.GetString(Convert.FromBase64String(body.Replace("\n", "", StringComparison.Ordinal)));
            return body.Replace("=\n", "", StringComparison.Ordinal).Replace("=3D", "=", StringComparison.Ordinal);
        }
    }
}
