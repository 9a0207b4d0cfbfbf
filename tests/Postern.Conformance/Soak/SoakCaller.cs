using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;

namespace Postern.Conformance.Soak;

/// <summary>Does one kind of work again and again, looks at every answer, and keeps the first complaints.</summary>
internal sealed class SoakCaller(string url, Func<string, string> token) : IDisposable
{
    private const string Meta = """{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"soak","version":"1"}""";

    private static readonly Encoding Utf8 = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);

    private readonly HttpClient _http = new(new SocketsHttpHandler { MaxConnectionsPerServer = 256 }) { Timeout = TimeSpan.FromSeconds(60) };
    private readonly ConcurrentDictionary<string, long> _counts = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<string> _complaints = new();
    private long _number;

    /// <summary>How often each kind of work was done.</summary>
    public IReadOnlyDictionary<string, long> Counts => _counts;

    /// <summary>What was not as it should be.</summary>
    public IEnumerable<string> Complaints => _complaints;

    /// <summary>Repeats one kind of work, with a pause in between, until it is over.</summary>
    public async Task RepeatAsync(string kind, TimeSpan pause, Func<CancellationToken, Task<string?>> work, CancellationToken over)
    {
        while (!over.IsCancellationRequested)
        {
            try
            {
                // One that has begun is finished, so that the end of the run is no fault.
                if (await work(CancellationToken.None) is { } complaint) Complain($"{kind}: {complaint}");
                _counts.AddOrUpdate(kind, 1, (_, count) => count + 1);
                await Task.Delay(pause, over);
            }
            catch (OperationCanceledException) when (over.IsCancellationRequested)
            {
                return;
            }
            catch (Exception fault)
            {
                Complain($"{kind}: {fault.GetType().Name}: {fault.Message}");
                await Task.Delay(pause, CancellationToken.None);
            }
        }
    }

    /// <summary>A call in the stateless era; null when the answer holds these words and no card.</summary>
    public async Task<string?> CallAsync(string tool, string words, CancellationToken cancellationToken)
    {
        using var response = await _http.SendAsync(Stateless(tool, Interlocked.Increment(ref _number)), cancellationToken);
        return Judge(await response.Content.ReadAsStringAsync(cancellationToken), words);
    }

    /// <summary>A whole session: initialize, list, call, listen a little, end.</summary>
    public async Task<string?> SessionAsync(CancellationToken cancellationToken)
    {
        using var opened = await _http.SendAsync(Sessions(null, """{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"soak","version":"1"} } }"""), cancellationToken);
        if (!opened.Headers.TryGetValues("Mcp-Session-Id", out var ids)) return $"no session: {await opened.Content.ReadAsStringAsync(cancellationToken)}";
        var id = ids.Single();
        using var initialized = await _http.SendAsync(Sessions(id, """{"jsonrpc":"2.0","method":"notifications/initialized"}"""), cancellationToken);
        using var listen = Sessions(id, null);
        using var listening = await _http.SendAsync(listen, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        using var listed = await _http.SendAsync(Sessions(id, """{"jsonrpc":"2.0","id":2,"method":"tools/list"}"""), cancellationToken);
        var list = await listed.Content.ReadAsStringAsync(cancellationToken);
        if (!list.Contains("\"read\"", StringComparison.Ordinal) || list.Contains("\"secret\"", StringComparison.Ordinal)) return $"listed {list}";
        using var called = await _http.SendAsync(Sessions(id, """{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"read","arguments":{"n":1} } }"""), cancellationToken);
        var complaint = Judge(await called.Content.ReadAsStringAsync(cancellationToken), "read is done");
        using var end = Sessions(id, null);
        end.Method = HttpMethod.Delete;
        using var ended = await _http.SendAsync(end, cancellationToken);
        return complaint ?? (ended.IsSuccessStatusCode ? null : $"the end was answered with {(int)ended.StatusCode}");
    }

    /// <summary>Begins a stream and leaves in its middle.</summary>
    public async Task<string?> LeaveAsync(CancellationToken cancellationToken)
    {
        using var response = await _http.SendAsync(Stateless("stream", Interlocked.Increment(ref _number)), HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        await using var body = await response.Content.ReadAsStreamAsync(cancellationToken);
        var buffer = new byte[64];
        return await body.ReadAsync(buffer, cancellationToken) > 0 ? null : "the stream was empty";
    }

    /// <summary>What nobody should send; null when it is refused.</summary>
    public async Task<string?> MisbehaveAsync(CancellationToken cancellationToken)
    {
        foreach (var (bearer, body) in ((string, string)[])[("x.y.z", "{}"), (token("alice"), """{"jsonrpc":"2.0","id":1,"id":2,"method":"tools/list"}"""), (token("alice"), "{\"jsonrpc\":"), (token("alice"), "[]")])
        {
            using var request = Request(HttpMethod.Post, body);
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", bearer);
            using var response = await _http.SendAsync(request, cancellationToken);
            if ((int)response.StatusCode is not (400 or 401)) return $"{body} was answered with {(int)response.StatusCode}";
        }
        return null;
    }

    public void Dispose() => _http.Dispose();

    private static string? Judge(string text, string words)
    {
        if (text.Contains(SoakServer.Card, StringComparison.Ordinal)) return "a card came through";
        return text.Contains(words, StringComparison.Ordinal) ? null : $"expected `{words}`, got {text[..Math.Min(text.Length, 300)]}";
    }

    private void Complain(string text)
    {
        if (_complaints.Count < 20) _complaints.Enqueue(text);
    }

    private HttpRequestMessage Stateless(string tool, long number)
    {
        var request = Request(HttpMethod.Post, $$"""{"jsonrpc":"2.0","id":{{number.ToString(CultureInfo.InvariantCulture)}},"method":"tools/call","params":{"name":"{{tool}}","arguments":{"n":{{number.ToString(CultureInfo.InvariantCulture)}} },"_meta":{{Meta}}{{(tool == "stream" ? ",\"progressToken\":1" : "")}}} } }""");
        request.Headers.TryAddWithoutValidation("MCP-Protocol-Version", "2026-07-28");
        request.Headers.TryAddWithoutValidation("Mcp-Method", "tools/call");
        request.Headers.TryAddWithoutValidation("Mcp-Name", tool);
        return request;
    }

    private HttpRequestMessage Sessions(string? id, string? body)
    {
        var request = Request(body is null ? HttpMethod.Get : HttpMethod.Post, body);
        request.Headers.TryAddWithoutValidation("MCP-Protocol-Version", "2025-11-25");
        if (id is not null) request.Headers.TryAddWithoutValidation("Mcp-Session-Id", id);
        return request;
    }

    private HttpRequestMessage Request(HttpMethod method, string? body)
    {
        var request = new HttpRequestMessage(method, url);
        if (body is not null)
        {
            request.Content = new ByteArrayContent(Utf8.GetBytes(body));
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        }
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token("alice"));
        request.Headers.TryAddWithoutValidation("Accept", body is null ? "text/event-stream" : "application/json, text/event-stream");
        return request;
    }
}
