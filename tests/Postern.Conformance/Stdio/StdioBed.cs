using System.Net;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Postern.Conformance.Gateways;
using Postern.Conformance.Peers;
using Postern.Gateway.Configuration;

namespace Postern.Conformance.Stdio;

/// <summary>A gateway in front of the scripted server over stdio, and a client that is plain HTTP.</summary>
internal sealed class StdioBed : IAsyncDisposable
{
    public const string Policy = """
        version: 1
        rules:
          - id: support-calls
            who:  { groups: [support, on-call, eng] }
            on:   { connection: target, tools: ["*"] }
            then: allow
          - id: server-may-ask
            who:  { groups: [support, on-call, eng] }
            on:   { connection: target, server_asks: [elicitation] }
            then: allow
        """;

    private readonly HttpClient _http = new() { Timeout = Timeout.InfiniteTimeSpan };
    private int _id;

    private StdioBed(TestGateway gateway, LogLines logs)
    {
        Gateway = gateway;
        Logs = logs;
    }

    public TestGateway Gateway { get; }

    public LogLines Logs { get; }

    public static CancellationToken Test => TestContext.Current.CancellationToken;

    public static async Task<StdioBed> StartAsync(StdioOptions? stdio = null, LimitOptions? limits = null, string policy = Policy)
    {
        var logs = new LogLines();
        var connection = new ConnectionOptions { Name = TestGateway.Connection, Protocol = "mcp", Stdio = stdio ?? Scripted() };
        return new StdioBed(await TestGateway.StartAsync(connection, policy, Test, limits, logs), logs);
    }

    public static StdioOptions Scripted(bool isShared = false, TimeSpan? idle = null, params KeyValuePair<string, string>[] environment) => new()
    {
        Command = Checkout.NodeExecutable,
        Arguments = [Path.Combine(Checkout.Node, "stdio", "server.mjs")],
        Folder = Checkout.Node,
        Environment = [.. environment],
        IsShared = isShared,
        Idle = idle ?? TimeSpan.FromMinutes(10),
    };

    public async Task<string> InitializeAsync(string person = "alice")
    {
        using var response = await PostAsync("""{"jsonrpc":"2.0","id":"init","method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"elicitation":{}},"clientInfo":{"name":"raw","version":"1"}}}""", null, person);
        var body = await response.Content.ReadAsStringAsync(Test);
        Assert.True(response.StatusCode == HttpStatusCode.OK, $"{response.StatusCode}: {body}");
        var session = response.Headers.GetValues("Mcp-Session-Id").Single();
        using var ready = await PostAsync("""{"jsonrpc":"2.0","method":"notifications/initialized"}""", session, person);
        Assert.True(ready.StatusCode == HttpStatusCode.Accepted, $"{ready.StatusCode}: {await ready.Content.ReadAsStringAsync(Test)} {body} {Logs.All}");
        return session;
    }

    /// <summary>Calls a tool and reads the whole answer.</summary>
    public async Task<StdioReply> CallAsync(string? session, string tool, object? arguments = null, string person = "alice", string? id = null, string? more = null)
    {
        using var response = await PostAsync(CallOf(tool, arguments, id, more), session, person);
        return await StdioReply.ReadAsync(response);
    }

    public async Task<string> TextAsync(string? session, string tool, object? arguments = null, string person = "alice") => (await CallAsync(session, tool, arguments, person)).Text;

    public string CallOf(string tool, object? arguments = null, string? id = null, string? more = null) =>
        $$$"""{"jsonrpc":"2.0","id":{{{id ?? Interlocked.Increment(ref _id).ToString()}}},"method":"tools/call","params":{"name":"{{{tool}}}","arguments":{{{JsonSerializer.Serialize(arguments ?? new { })}}} {{{(more is null ? "" : "," + more)}}} }}""";

    /// <summary>A call of the stateless era.</summary>
    public async Task<StdioReply> StandaloneAsync(string method, string tool = "", object? arguments = null, string person = "alice", string id = "1")
    {
        var named = tool.Length > 0 ? $$""" "name":"{{tool}}","arguments":{{JsonSerializer.Serialize(arguments ?? new { })}}, """ : "";
        var body = $$$"""{"jsonrpc":"2.0","id":{{{id}}},"method":"{{{method}}}","params":{ {{{named}}} "_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{} } } }""";
        using var response = await PostAsync(body, null, person, request =>
        {
            request.Headers.Add("MCP-Protocol-Version", "2026-07-28");
            request.Headers.Add("Mcp-Method", method);
            if (tool.Length > 0) request.Headers.Add("Mcp-Name", tool);
        });
        return await StdioReply.ReadAsync(response);
    }

