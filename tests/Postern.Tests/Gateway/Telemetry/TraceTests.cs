using System.Text.Json;
using Postern.Core.Operations;
using Postern.Core.Recording;

namespace Postern.Tests.Gateway.Telemetry;

/// <summary>Spans as a collector gets them, what targets are told, and what the record keeps.</summary>
[Collection(nameof(TraceTests))] // whoever listens to spans hears those of the whole process
public sealed class TraceTests
{
    private const string Trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    private const string Parent = "b7ad6b7169203331";

    [Fact]
    [Row("U12")]
    public async Task An_operation_is_a_span_below_its_callers_and_above_its_targets_and_the_record_has_its_trace()
    {
        await using var gateway = await WatchedGateway.StartAsync(sample: 100);
        await gateway.SendAsync(HttpMethod.Get, "/orders/7?token=abc", request =>
        {
            request.Headers.Add("traceparent", $"00-{Trace}-{Parent}-01");
            request.Headers.Add("tracestate", "vendor=1");
        });
        var mcp = new string('1', 32);
        await gateway.CallToolAsync("get_customer", """{"customer":"C-101"}""", meta: $"\"traceparent\":\"00-{mcp}-{Parent}-01\",", headers: headers => headers.Add("traceparent", $"00-{Trace}-{Parent}-01"));
        await gateway.CallToolAsync("delete_customer", """{"customer":"C-101"}""", headers: headers => headers.Add("traceparent", $"00-{Trace}-{Parent}-01"));
        await gateway.SettleAsync();
        await gateway.Host.StopAsync();

        var spans = gateway.Collector.Spans.ToList();
        var http = Assert.Single(spans, span => span.Trace == Trace && span.Attributes.GetValueOrDefault("postern.connection") == "api");
        Assert.Equal((Trace, Parent, "http.request"), (http.Trace, http.Parent, http.Name));
        Assert.Equal(("allow", "done", "http", "1"), (http.Attributes["postern.decision"], http.Attributes["postern.outcome"], http.Attributes["postern.protocol"], http.Attributes["postern.policy_version"]));
        Assert.Equal("api@1", http.Attributes["postern.rule"]);
        Assert.Equal(["recorded"], http.Events);
        var forward = Assert.Single(spans, span => span.Parent == http.Id);
        Assert.Equal("forward", forward.Name);
        var seen = gateway.ApiSaw.Single(headers => headers.ContainsKey("traceparent"));
        Assert.Equal($"00-{Trace}-{forward.Id}-01", seen["traceparent"].ToString());
        Assert.Equal("vendor=1", seen["tracestate"].ToString());
        var tool = Assert.Single(spans, span => span.Trace == mcp && span.Parent == Parent);
        Assert.Equal("mcp.tools.call", tool.Name);
        var denied = Assert.Single(spans, span => span.Trace == Trace && span.Attributes.GetValueOrDefault("postern.decision") == "deny");
        Assert.Equal(("denied", "policy.not_permitted"), (denied.Attributes["postern.outcome"], denied.Attributes["postern.code"]));
        var traces = new JournalReader(Path.Combine(gateway.Data, "journal")).Read(JournalPosition.Begin).Select(record => record.Payload).OfType<RecordedIntent>().Where(intent => intent.Identity.Subject == "alice").Select(intent => intent.Trace).ToList();
        Assert.Equal([Trace, mcp, Trace], traces);
        Assert.Contains(gateway.Receiver.Events, one => one.TryGetProperty("traceId", out var trace) && trace.GetString() == Trace);
        var metrics = gateway.Collector.Taken.Where(one => one.Path == "/v1/metrics").ToList();
        Assert.Contains(metrics, one => System.Text.Encoding.Latin1.GetString(one.Body) is var text && text.Contains("postern.operations") && text.Contains("postern.operation.duration") && text.Contains("postern.export.lag"));
    }

    [Fact]
    public async Task Without_sampling_no_span_is_made_a_callers_trace_is_still_recorded_and_passed_on_and_what_is_none_counts_for_nothing()
    {
        await using var gateway = await WatchedGateway.StartAsync(sample: 0);
        await gateway.SendAsync(HttpMethod.Get, "/a", request => request.Headers.Add("traceparent", $"00-{Trace}-{Parent}-01"));
        await gateway.CallToolAsync("get_customer", """{"customer":"C-101"}""", meta: "\"traceparent\":\"00-XYZ\",", headers: headers => headers.Add("traceparent", $"00-{new string('0', 32)}-{Parent}-01"));
        await gateway.CallToolAsync("get_customer", """{"customer":"C-102"}""", meta: "\"traceparent\":{\"a\":1},");
        await gateway.Host.StopAsync();

        Assert.Empty(gateway.Collector.Spans);
        Assert.Equal($"00-{Trace}-{Parent}-01", gateway.ApiSaw.Single()["traceparent"].ToString());
        var traces = new JournalReader(Path.Combine(gateway.Data, "journal")).Read(JournalPosition.Begin).Select(record => record.Payload).OfType<RecordedIntent>().Where(intent => intent.Identity.Subject == "alice").Select(intent => intent.Trace).ToList();
        Assert.Equal([Trace, null, null], traces);
    }

    [Theory]
    [InlineData("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true)]
    [InlineData("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", true)]
    [InlineData("00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false)]
    [InlineData("00-00000000000000000000000000000000-b7ad6b7169203331-01", false)]
    [InlineData("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false)]
    [InlineData("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false)]
    [InlineData("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x", false)]
    [InlineData("00-0af7651916cd43dd8448eb211c80319cxb7ad6b7169203331-01", false)]
    [InlineData("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g", false)]
    [InlineData("", false)]
    [InlineData(null, false)]
    public void Only_what_the_standard_calls_a_traceparent_is_one(string? text, bool isOne) => Assert.Equal(isOne, TraceParent.Read(text).TraceId != default);
}
