using System.Net;

namespace Postern.Tests.Mcp;

[Guarantee("G14")]
public sealed class McpSessionTests
{
    private const string Ping = """{"jsonrpc":"2.0","id":1,"method":"ping"}""";

    [Fact]
    public async Task A_client_never_sees_the_targets_session_id_and_two_clients_never_share_one()
    {
        await using var bed = await McpTestBed.StartAsync(script: server => server.IsLegacyOnly = true);

        var first = await bed.InitializeAsync();
        var second = await bed.InitializeAsync();
        await bed.SendAsync(Ping, first);
        await bed.SendAsync(Ping, second);

        Assert.DoesNotContain("upstream", first, StringComparison.Ordinal);
        Assert.NotEqual(first, second);
        var sessions = bed.Server.CallsOf("ping").Select(call => call.Headers["Mcp-Session-Id"]).ToArray();
        Assert.Equal(2, sessions.Distinct().Count());
        Assert.All(sessions, id => Assert.StartsWith("upstream-", id, StringComparison.Ordinal));
    }

    [Fact]
    [Row("P13")]
    [Row("U06")]
    public async Task Another_identity_gets_404_for_it_as_for_one_that_does_not_exist()
    {
        await using var bed = await McpTestBed.StartAsync();
        var session = await bed.InitializeAsync("alice");

        var stolen = await bed.SendAsync(Ping, session, token: "bob");
        var unknown = await bed.SendAsync(Ping, "00000000000000000000000000000000", token: "bob");
        var doubled = await bed.SendAsync(Ping, session, change: request => request.Headers.TryAddWithoutValidation("Mcp-Session-Id", session));

        Assert.Equal(HttpStatusCode.NotFound, stolen.Status);
        Assert.Equal(unknown.Body, stolen.Body);
        Assert.Equal(HttpStatusCode.NotFound, doubled.Status);
        Assert.Empty(bed.Server.CallsOf("ping"));
    }

    [Fact]
    public async Task An_ended_session_is_404_at_once()
    {
        await using var bed = await McpTestBed.StartAsync();
        var session = await bed.InitializeAsync();

        Assert.Equal(HttpStatusCode.OK, (await TransportAsync(bed, HttpMethod.Delete, session)).StatusCode);

        Assert.Equal(HttpStatusCode.NotFound, (await bed.SendAsync(Ping, session)).Status);
        Assert.Equal("upstream-1", Assert.Single(bed.Server.Calls, call => call.HttpMethod == "DELETE").Headers["Mcp-Session-Id"]);
        Assert.Contains("intent mcp.session.end", bed.Recorder.Log);
    }

    [Fact]
    public async Task When_the_target_forgot_the_session_the_client_gets_404_and_begins_anew()
    {
        await using var bed = await McpTestBed.StartAsync(script: server => server.Override = (http, received) =>
        {
            if (received.Method != "ping") return Task.FromResult(false);
            http.Response.StatusCode = 404;
            return Task.FromResult(true);
        });
        var session = await bed.InitializeAsync();

        Assert.Equal(HttpStatusCode.NotFound, (await bed.SendAsync(Ping, session)).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await bed.CallAsync("list_orders", session: session)).Status);
        Assert.Empty(bed.Server.CallsOf("tools/call"));
    }

    [Fact]
    public async Task Notifications_are_operations_too_and_get_202()
    {
        await using var bed = await McpTestBed.StartAsync();
        var session = await bed.InitializeAsync();

        var initialized = await bed.SendAsync("""{"jsonrpc":"2.0","method":"notifications/initialized"}""", session);
        var unknown = await bed.SendAsync("""{"jsonrpc":"2.0","method":"notifications/vendor"}""", session);

        Assert.Equal(HttpStatusCode.Accepted, initialized.Status);
        Assert.Contains("intent mcp.notify", bed.Recorder.Log);
        Assert.Equal(HttpStatusCode.Forbidden, unknown.Status);
        Assert.Empty(bed.Server.CallsOf("notifications/vendor"));
    }

    [Fact]
    public async Task A_target_without_a_stream_says_405()
    {
        await using var bed = await McpTestBed.StartAsync();
        var session = await bed.InitializeAsync();

        Assert.Equal(HttpStatusCode.MethodNotAllowed, (await TransportAsync(bed, HttpMethod.Get, session)).StatusCode);
    }

    [Fact]
    public async Task The_stateless_era_knows_neither_GET_nor_DELETE()
    {
        await using var bed = await McpTestBed.StartAsync();

        Assert.Equal(HttpStatusCode.MethodNotAllowed, (await TransportAsync(bed, HttpMethod.Get, null, "2026-07-28")).StatusCode);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, (await TransportAsync(bed, HttpMethod.Delete, null, "2026-07-28")).StatusCode);
        Assert.DoesNotContain(bed.Server.Calls, call => call.HttpMethod != "POST");
    }

    internal static async Task<HttpResponseMessage> TransportAsync(McpTestBed bed, HttpMethod method, string? session, string? version = null, string? lastEvent = null, string token = "alice")
    {
        using var request = new HttpRequestMessage(method, bed.Url);
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + token);
        request.Headers.TryAddWithoutValidation("Accept", "text/event-stream");
        if (session is not null) request.Headers.TryAddWithoutValidation("Mcp-Session-Id", session);
        if (version is not null) request.Headers.TryAddWithoutValidation("MCP-Protocol-Version", version);
        if (lastEvent is not null) request.Headers.TryAddWithoutValidation("Last-Event-ID", lastEvent);
        return await bed.Client.SendAsync(request);
    }
}
