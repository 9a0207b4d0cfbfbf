using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Postern.Demo.Acts;

/// <summary>Waits until people have answered a hold, by asking the control API as the one who asked.</summary>
internal sealed class HoldWatch(DemoStage stage, TimeProvider clock)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

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
            using var request = new HttpRequestMessage(HttpMethod.Get, $"{stage.Gateway.Url}/api/v1/approvals/{page.Segments[^1]}");
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            using var response = await http.SendAsync(request, cancellationToken);
            var body = await response.Content.ReadAsStringAsync(cancellationToken);
            if (StateIn(body) is not { } state) throw new DemoException($"the control API answered {(int)response.StatusCode} when asked for the approval");
            if (state != "open") return state;
        }
        while (await timer.WaitForNextTickAsync(cancellationToken));
        throw new OperationCanceledException(cancellationToken);
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