    public async Task<HttpResponseMessage> PostAsync(string body, string? session, string person = "alice", Action<HttpRequestMessage>? change = null, CancellationToken? over = null)
    {
        using var request = Request(HttpMethod.Post, session, person);
        request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        change?.Invoke(request);
        return await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, over ?? Test);
    }

    public async Task<HttpResponseMessage> SendAsync(HttpMethod method, string session, string person = "alice")
    {
        using var request = Request(method, session, person);
        return await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Test);
    }

    public Task<string> ReadyAsync() => _http.GetStringAsync(Gateway.ManagementUrl + "/readyz", Test);

    /// <summary>The recording, after a stop.</summary>
    public async Task<Recording> StopAsync()
    {
        await Gateway.StopAsync();
        return Recordings.Read(Gateway.Data);
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await Gateway.DisposeAsync();
    }

    /// <summary>True while a process runs (one that ended and was not reaped by its parent yet does not).</summary>
    public static bool IsAlive(int process)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{process}/stat");
            return stat[(stat.LastIndexOf(')') + 2)] is not ('Z' or 'X');
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>Waits until a process is gone, at most 15 s.</summary>
    public static async Task<bool> IsGoneAsync(int process)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Test);
        patience.CancelAfter(TimeSpan.FromSeconds(15));
        while (IsAlive(process))
        {
            if (patience.IsCancellationRequested) return false;
            await Task.Delay(20, Test);
        }
        return true;
    }

    private HttpRequestMessage Request(HttpMethod method, string? session, string person)
    {
        var request = new HttpRequestMessage(method, Gateway.ConnectionUrl);
        request.Headers.Add("Authorization", "Bearer " + Gateway.Token(person));
        request.Headers.Add("Accept", method == HttpMethod.Get ? "text/event-stream" : "application/json, text/event-stream");
        if (session is not null) request.Headers.Add("Mcp-Session-Id", session);
        return request;
    }
}

/// <summary>An answer as the client sees it.</summary>
internal sealed record StdioReply(HttpStatusCode Status, JsonElement[] Messages)
{
    public JsonElement Last => Messages[^1];

    public string Text => Last.TryGetProperty("result", out var result) && result.TryGetProperty("content", out var content) ? content[0].GetProperty("text").GetString()! : Last.GetRawText();

    public bool IsRefusal => Last.TryGetProperty("error", out _) || (Last.TryGetProperty("result", out var result) && result.TryGetProperty("isError", out var flag) && flag.GetBoolean());

    public static async Task<StdioReply> ReadAsync(HttpResponseMessage response)
    {
        var body = await response.Content.ReadAsStringAsync(StdioBed.Test);
        string[] messages = response.Content.Headers.ContentType?.MediaType == "text/event-stream"
            ? [.. body.Split('\n').Where(line => line.StartsWith("data: ", StringComparison.Ordinal)).Select(line => line[6..])]
            : body.Length > 0 ? [body] : [];
        return new StdioReply(response.StatusCode, [.. messages.Select(message => JsonDocument.Parse(message).RootElement)]);
    }
}

/// <summary>Keeps log lines.</summary>
internal sealed class LogLines : ILoggerFactory, ILogger
{
    private readonly Channel<string> _lines = Channel.CreateUnbounded<string>();
    private readonly StringBuilder _all = new();

    public string All
    {
        get
        {
            lock (_all) return _all.ToString();
        }
    }

    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider)
    {
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        var line = formatter(state, exception);
        lock (_all) _all.AppendLine(line);
        _lines.Writer.TryWrite(line);
    }

    /// <summary>Waits for a line that holds this text.</summary>
    public async Task<string> WaitAsync(string text, CancellationToken cancellationToken)
    {
        await foreach (var line in _lines.Reader.ReadAllAsync(cancellationToken))
        {
            if (line.Contains(text, StringComparison.Ordinal)) return line;
        }
        throw new InvalidOperationException($"no log line with `{text}`");
    }

    public void Dispose()
    {
    }
}
