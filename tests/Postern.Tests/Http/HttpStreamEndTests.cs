using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Postern.Tests.Http;

/// <summary>A stream of events runs as long as the right to it: to the end of access for a time, or to another policy.</summary>
public sealed class HttpStreamEndTests : IAsyncLifetime
{
    private const string Policy = """
        version: 1
        rules:
          - { id: reads, who: { groups: [support] }, on: { connection: api, methods: [GET], paths: ["/orders/**"] }, then: allow }
          - { id: pipelines, who: { workloads: [triage-bot] }, on: { admin: [policy.apply] }, then: allow }

        """;

    private const string Requests = """
        requests:
          - id: shift
            who: { groups: [support] }
            grant: { on: { connection: api, methods: [GET], paths: ["/events"] } }
            for: { max: 1h }
            approvers: { groups: [on-call] }
        """;

    private readonly TaskCompletionSource _targetIsRid = new();

    private HttpBed _bed = null!;

    public async ValueTask InitializeAsync()
    {
        _bed = await HttpBed.StartAsync(policy: Policy + Requests);
        _bed.Target.TakeOver = async (socket, _) =>
        {
            await socket.SendAsync(Encoding.ASCII.GetBytes("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: first\n\n"));
            try
            {
                await socket.ReceiveAsync(new byte[1]);
            }
            catch (SocketException)
            {
                // Reset: gone as well.
            }
            _targetIsRid.SetResult();
            return true;
        };
    }

    public ValueTask DisposeAsync() => _bed.DisposeAsync();

    [Fact]
    [Guarantee("G10")]
    public async Task Access_for_a_time_permits_a_request_and_ends_its_stream_at_its_own_end()
    {
        Assert.Equal(HttpStatusCode.Forbidden, (await _bed.GetAsync("/events")).Status);
        await GrantAsync("shift", "4s");
        var clock = Stopwatch.StartNew();

        using var response = await OpenAsync("/events");
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        Assert.Equal("data: first", await reader.ReadLineAsync());
        await EndsAsync(reader);

        // A second of overrun is what is promised; the rest is the machine's.
        Assert.InRange(clock.Elapsed, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(8));
        Assert.Equal(HttpStatusCode.Forbidden, (await _bed.GetAsync("/events")).Status);
    }

    [Fact]
    [Guarantee("G10")]
    public async Task A_policy_that_is_published_ends_the_stream_that_it_no_longer_permits()
    {
        using var response = await OpenAsync("/orders/live");
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        Assert.Equal("data: first", await reader.ReadLineAsync());

        await PublishAsync(1, Policy + "# nothing changes for the stream\n");
        var more = reader.ReadToEndAsync();
        Assert.False(more.IsCompleted);
        await PublishAsync(2, Policy.Replace("/orders/**", "/orders/7", StringComparison.Ordinal));

        await EndsAsync(more);
        Assert.Equal(HttpStatusCode.Forbidden, (await _bed.GetAsync("/orders/live")).Status);
    }

    private async Task<HttpResponseMessage> OpenAsync(string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, _bed.Url + path);
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + _bed.Token);
        var response = await _bed.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return response;
    }

    private Task EndsAsync(StreamReader reader) => EndsAsync(reader.ReadToEndAsync());

    // Cut, so that nobody takes it for whole; and the target hears that nobody listens any more.
    private async Task EndsAsync(Task rest)
    {
        var patience = TimeSpan.FromSeconds(20);
        var end = await Assert.ThrowsAnyAsync<Exception>(() => rest.WaitAsync(patience));
        Assert.True(end is IOException or HttpRequestException, end.ToString());
        await _targetIsRid.Task.WaitAsync(patience);
    }

    private async Task GrantAsync(string entry, string time)
    {
        var (status, text) = await PostAsync($"requests/{entry}", _bed.Token, new JsonObject { ["reason"] = "a customer waits", ["for"] = time });
        var hold = Regex.Match(text, "/approve/[0-9A-Z]{26}", RegexOptions.NonBacktracking);
        Assert.True(hold.Success, $"{status} {text}");
        await _bed.ApproveAsync(hold.Value);
    }

    private async Task PublishAsync(int from, string policy)
    {
        var (status, text) = await PostAsync("policy/versions", _bed.TokenOf("triage-bot", null), new JsonObject { ["from"] = from, ["reason"] = "because", ["files"] = new JsonObject { ["policy.yaml"] = policy } });
        Assert.True(status == HttpStatusCode.OK, text);
        Assert.Equal(from + 1, JsonDocument.Parse(text).RootElement.GetProperty("version").GetInt32());
    }

    private async Task<(HttpStatusCode Status, string Body)> PostAsync(string path, string token, JsonObject body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{_bed.Host.Url}/api/v1/{path}") { Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json") };
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + token);
        using var response = await _bed.Client.SendAsync(request);
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }
}
