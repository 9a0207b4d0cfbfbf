using System.Net.Http.Headers;
using System.Text;
using Postern.Core.Recording;
using Postern.Gateway.Recordings.Keys;
using Postern.Tests.Cli;

namespace Postern.Tests.Gateway.Telemetry;

/// <summary>
/// A secret of its own in every place that a caller, a target or the configuration can put one; then everything that tells of the
/// gateway is searched for each of them, as it is and in the spellings in which it could have slipped through.
/// </summary>
[Collection(nameof(TraceTests))]
public sealed class CanaryTests
{
    // One word each: an index of words would hold others in pieces.
    private const string Credential = "canarycredential5d1f77aa";
    private const string ReceiverToken = "Splunk canary-receiver-77b2";
    private const string CollectorToken = "Bearer canary-collector-19e4";
    private const string Masked = "canarymasked03c8f1@example.com";

    [Fact]
    [Row("U12")]
    [Row("U08")]
    [Row("M17")]
    [Guarantee("G12")]
    public async Task No_secret_reaches_a_log_a_metric_a_span_or_an_export_in_any_spelling()
    {
        var canaries = new List<string>();
        string New(string where)
        {
            canaries.Add($"canary-{where}-{canaries.Count:x4}");
            return canaries[^1];
        }
        var reply = New("reply");
        await using var gateway = await WatchedGateway.StartAsync(sample: 100, Credential, $$"""{"secret":"{{reply}}","mail":"{{Masked}}"}""", ReceiverToken, CollectorToken);
        var token = gateway.TokenOf("alice");
        var path = "/canary-path-5517";
        var bad = New("token");

        // MCP: an argument, a member of `_meta`, baggage, an unknown tool's arguments, malformed JSON, a failing call.
        await gateway.CallToolAsync("refund", $$"""{"order":1001,"amount":1,"reason":"{{New("argument")}}"}""", meta: $"\"x.example/key\":\"{New("meta")}\",", headers: headers => headers.Add("baggage", "key=" + New("baggage")));
        await gateway.CallToolAsync("delete_customer", $$"""{"customer":"{{New("denied")}}"}""");
        await gateway.CallToolAsync("get_customer", $$"""{"customer":"{{New("failing")}}"}""");
        await gateway.CallToolAsync("get_customer", $$"""{"customer":"{{New("malformed")}}""");
        // HTTP: query, header, cookie, body, basic credentials, a broken and a failing target, a bad token, a wrong method.
        await gateway.SendAsync(HttpMethod.Post, $"{path}?api_key={New("query")}", request =>
        {
            request.Content = new StringContent($$"""{"password":"{{New("body")}}","mail":"{{Masked}}"}""", Encoding.UTF8, new MediaTypeHeaderValue("application/json"));
            request.Headers.Add("X-Api-Secret", New("header"));
            request.Headers.Add("Cookie", "sid=" + New("cookie"));
            request.Headers.Add("tracestate", "v=" + New("tracestate"));
            request.Headers.Add("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        }, token);
        await gateway.SendAsync(HttpMethod.Get, $"{path}/fails?x={New("fails")}");
        await gateway.SendAsync(HttpMethod.Get, $"{path}/missing?x={New("missing")}", token: bad);
        await gateway.SendAsync(HttpMethod.Delete, $"{path}?x={New("forbidden")}");
        await SendQuietlyAsync(gateway, $"{path}/broken?x={New("broken")}");
        canaries.AddRange([Credential, ReceiverToken, CollectorToken, Postern.Demo.Issuer.DemoClient.GatewaySecret, token, token.Split('.')[2], Masked]);
        await gateway.SettleAsync();
        var metrics = await gateway.ManagementAsync("/metrics");
        var readiness = await gateway.ManagementAsync("/readyz");
        await gateway.Host.StopAsync();

        var told = new Dictionary<string, byte[]>(StringComparer.Ordinal)
        {
            ["the log"] = Encoding.UTF8.GetBytes(gateway.Log),
            ["/metrics"] = Encoding.UTF8.GetBytes(metrics),
            ["/readyz"] = Encoding.UTF8.GetBytes(readiness),
            ["what the collector got"] = [.. gateway.Collector.Taken.SelectMany(one => Encoding.UTF8.GetBytes(one.Head).Concat(one.Body))],
            ["what the exports sent"] = Encoding.UTF8.GetBytes(string.Join('\n', gateway.Receiver.Events.Select(one => one.GetRawText()))),
        };
        Assert.Empty(gateway.Receiver.Refused);
        Assert.Contains("operation.asked", Encoding.UTF8.GetString(told["what the exports sent"]));
        Assert.NotEmpty(gateway.Collector.Spans);
        foreach (var (place, bytes) in told)
        {
            Canaries.AssertNotIn(place, bytes, canaries);
            // A path is a name that policy reads: exports say it, as they must; nothing else does.
            if (place != "what the exports sent") Assert.True(!Canaries.Holds(bytes, path[1..]), $"the path is in {place}");
        }
        // What was said is recorded, sealed; what is masked, and what opens doors, is recorded in no form.
        string[] never = [Credential, ReceiverToken, CollectorToken, Postern.Demo.Issuer.DemoClient.GatewaySecret, token, token.Split('.')[2], bad, Masked];
        Canaries.AssertNotAtRest(gateway.Data, never, reply);
        await AssertNotTakenOutAsync(gateway, never, reply);
    }

    [Fact]
    public void The_search_finds_what_it_is_there_to_find()
    {
        foreach (var spelled in (string[])["x canary-a y", "x" + Convert.ToBase64String(Encoding.UTF8.GetBytes("1canary-a2")), Convert.ToHexString(Encoding.UTF8.GetBytes("canary-a")), Convert.ToHexStringLower(Encoding.UTF8.GetBytes("zcanary-a")), "canary%2Da"])
        {
            Assert.True(Canaries.Holds(Encoding.UTF8.GetBytes(spelled), "canary-a"), spelled);
        }
        Assert.True(Canaries.Holds(Encoding.UTF8.GetBytes("a%20canary%40b"), "a canary@b"));
        Assert.False(Canaries.Holds("nothing of it"u8, "canary-a"));
    }

    /// <summary>Every session in every form in which one can be handed on.</summary>
    private static async Task AssertNotTakenOutAsync(WatchedGateway gateway, string[] never, string expected)
    {
        using var keys = RecordedKeys.Open(gateway.Data);
        var sessions = new JournalReader(Path.Combine(gateway.Data, "journal"), keys).Read(JournalPosition.Begin).Select(record => record.Payload).OfType<RecordedIntent>().Select(intent => intent.Session).OfType<string>().Distinct().ToArray();
        Assert.NotEmpty(sessions);
        using var folder = new TemporaryFolder();
        var pages = "";
        foreach (var session in sessions)
        {
            foreach (var form in (string[])["ndjson", "csv", "html"])
            {
                var taken = await CommandLine.RunAsync("sessions", "export", session, "--journal", gateway.Data, "--as", form);
                Assert.True(taken.ExitCode == 0, taken.Error);
                Canaries.AssertNotIn($"the {form} of session {session}", taken.Out + taken.Error, never);
                if (form == "html") pages += taken.Out;
            }
            var shown = await CommandLine.RunAsync("sessions", "replay", session, "--journal", gateway.Data, "--full");
            Canaries.AssertNotIn($"the replay of session {session}", shown.Out + shown.Error, never);
            var bundle = Path.Combine(folder.Path, session + ".zip");
            var bundled = await CommandLine.RunAsync("sessions", "export", session, "--journal", gateway.Data, "--as", "bundle", "--to", bundle);
            Assert.True(bundled.ExitCode == 0, bundled.Error);
            Canaries.AssertNotInArchive(bundle, never);
        }
        Assert.Contains(expected, pages, StringComparison.Ordinal);
    }

    private static async Task SendQuietlyAsync(WatchedGateway gateway, string path)
    {
        try
        {
            await gateway.SendAsync(HttpMethod.Get, path);
        }
        catch (HttpRequestException)
        {
            // The target broke off, and so may the gateway.
        }
    }
}
