using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Postern.Demo.Acts;

/// <summary>Watches holds by asking the control API as the one who asked.</summary>
internal sealed class HoldWatch(DemoStage stage, TimeProvider clock)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(100);

    /// <summary>The page of an open hold that is not this one, as soon as there is one.</summary>
    /// <param name="except">The page of an earlier hold, or null.</param>
    /// <param name="call">The call that opens it; when it ends before, there is none.</param>
    /// <param name="cancellationToken">Interrupt.</param>
    public async Task<Uri> OpenedAsync(Uri? except, Task<AgentReply> call, CancellationToken cancellationToken)
    {
        var token = await AgentSignIn.TokenAsync(stage.Issuer.Issuer, "alice", stage.Gateway.Url, cancellationToken);
        using var http = new LoopbackHttp();
        using var timer = new PeriodicTimer(Glance, clock);
        do
        {
            var body = await AskAsync(http, token, "", cancellationToken);
            foreach (var hold in JsonNode.Parse(body)?["items"] as JsonArray ?? [])
            {
                if ((string?)hold?["state"] == "open" && (string?)hold["url"] is { } url && new Uri(url) is var page && page != except) return page;
            }
            if (call.IsCompleted) throw new DemoException($"the call was not held: {(await call).Text}");
        }
        while (await timer.WaitForNextTickAsync(cancellationToken));
        throw new OperationCanceledException(cancellationToken);
    }

    /// <summary>Returns the state that the hold came to: <c>approved</c>, <c>denied</c> or <c>expired</c>.</summary>
    /// <param name="page">The approval page, whose last segment is the hold's id.</param>
    /// <param name="cancellationToken">Interrupt.</param>
    public async Task<string> AnsweredAsync(Uri page, CancellationToken cancellationToken)
    {
        // The agent's token is for the connection; one's own records are read with a token for the gateway itself.
        var token = await AgentSignIn.TokenAsync(stage.Issuer.Issuer, "alice", stage.Gateway.Url, cancellationToken);
        using var http = new LoopbackHttp();
        using var timer = new PeriodicTimer(Pause, clock);
        do
        {
            var body = await AskAsync(http, token, "/" + page.Segments[^1], cancellationToken);
            if (StateIn(body) is not { } state) throw new DemoException("the control API knows no such approval");
            if (state != "open") return state;
        }
        while (await timer.WaitForNextTickAsync(cancellationToken));
        throw new OperationCanceledException(cancellationToken);
    }

    private async Task<string> AskAsync(LoopbackHttp http, string token, string path, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"{stage.Gateway.Url}/api/v1/approvals{path}");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        using var response = await http.SendAsync(request, cancellationToken);
        if (!response.IsSuccessStatusCode) throw new DemoException($"the control API answered {(int)response.StatusCode} when asked for approvals");
        return await response.Content.ReadAsStringAsync(cancellationToken);
    }

    private static string? StateIn(string body)
    {
        try
        {
            return (string?)JsonNode.Parse(body)?["state"];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }
}
