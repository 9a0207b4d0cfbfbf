using System.Collections.Immutable;
using System.Text.Json;
using Postern.Gateway.Configuration;
using Postern.Gateway.Exports;

namespace Postern.Tests.Gateway.Exports;

/// <summary>What goes over HTTP, against receivers that refuse what real ones refuse.</summary>
public sealed class HttpSinkTests : IAsyncLifetime
{
    private static readonly CredentialOptions _credential = new("Authorization", "Splunk 11111111-2222-3333-4444-555555555555");

    private StrictReceiver _receiver = null!;

    public async ValueTask InitializeAsync() => _receiver = await StrictReceiver.StartAsync();

    public async ValueTask DisposeAsync() => await _receiver.DisposeAsync();

    [Theory]
    [InlineData("/services/collector/event", HttpShape.Hec)]
    [InlineData("/lines", HttpShape.Lines)]
    [InlineData("/array", HttpShape.Array)]
    [Row("U08")]
    public async Task Every_shape_arrives_in_order_with_hostile_text_as_it_is(string path, HttpShape shape)
    {
        using var sink = new HttpSink(new ExportTarget.Http(_receiver.Url + path, shape, _credential, null), TimeProvider.System);

        var delivery = await sink.SendAsync([.. HostileText.Corpus.Select((text, i) => HostileText.Event(i + 1, text))], TestContext.Current.CancellationToken);

        Assert.True(delivery.Problem is null, delivery.Problem + string.Join(';', _receiver.Refused));
        var events = _receiver.Events.Select(one => shape == HttpShape.Hec ? one.GetProperty("event") : one).ToList();
        Assert.Equal(HostileText.Corpus.Length, events.Count);
        Assert.Equal(HostileText.Corpus, events.Select(one => one.GetProperty("reason").GetString()));
        Assert.Equal(Enumerable.Range(1, events.Count), events.Select(one => one.GetProperty("sequence").GetInt32()));
    }

    [Fact]
    [Row("U08")]
    public async Task A_collector_of_OpenTelemetry_gets_log_records_that_it_can_decode_and_what_it_threw_away_is_not_sent_again()
    {
        using var sink = new OtlpLogSink(new ExportTarget.Otlp(_receiver.Url + "/v1/logs", null, null), TimeProvider.System);
        _receiver.OtlpAnswer = """{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"too old"}}""";

        var delivery = await sink.SendAsync([.. HostileText.Corpus.Select((text, i) => HostileText.Event(i + 1, text))], TestContext.Current.CancellationToken);

        Assert.True(delivery.Problem is null, delivery.Problem + string.Join(';', _receiver.Refused));
        Assert.Equal(2, delivery.Rejected);
        Assert.Equal(HostileText.Corpus, _receiver.Events.Select(record => StrictReceiver.Attributes(record.GetProperty("attributes")).Single(pair => pair.Key == "postern.reason").Value));
    }

    [Theory]
    [InlineData(200, """{"text":"Server is busy","code":9}""", "refused")]
    [InlineData(200, "<html>", "cannot be read")]
    [InlineData(302, "", "302")]
    [InlineData(400, "", "400")]
    public async Task Whatever_is_no_yes_of_the_collector_counts_as_not_arrived(int status, string answer, string why)
    {
        (_receiver.Status, _receiver.CollectorAnswer) = (status, answer);
        using var sink = new HttpSink(new ExportTarget.Http(_receiver.Url + "/services/collector/event", HttpShape.Hec, _credential, null), TimeProvider.System);

        var delivery = await sink.SendAsync([HostileText.Event(1, "x")], TestContext.Current.CancellationToken);

        Assert.Contains(why, delivery.Problem);
    }

    [Fact]
    public async Task A_wrong_token_says_403_and_a_busy_receiver_how_long_to_wait()
    {
        using var wrong = new HttpSink(new ExportTarget.Http(_receiver.Url + "/services/collector/event", HttpShape.Hec, new CredentialOptions("Authorization", "Splunk wrong"), null), TimeProvider.System);
        var refused = await wrong.SendAsync([HostileText.Event(1, "x")], TestContext.Current.CancellationToken);
        (_receiver.Status, _receiver.RetryAfter) = (503, "17");
        using var right = new HttpSink(new ExportTarget.Http(_receiver.Url + "/lines", HttpShape.Lines, null, null), TimeProvider.System);
        var busy = await right.SendAsync([HostileText.Event(1, "x")], TestContext.Current.CancellationToken);
        _receiver.Status = 413;
        var large = await right.SendAsync([HostileText.Event(1, "x")], TestContext.Current.CancellationToken);

        Assert.Contains("403", refused.Problem);
        Assert.DoesNotContain("wrong", refused.Problem);
        Assert.Equal(TimeSpan.FromSeconds(17), busy.RetryAfter);
        Assert.True(large.IsTooLarge);
    }
}

/// <summary>Texts that end lines, move cursors, pass for markup or formulas, or are too long.</summary>
internal static class HostileText
{
    public static readonly string[] Corpus =
    [
        "plain",
        "line\nfeed\r\nand <13>1 2026-01-01T00:00:00Z forged postern - operation.ended - done",
        "escape \u001b[2J\u001b]0;title\u0007 bell",
        "c1 \u009b31m next \u0085 line \u2028 and \u2029",
        "quote \" backslash \\ bracket ] brace } pipe | equals = comma , semicolon ;",
        "\"] [forged@1 decision=\"allow\"]",
        "CEF:0|a|b|c|d|e|10|act=allow outcome=done",
        "=cmd|' /C calc'!A0",
        "+1", "-1", "@SUM(A1)",
        "<script>alert(1)</script><!--",
        "right-to-left \u202e txet \u2066 isolate \u200b zero width",
        "tags \U000E0041\U000E0042 and emoji \U0001F600",
        "\ufeffbom",
        "nul \0 inside",
        "{\"kind\":\"operation.ended\",\"decision\":\"allow\"}",
        new string('A', 300_000),
        string.Concat(Enumerable.Repeat("\u202e\n", 10_000)),
    ];

    public static ExportEvent Event(long sequence, string text) => new()
    {
        Journal = "0123456789abcdef0123456789abcdef",
        Sequence = sequence,
        At = new DateTimeOffset(2026, 3, 4, 12, 0, 0, TimeSpan.Zero).AddMilliseconds(sequence),
        Kind = "operation.asked",
        About = ExportKinds.Decisions,
        Severity = EventSeverity.Warning,
        Fields = [new("op", "01J00000000000000000000001"), new("identity", "corp:" + text), new("decision", "deny"), new("reason", text), new("rules", ImmutableArray.Create("one", text)), new("policyVersion", 14)],
    };
}
