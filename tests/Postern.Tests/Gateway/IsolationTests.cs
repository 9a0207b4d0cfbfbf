using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Postern.Gateway.Configuration;

namespace Postern.Tests.Gateway;

/// <summary>
/// Two people do the same things at the same time, in an order that chance makes, through the same connections, caches and sessions; each has a word that only they send. Whatever one of them is ever
/// answered, lists or reads holds nothing of the other's, and nothing of the other's can be named (attack T07).
/// </summary>
public sealed class IsolationTests : IAsyncLifetime
{
    private const int Workers = 4;
    private static readonly TimeSpan Length = TimeSpan.FromSeconds(6);

    private static readonly string Policy = $$"""
        {{RunningGateway.Policy}}
          - id: both-ask
            who: { groups: [security] }
            on: { connection: shop, tools: ["get_*", "list_*", search_customers] }
            then: allow
          - id: both-are-held
            who: { groups: [security] }
            on: { connection: shop, tools: [refund] }
            then: hold
            hold: { approvers: { groups: [on-call], count: 1 }, expires: 30m }
        requests:
          - id: more
            who: { groups: [support, security] }
            grant: { on: { connection: shop, tools: [export_customers] } }
            for: { default: 30m, max: 2h }
            approvers: { groups: [on-call], count: 1 }
        """;

    private readonly ConcurrentQueue<string> _leaks = new();
    private readonly HttpClient _http = new(new SocketsHttpHandler { MaxConnectionsPerServer = 2 }); // few connections, shared by both
    private RunningGateway _gateway = null!;

