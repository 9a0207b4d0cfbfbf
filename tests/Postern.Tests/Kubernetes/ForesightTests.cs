using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Postern.Protocols.Kubernetes.Foresight;
using Postern.Tests.Http;

namespace Postern.Tests.Kubernetes;

/// <summary>What people are shown of a held request's effect, and that finding it out has none.</summary>
public sealed class ForesightTests
{
    private const string Held =
        """
        version: 1
        rules:
          - { id: held, who: { groups: [support] }, on: { connection: prod, verbs: [create, update, patch, delete, deletecollection], resources: ["*", pods/eviction], namespaces: [a] }, then: hold, hold: { approvers: { groups: [on-call] } } }
        masks:
          - { id: settings, on: [ { connection: prod, resources: [configmaps] } ], fields: ["$.data.password"], as: redact }
        """;

    private const string Now = """{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"c","resourceVersion":"7"},"data":{"mode":"fast","password":"canary-now"}}""";
    private const string Then = """{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"c","resourceVersion":"8"},"data":{"mode":"slow","password":"canary-then"}}""";

    [Theory]
    [InlineData("PUT", "/api/v1/namespaces/a/configmaps/c", "application/json")]
    [InlineData("PATCH", "/api/v1/namespaces/a/configmaps/c?fieldManager=x", "application/merge-patch+json")]
    [InlineData("PATCH", "/api/v1/namespaces/a/configmaps/c?fieldManager=x", "application/apply-patch+yaml")]
    public async Task The_change_is_asked_of_the_server_in_a_dry_run_and_shown_after_masks(string method, string target, string type)
    {
        await using var bed = await KubernetesBed.StartAsync(Held);
        bed.Target.Answer = AsServer;

        var foreseen = await ForeseenAsync(bed, method, target, """{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"data":{"mode":"slow"}}""", type);

        Assert.Contains("-     \"mode\": \"fast\",\n+     \"mode\": \"slow\",", foreseen, StringComparison.Ordinal);
        Assert.Contains("[masked:settings]", foreseen, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", foreseen, StringComparison.Ordinal);
        Assert.DoesNotContain("resourceVersion", foreseen, StringComparison.Ordinal);
        Assert.All(bed.Target.Requests.Where(request => !request.Line.StartsWith("GET", StringComparison.Ordinal)), request => Assert.Contains("dryRun=All", request.Target, StringComparison.Ordinal));
        Assert.Equal(["GET", "GET", method], bed.Target.Requests.Select(request => request.Line.Split(' ')[0]));
        Assert.DoesNotContain("canary", await bed.JournalAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"kind":"DeleteOptions","apiVersion":"v1","propagationPolicy":"Background"}""")]
    [InlineData(null)]
    public async Task A_delete_is_not_tried_and_shows_the_object(string? options)
    {
        await using var bed = await KubernetesBed.StartAsync(Held);
        bed.Target.Answer = AsServer;

        var foreseen = await ForeseenAsync(bed, "DELETE", "/api/v1/namespaces/a/configmaps/c", options, "application/json");

        Assert.Contains("would be deleted", foreseen, StringComparison.Ordinal);
        Assert.Contains("-     \"mode\": \"fast\"", foreseen, StringComparison.Ordinal);
        Assert.Equal("GET", Assert.Single(bed.Target.Requests).Line.Split(' ')[0]);
    }

    [Theory]
    [InlineData("POST", "/apis/example.com/v1/namespaces/a/things", "{}", "no resource of Kubernetes' own")]
    [InlineData("POST", "/api/v1/namespaces/a/pods/p/eviction", """{"kind":"Eviction","apiVersion":"policy/v1","metadata":{"name":"p"}}""", "not asked in advance")]
    public async Task What_might_not_know_a_dry_run_is_not_asked(string method, string target, string body, string expected)
    {
        await using var bed = await KubernetesBed.StartAsync(Held);
        bed.Target.Answer = AsServer;

        Assert.Contains(expected, await ForeseenAsync(bed, method, target, body, "application/json"), StringComparison.Ordinal);

        Assert.Empty(bed.Target.Requests);
    }

    [Theory]
    [InlineData("""{"major":"1","minor":"12"}""", "older than 1.18")]
    [InlineData("{}", "could not be read")]
    [InlineData("", "could not be read")]
    public async Task An_older_server_is_not_asked(string version, string expected)
    {
        await using var bed = await KubernetesBed.StartAsync(Held);
        bed.Target.Answer = request => request.Target == "/version" ? version.Length == 0 ? null : RawTarget.Reply("application/json", version) : AsServer(request);

        Assert.Contains(expected, await ForeseenAsync(bed, "POST", "/api/v1/namespaces/a/configmaps", Now, "application/json"), StringComparison.Ordinal);

        Assert.Equal(["/version"], bed.Target.Requests.Select(request => request.Target).Distinct());
    }

    [Fact]
    public async Task What_the_server_would_refuse_is_told_in_its_words_and_a_dry_run_itself_is_not_foreseen()
    {
        await using var bed = await KubernetesBed.StartAsync(Held);
        bed.Target.Answer = request => request.Target.Contains("dryRun", StringComparison.Ordinal) ? RawTarget.Reply("application/json", """{"kind":"Status","status":"Failure","message":"no more than 3 here"}""", status: "403 Forbidden") : AsServer(request);

        Assert.Contains("would refuse it now (403): no more than 3 here", await ForeseenAsync(bed, "POST", "/api/v1/namespaces/a/configmaps", Now, "application/json"), StringComparison.Ordinal);
        var before = bed.Target.Requests.Count;
        Assert.Null(await ForeseenAsync(bed, "POST", "/api/v1/namespaces/a/configmaps?dryRun=All", Now, "application/json"));
        Assert.Equal(before, bed.Target.Requests.Count);
    }

    [Fact]
    public void A_diff_shows_what_went_and_what_came_with_three_lines_around()
    {
        var old = string.Join('\n', Enumerable.Range(1, 20));

        Assert.Equal("", LineDiff.Of(old, old));
        Assert.Equal("  …\n  7\n  8\n  9\n- 10\n+ ten\n  11\n  12\n  13\n  …\n", LineDiff.Of(old, old.Replace("\n10\n", "\nten\n", StringComparison.Ordinal)));
        Assert.Equal("+ a\n+ b\n", LineDiff.Of("", "a\nb"));
        Assert.InRange(LineDiff.Of("", string.Join('\n', Enumerable.Repeat(new string('x', 1000), 5000))).Length, 60_000, 70_000);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Applied_to_the_old_text_a_diff_gives_the_new(int seed)
    {
        // The same pseudo-random lines in every run.
        var state = (uint)seed;
        int Next(int below)
        {
            state = (state * 1664525) + 1013904223;
            return (int)(state >> 16) % below;
        }
        for (var round = 0; round < 50; round++)
        {
            var old = Enumerable.Range(0, Next(12)).Select(_ => Next(4).ToString(CultureInfo.InvariantCulture)).ToArray();
            var now = Enumerable.Range(0, Next(12)).Select(_ => Next(4).ToString(CultureInfo.InvariantCulture)).ToArray();
            var diff = LineDiff.Of(string.Join('\n', old), string.Join('\n', now)).TrimEnd('\n');
            if (diff.Contains('…', StringComparison.Ordinal)) continue;
            var lines = diff.Length == 0 ? [] : diff.Split('\n');
            if (lines.Length == 0)
            {
                Assert.Equal(old, now);
                continue;
            }
            Assert.Equal(old, lines.Where(line => line[0] is ' ' or '-').Select(line => line[2..]));
            Assert.Equal(now, lines.Where(line => line[0] is ' ' or '+').Select(line => line[2..]));
        }
    }

    private static string? AsServer(RawRequest request) => request switch
    {
        { Target: "/version" } => RawTarget.Reply("application/json", """{"major":"1","minor":"20+"}"""),
        _ when request.Line.StartsWith("GET", StringComparison.Ordinal) => RawTarget.Reply("application/json", Now),
        _ => RawTarget.Reply("application/json", Then),
    };

    /// <summary>Asks, is told to wait, and reads what people are shown; null when that is nothing.</summary>
    private static async Task<string?> ForeseenAsync(KubernetesBed bed, string method, string target, string? body, string type)
    {
        var held = await bed.SendAsync(method, target, body, type);
        Assert.True(held.Status == (HttpStatusCode)429, held.Body);
        var link = held.Json.GetProperty("postern").GetProperty("request").GetProperty("url").GetString()!;
        using var request = new HttpRequestMessage(HttpMethod.Get, $"{bed.Host.Url}/api/v1/approvals/{link[(link.LastIndexOf('/') + 1)..]}");
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + bed.TokenOf("alice"));
        using var client = new HttpClient();
        using var response = await client.SendAsync(request);
        using var hold = JsonDocument.Parse(await response.Content.ReadAsStringAsync());
        return hold.RootElement.TryGetProperty("foreseen", out var foreseen) ? foreseen.GetString() : null;
    }
}
