using System.Net.Http.Headers;
using System.Text;

namespace Postern.Tests.Gateway.Telemetry;

/// <summary>
/// A secret of its own in every place that a caller, a target or the configuration can put one; then everything that tells of the
/// gateway is searched for each of them, as it is and in the spellings in which it could have slipped through.
/// </summary>
[Collection(nameof(TraceTests))]
public sealed class CanaryTests
{
    private const string Credential = "canary-credential-5d1f";
    private const string ReceiverToken = "Splunk canary-receiver-77b2";
    private const string CollectorToken = "Bearer canary-collector-19e4";
    private const string Masked = "canary.masked-03c8@example.com";

    [Fact]
    [Row("U12")]
    [Row("U08")]
    [Row("M17")]
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
        await gateway.SendAsync(HttpMethod.Get, $"{path}/missing?x={New("missing")}", token: New("token"));
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
            foreach (var canary in canaries) Assert.True(!Holds(bytes, canary), $"`{canary}` is in {place}");
            // A path is a name that policy reads: exports say it, as they must; nothing else does.
            if (place != "what the exports sent") Assert.True(!Holds(bytes, path[1..]), $"the path is in {place}");
        }
        foreach (var file in Directory.EnumerateFiles(gateway.Data, "*", SearchOption.AllDirectories).Where(file => !file.EndsWith(".lock", StringComparison.Ordinal)))
        {
            var bytes = await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken);
            foreach (var canary in (string[])[Credential, ReceiverToken, CollectorToken, token, token.Split('.')[2], Masked]) Assert.True(!Holds(bytes, canary), $"`{canary}` is in {Path.GetFileName(file)}");
        }
    }

    [Fact]
    public void The_search_finds_what_it_is_there_to_find()
    {
        foreach (var spelled in (string[])["x canary-a y", "x" + Convert.ToBase64String(Encoding.UTF8.GetBytes("1canary-a2")), Convert.ToHexString(Encoding.UTF8.GetBytes("canary-a")), Convert.ToHexStringLower(Encoding.UTF8.GetBytes("zcanary-a")), "canary%2Da"])
        {
            Assert.True(Holds(Encoding.UTF8.GetBytes(spelled), "canary-a"), spelled);
        }
        Assert.True(Holds(Encoding.UTF8.GetBytes("a%20canary%40b"), "a canary@b"));
        Assert.False(Holds("nothing of it"u8, "canary-a"));
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

    /// <summary>True when the text stands there raw, in hexadecimal, URL-encoded, or within base64 at any of its three alignments.</summary>
    private static bool Holds(ReadOnlySpan<byte> bytes, string canary)
    {
        var raw = Encoding.UTF8.GetBytes(canary);
        if (bytes.IndexOf(raw) >= 0) return true;
        foreach (var spelled in (string[])[Convert.ToHexString(raw), Convert.ToHexStringLower(raw), Uri.EscapeDataString(canary), Uri.EscapeDataString(canary).Replace("-", "%2D", StringComparison.Ordinal), string.Concat(raw.Select(one => $"%{one:X2}")), .. Base64(raw)])
        {
            if (bytes.IndexOf(Encoding.ASCII.GetBytes(spelled)) >= 0) return true;
        }
        return false;
    }

    private static IEnumerable<string> Base64(byte[] raw)
    {
        for (var before = 0; before < 3; before++)
        {
            // Only the characters that hang on the text alone: not those that share bits with what stands before or behind it.
            var whole = Convert.ToBase64String([.. new byte[before], .. raw]).TrimEnd('=');
            var first = (before * 8 + 5) / 6;
            var last = (before + raw.Length) * 8 / 6;
            var sure = whole[first..last];
            yield return sure;
            yield return sure.Replace('+', '-').Replace('/', '_');
        }
    }
}