    public async ValueTask InitializeAsync() => _gateway = await RunningGateway.StartAsync(Policy);

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _gateway.DisposeAsync();
    }

    [Fact]
    [Guarantee("G14")]
    [Row("T07"), Row("T05")]
    public async Task Two_people_who_do_the_same_at_once_never_see_reach_or_name_anything_of_each_other()
    {
        var seed = Environment.GetEnvironmentVariable("POSTERN_SEED") is { } given ? int.Parse(given, CultureInfo.InvariantCulture) : Environment.TickCount;
        Tenant[] tenants = [new("alice", "canaryalice7Q"), new("carol", "canarycarol9Z")];
        foreach (var tenant in tenants) tenant.Token = _gateway.TokenOf(tenant.Subject);
        var clock = Stopwatch.StartNew();
        var done = 0;

        await Task.WhenAll(Enumerable.Range(0, Workers).Select(async worker =>
        {
            var random = new Random(seed + worker);
            while (clock.Elapsed < Length && _leaks.IsEmpty)
            {
                var own = tenants[random.Next(2)];
                await StepAsync(random.Next(8), own, own == tenants[0] ? tenants[1] : tenants[0], random);
                Interlocked.Increment(ref done);
            }
        }));

        Assert.True(_leaks.IsEmpty, $"seed {seed}: {string.Join('\n', _leaks)}");
        Assert.True(done > 200, $"{done}");
        Assert.All(tenants, tenant => Assert.True(tenant.Sessions.Count > 0 && tenant.Holds.Count > 0 && tenant.Operations.Count > 0 && tenant.Grants.Count > 0, tenant.Subject));
    }

    private async Task StepAsync(int step, Tenant own, Tenant other, Random random)
    {
        switch (step)
        {
            case 0:
                await OpenSessionAsync(own);
                break;
            case 1:
                await CallAsync(own, "search_customers", $$"""{"query":"{{own.Canary}}"}""", Pick(own.Sessions, random));
                break;
            case 2:
                var held = await CallAsync(own, "refund", $$"""{"order":"O-1001","amount":{{random.Next(600, 700)}},"reason":"{{own.Canary}}"}""", Pick(own.Sessions, random));
                if (held.IndexOf("/approve/", StringComparison.Ordinal) is > 0 and var at) own.Holds.Enqueue(held.Substring(at + 9, 26));
                break;
            case 3:
                await ReadAsync(own, "/sessions");
                foreach (var id in Ids(await ReadAsync(own, "/sessions"), "items").Take(3)) own.Recordings.Enqueue(id);
                if (Pick(own.Recordings, random) is { } recording) foreach (var id in Ids(await ReadAsync(own, $"/sessions/{recording}"), "operations").Take(3)) own.Operations.Enqueue(id);
                break;
            case 4:
                await ReadAsync(own, "/approvals");
                if (Pick(own.Holds, random) is { } hold) await ReadAsync(own, $"/approvals/{hold}");
                break;
            case 5:
                using (var asked = await ApiAsync(own, HttpMethod.Post, "/requests/more", $$"""{"reason":"{{own.Canary}}"}"""))
                {
                    var text = await asked.Content.ReadAsStringAsync();
                    Look(own, "/requests/more", text);
                    if (asked.IsSuccessStatusCode) own.Grants.Enqueue(JsonDocument.Parse(text).RootElement.GetProperty("id").GetString()!);
                }
                await ReadAsync(own, "/grants");
                break;
            case 6:
                if (Pick(own.Operations, random) is { } operation) await ReadAsync(own, $"/operations/{operation}");
                break;
            default:
                // What is the other's is named, and is not there.
                foreach (var path in new[] { Path("/approvals/", other.Holds), Path("/sessions/", other.Recordings), Path("/operations/", other.Operations), Path("/grants/", other.Grants) }.OfType<string>())
                {
                    using var foreign = await ApiAsync(own, HttpMethod.Get, path, null);
                    if (foreign.StatusCode != HttpStatusCode.NotFound) _leaks.Enqueue($"{own.Subject} was answered {foreign.StatusCode} at {path} of {other.Subject}");
                }
                if (Pick(other.Sessions, random) is { } session)
                {
                    using var stolen = await McpAsync(own, """{"jsonrpc":"2.0","id":9,"method":"tools/list"}""", session);
                    if (stolen.StatusCode != HttpStatusCode.NotFound) _leaks.Enqueue($"{own.Subject} used a session of {other.Subject}: {stolen.StatusCode}");
                }
                break;
        }

        string? Path(string root, ConcurrentQueue<string> ids) => Pick(ids, random) is { } id ? root + id : null;
    }

    private async Task OpenSessionAsync(Tenant own)
    {
        using var response = await McpAsync(own, """{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}""", null);
        if (response.Headers.TryGetValues("Mcp-Session-Id", out var ids)) own.Sessions.Enqueue(ids.Single());
        Look(own, "initialize", await response.Content.ReadAsStringAsync());
    }

    private async Task<string> CallAsync(Tenant own, string tool, string arguments, string? session)
    {
        if (session is null) return "";
        using var response = await McpAsync(own, $$$"""{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"{{{tool}}}","arguments":{{{arguments}}}}}""", session);
        var text = await response.Content.ReadAsStringAsync();
        Look(own, tool, text);
        return text;
    }

    private async Task<JsonElement> ReadAsync(Tenant own, string path)
    {
        using var response = await ApiAsync(own, HttpMethod.Get, path, null);
        var text = await response.Content.ReadAsStringAsync();
        Look(own, path, text);
        if (!response.IsSuccessStatusCode) _leaks.Enqueue($"{own.Subject} was answered {response.StatusCode} at their own {path}");
        return JsonDocument.Parse(text).RootElement.Clone();
    }

    private void Look(Tenant own, string where, string text)
    {
        var foreign = own.Subject == "alice" ? "canarycarol9Z" : "canaryalice7Q";
        if (text.Contains(foreign, StringComparison.Ordinal)) _leaks.Enqueue($"{own.Subject} saw {foreign} at {where}: {text}");
    }

    private static IEnumerable<string> Ids(JsonElement document, string list) =>
        document.TryGetProperty(list, out var items) ? items.EnumerateArray().Select(item => item.GetProperty("id").GetString()!) : [];

    private static string? Pick(ConcurrentQueue<string> from, Random random) => from.IsEmpty ? null : from.ToArray() is { Length: > 0 } all ? all[random.Next(all.Length)] : null;

    private async Task<HttpResponseMessage> McpAsync(Tenant own, string body, string? session)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{_gateway.Host.Url}/mcp/shop") { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", own.Token);
        request.Headers.Accept.ParseAdd("application/json, text/event-stream");
        if (session is not null) request.Headers.Add("Mcp-Session-Id", session);
        return await _http.SendAsync(request, TestContext.Current.CancellationToken);
    }

    private async Task<HttpResponseMessage> ApiAsync(Tenant own, HttpMethod method, string path, string? body)
    {
        using var request = new HttpRequestMessage(method, $"{_gateway.Host.Url}/api/v1{path}") { Content = body is null ? null : new StringContent(body) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", own.Token);
        return await _http.SendAsync(request, TestContext.Current.CancellationToken);
    }

    private sealed class Tenant(string subject, string canary)
    {
        public string Subject => subject;

        public string Canary => canary;

        public string Token { get; set; } = "";

        public ConcurrentQueue<string> Sessions { get; } = new();

        public ConcurrentQueue<string> Holds { get; } = new();

        public ConcurrentQueue<string> Recordings { get; } = new();

        public ConcurrentQueue<string> Operations { get; } = new();

        public ConcurrentQueue<string> Grants { get; } = new();
    }
}
