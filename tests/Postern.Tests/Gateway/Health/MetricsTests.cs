using System.Globalization;
using System.Text.RegularExpressions;
using Postern.Gateway.Health;

namespace Postern.Tests.Gateway.Health;

public sealed class MetricsTests
{
    private const string Allowed = "postern_operations_total{connection=\"shop\",protocol=\"mcp\",decision=\"allow\",outcome=\"done\",code=\"\"}";

    [Fact]
    [Row("U12")]
    [Row("T07")]
    public async Task What_was_done_is_counted_by_connection_and_nobodys_name_or_value_is_in_it()
    {
        await using var gateway = await RunningGateway.StartAsync();
        await gateway.CallToolAsync("alice", "get_customer", """{"customer":"C-101","note":"canary-7f3a"}""");
        var allowed = Sample(await ScrapeAsync(gateway), Allowed); // what the gateway asks itself, to know the tools, is counted as well
        await gateway.CallToolAsync("alice", "get_customer", """{"customer":"C-101"}""");
        await gateway.CallToolAsync("alice", "canary-7f3a", "{}");
        await gateway.HoldARefundAsync("alice");

        var text = await ScrapeAsync(gateway);

        Assert.Equal(allowed + 1, Sample(text, Allowed));
        Assert.True(Sample(text, "postern_operations_total{connection=\"shop\",protocol=\"mcp\",decision=\"deny\",outcome=\"denied\",code=\"policy.not_permitted\"}") >= 1);
        Assert.Equal(1, Sample(text, "postern_operations_total{connection=\"shop\",protocol=\"mcp\",decision=\"hold\",outcome=\"pending\",code=\"hold.pending\"}"));
        Assert.Equal(1, Sample(text, "postern_holds_open"));
        Assert.Equal(1, Sample(text, "postern_policy_version"));
        Assert.Equal(1, Sample(text, "postern_record_well"));
        Assert.Equal(
            Regex.Matches(text, "^postern_operations_total{connection=\"shop\".* (\\d+)$", RegexOptions.Multiline).Sum(match => double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)),
            Sample(text, "postern_operation_duration_seconds_count{connection=\"shop\"}"));
        Assert.DoesNotContain("canary", text);
        Assert.DoesNotContain("alice", text);
        Assert.DoesNotContain("get_customer", text);
        Assert.All(text.TrimEnd('\n').Split('\n'), line => Assert.Matches("^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+({[a-z]+=\"[^\"\\\\\\n]*\"(,[a-z]+=\"[^\"\\\\\\n]*\")*})? [0-9.E+-]+)$", line));
    }

    [Fact]
    public async Task They_are_nowhere_but_on_the_management_listener()
    {
        await using var gateway = await RunningGateway.StartAsync();
        using var http = new HttpClient();

        using var answer = await http.GetAsync(gateway.Host.Url + "/metrics");

        Assert.Equal(System.Net.HttpStatusCode.NotFound, answer.StatusCode);
    }

    [Fact]
    public void A_bucket_holds_all_below_it_and_label_values_are_escaped()
    {
        var histogram = new Histogram();
        foreach (var milliseconds in (ReadOnlySpan<int>)[1, 2, 100, 90_000]) histogram.Add(TimeSpan.FromMilliseconds(milliseconds));
        var text = new MetricsText();

        histogram.Write(text, "took", ("connection", "a\"b\\c\nd"));

        var lines = text.ToString().TrimEnd('\n').Split('\n');
        const string labels = """{connection="a\"b\\c\nd",le=""";
        Assert.Equal($"took_bucket{labels}\"0.001\"}} 1", lines[0]);
        Assert.Equal($"took_bucket{labels}\"0.0025\"}} 2", lines[1]);
        Assert.Equal($"took_bucket{labels}\"0.1\"}} 3", lines[6]);
        Assert.Equal($"took_bucket{labels}\"60\"}} 3", lines[14]);
        Assert.Equal($"took_bucket{labels}\"+Inf\"}} 4", lines[15]);
        Assert.Equal("""took_sum{connection="a\"b\\c\nd"} 90.103""", lines[16]);
        Assert.Equal("""took_count{connection="a\"b\\c\nd"} 4""", lines[17]);
    }

    private static async Task<string> ScrapeAsync(RunningGateway gateway)
    {
        using var http = new HttpClient();
        using var answer = await http.GetAsync(gateway.Host.ManagementUrl + "/metrics");
        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", answer.Content.Headers.ContentType!.ToString());
        return await answer.Content.ReadAsStringAsync();
    }

    private static double Sample(string text, string name)
    {
        var line = Assert.Single(text.Split('\n'), line => line.StartsWith(name + " ", StringComparison.Ordinal));
        return double.Parse(line[(name.Length + 1)..], CultureInfo.InvariantCulture);
    }
}
