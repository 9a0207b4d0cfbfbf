using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.RegularExpressions;
using Postern.Conformance.Clients;
using Postern.Conformance.Gateways;

namespace Postern.Conformance.Faults;

/// <summary>What one call received, as far as it came.</summary>
/// <param name="Key">Which call: <c>read:17</c>.</param>
/// <param name="Body">Every byte of the body that arrived.</param>
/// <param name="IsStream">True for an event stream.</param>
/// <param name="IsWhole">True when the body came to its end.</param>
internal sealed record Capture(string Key, byte[] Body, bool IsStream, bool IsWhole)
{
    /// <summary>The body as text.</summary>
    public string Text => Encoding.UTF8.GetString(Body);
}

/// <summary>Calls tools over raw HTTP in the stateless revision, with numbers that say which call is which, and keeps every byte that comes back.</summary>
internal sealed partial class Caller : IDisposable
{
    private static readonly Encoding Utf8 = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);

    private readonly HttpClient _http = new(new SocketsHttpHandler { MaxConnectionsPerServer = 256 }) { Timeout = TimeSpan.FromSeconds(60) };
    private long _last;

    /// <summary>What came back whole and done, by tool and number.</summary>
    public ConcurrentDictionary<string, string> Answers { get; } = new(StringComparer.Ordinal);

    /// <summary>Everything that came back, whole or not.</summary>
    public ConcurrentQueue<Capture> Captures { get; } = [];

    /// <summary>Called, on the thread that reads, when bytes of an answer arrive.</summary>
    public Action? Arriving { get; set; }

    /// <summary>How long to wait between two reads of an answer, and how much to read at once; a slow client.</summary>
    public (int Bytes, TimeSpan Pause)? Slowness { get; set; }

    /// <summary>What the gateway is called, where the line to it has another address.</summary>
    public string? Host { get; set; }

    /// <summary>A number that no call had before.</summary>
    public long Next() => Interlocked.Increment(ref _last);

    /// <summary>One call; null when the connection broke.</summary>
    public async Task<string?> CallAsync(string url, string token, string tool, long number, CancellationToken cancellationToken)
    {
        var n = number.ToString(CultureInfo.InvariantCulture);
        using var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = new ByteArrayContent(Body(tool, n)) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        request.Headers.Host = Host;
        request.Headers.TryAddWithoutValidation("Accept", "application/json, text/event-stream");
        request.Headers.TryAddWithoutValidation("MCP-Protocol-Version", "2026-07-28");
        request.Headers.TryAddWithoutValidation("Mcp-Method", "tools/call");
        request.Headers.TryAddWithoutValidation("Mcp-Name", tool);
        using var body = new MemoryStream();
        var isStream = false;
        try
        {
            using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            isStream = response.Content.Headers.ContentType?.MediaType == "text/event-stream";
            await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
            await ReadAsync(stream, body, cancellationToken);
        }
        catch (Exception broken) when (broken is HttpRequestException or IOException or OperationCanceledException)
        {
            if (body.Length > 0) Captures.Enqueue(new Capture($"{tool}:{n}", body.ToArray(), isStream, IsWhole: false));
            return null;
        }
        var capture = new Capture($"{tool}:{n}", body.ToArray(), isStream, IsWhole: true);
        Captures.Enqueue(capture);
        if (capture.Text.Contains("is done", StringComparison.Ordinal)) Answers[capture.Key] = capture.Text;
        return capture.Text;
    }

    /// <summary>Calls one tool again and again until the connection breaks or it is over; goes on behind a refusal.</summary>
    public async Task LoadAsync(string url, string token, string tool, CancellationToken over)
    {
        while (!over.IsCancellationRequested && await CallAsync(url, token, tool, Next(), over) is { } answer)
        {
            if (!answer.Contains("is done", StringComparison.Ordinal)) await Task.Delay(10, CancellationToken.None);
        }
    }

    /// <summary>Asks for a write, which is held, and has it approved; the number under which it can be done, once.</summary>
    public async Task<long> HoldAndApproveAsync(ServedGateway gateway, string token, CancellationToken cancellationToken)
    {
        var number = Next();
        var held = await CallAsync(gateway.ConnectionUrl, token, "write", number, cancellationToken);
        Assert.NotNull(held);
        await ApprovalDeskVisit.ApproveAsync(LinkOf(held), "bob", "tested", cancellationToken);
        return number;
    }

    /// <summary>Where a held call's caller is sent.</summary>
    public static string LinkOf(string held)
    {
        var link = ApprovalLink().Match(held);
        Assert.True(link.Success, held);
        return link.Value;
    }

    public void Dispose() => _http.Dispose();

    /// <summary>The request of one call, as it is sent.</summary>
    public static byte[] Body(string tool, string n) => Utf8.GetBytes(
        $$"""{"jsonrpc":"2.0","id":{{n}},"method":"tools/call","params":{"name":"{{tool}}","arguments":{"n":{{n}} },"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"caller","version":"1"},"progressToken":{{n}} } } }""");

    private async Task ReadAsync(Stream stream, MemoryStream body, CancellationToken cancellationToken)
    {
        var buffer = new byte[Slowness?.Bytes ?? 16 * 1024];
        int count;
        while ((count = await stream.ReadAsync(buffer, cancellationToken)) > 0)
        {
            body.Write(buffer, 0, count);
            Arriving?.Invoke();
            if (Slowness is { } slow) await Task.Delay(slow.Pause, cancellationToken);
        }
    }

    [GeneratedRegex(@"https?://[^\s""'<>\\]+/approve/[^\s""'<>.,)\\]+", RegexOptions.NonBacktracking)]
    private static partial Regex ApprovalLink();
}
