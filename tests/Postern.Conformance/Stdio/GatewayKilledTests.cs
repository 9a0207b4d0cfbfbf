using System.Text;
using System.Text.Json;
using Postern.Conformance.Gateways;
using Postern.Conformance.Peers;
using Postern.Tests;

namespace Postern.Conformance.Stdio;

/// <summary>A gateway that is killed takes the servers that it started with it.</summary>
public sealed class GatewayKilledTests
{
    [Theory]
    [InlineData("family")]
    [InlineData("stubborn")]
    [Row("P32")]
    [Row("F01")]
    public async Task No_server_outlives_a_gateway_that_is_killed(string tool)
    {
        var test = StdioBed.Test;
        await using var gateway = await ServedGateway.PrepareAsync(
            $$"""{ protocol: mcp, stdio: { command: "{{Checkout.NodeExecutable}}", args: ["{{Path.Combine(Checkout.Node, "stdio", "server.mjs")}}"] } }""", StdioBed.Policy, test, isWhole: true);
        await gateway.StartAsync(test);
        using var http = new HttpClient();
        var session = await InitializeAsync(http, gateway);
        var said = await CallAsync(http, gateway, session, tool);
        // Of the family the third left the process group; it descends from the others and is found while the gateway lives, not after.
        var processes = tool == "family" ? JsonSerializer.Deserialize<int[]>(said)! : [int.Parse(said)];
        var inGroup = processes[..Math.Min(2, processes.Length)];
        Assert.All(processes, process => Assert.True(StdioBed.IsAlive(process)));

        await gateway.KillAsync();

        foreach (var process in inGroup) Assert.True(await StdioBed.IsGoneAsync(process), $"process {process} outlived the gateway");
        foreach (var left in processes.Skip(2).Where(StdioBed.IsAlive)) System.Diagnostics.Process.GetProcessById(left).Kill();
    }

    private static async Task<string> InitializeAsync(HttpClient http, ServedGateway gateway)
    {
        using var response = await PostAsync(http, gateway, """{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"raw","version":"1"}}}""", null);
        return response.Headers.GetValues("Mcp-Session-Id").Single();
    }

    private static async Task<string> CallAsync(HttpClient http, ServedGateway gateway, string session, string tool)
    {
        using var response = await PostAsync(http, gateway, $$$$$$"""{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"{{{{{{tool}}}}}}","arguments":{}}}""", session);
        return (await StdioReply.ReadAsync(response)).Text;
    }

    private static async Task<HttpResponseMessage> PostAsync(HttpClient http, ServedGateway gateway, string body, string? session)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, gateway.ConnectionUrl) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        request.Headers.Add("Authorization", "Bearer " + gateway.Token("alice"));
        request.Headers.Add("Accept", "application/json, text/event-stream");
        if (session is not null) request.Headers.Add("Mcp-Session-Id", session);
        return await http.SendAsync(request, StdioBed.Test);
    }
}
