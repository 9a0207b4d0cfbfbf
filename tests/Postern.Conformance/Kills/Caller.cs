using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.RegularExpressions;
using Postern.Conformance.Clients;
using Postern.Conformance.Gateways;

namespace Postern.Conformance.Kills;

/// <summary>Calls tools over raw HTTP in the stateless revision, with numbers that say which call is which.</summary>
internal sealed partial class Caller : IDisposable
{
    private const string Meta = """{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"caller","version":"1"}}""";

    private static readonly Encoding Utf8 = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);

    private readonly HttpClient _http = new(new SocketsHttpHandler { MaxConnectionsPerServer = 64 }) { Timeout = TimeSpan.FromSeconds(30) };
    private long _last;

    /// <summary>What came back whole, by tool and number.</summary>
    public ConcurrentDictionary<string, string> Answers { get; } = new(StringComparer.Ordinal);

    /// <summary>A number that no call had before.</summary>
    public long Next() => Interlocked.Increment(ref _last);

    /// <summary>One call; null when the connection broke.</summary>
    public async Task<string?> CallAsync(string url, string token, string tool, long number, CancellationToken cancellationToken)
    {
        var n = number.ToString(CultureInfo.InvariantCulture);
        var body = $$"""{"jsonrpc":"2.0","id":{{n}},"method":"tools/call","params":{"name":"{{tool}}","arguments":{"n":{{n}} },"_meta":{{Meta}} } }""";
        using var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = new ByteArrayContent(Utf8.GetBytes(body)) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        request.Headers.TryAddWithoutValidation("Accept", "application/json, text/event-stream");
        request.Headers.TryAddWithoutValidation("MCP-Protocol-Version", "2026-07-28");
        request.Headers.TryAddWithoutValidation("Mcp-Method", "tools/call");
        request.Headers.TryAddWithoutValidation("Mcp-Name", tool);
        try
        {
            using var response = await _http.SendAsync(request, cancellationToken);
            var text = await response.Content.ReadAsStringAsync(cancellationToken);
            if (text.Contains("is done", StringComparison.Ordinal)) Answers[$"{tool}:{n}"] = text;
            return text;
        }
        catch (Exception broken) when (broken is HttpRequestException or IOException or TaskCanceledException)
        {
            return null;
        }
    }

    /// <summary>Asks for a write, which is held, and has it approved; the number under which it can be done, once.</summary>
    public async Task<long> HoldAndApproveAsync(ServedGateway gateway, string token, CancellationToken cancellationToken)
    {
        var number = Next();
        var held = await CallAsync(gateway.ConnectionUrl, token, "write", number, cancellationToken);
        Assert.NotNull(held);
        var link = ApprovalLink().Match(held);
        Assert.True(link.Success, held);
        await ApprovalDeskVisit.ApproveAsync(link.Value, "bob", "tested", cancellationToken);
        return number;
    }

    public void Dispose() => _http.Dispose();

    [GeneratedRegex(@"https?://[^\s""'<>\\]+/approve/[^\s""'<>.,)\\]+", RegexOptions.NonBacktracking)]
    private static partial Regex ApprovalLink();
}
