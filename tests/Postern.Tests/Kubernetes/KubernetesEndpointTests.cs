using System.Net;
using Postern.Tests.Http;

namespace Postern.Tests.Kubernetes;

/// <summary>What goes to an API server, what of its answers comes back, and what a caller hears.</summary>
public sealed class KubernetesEndpointTests
{
    private const string Card = "4242 4242 4242 4242";
    private const string Pods = "/api/v1/namespaces/a/pods";

    [Fact]
    [Row("K01")]
    [Guarantee("G12"), Guarantee("G13")]
    public async Task The_lent_credential_goes_on_and_nothing_by_which_a_caller_says_who_it_is()
    {
        await using var bed = await KubernetesBed.StartAsync();

        var answer = await bed.SendAsync("GET", Pods + "/p", change: request =>
        {
            foreach (var name in new[] { "Impersonate-User", "impersonate-group", "IMPERSONATE-UID", "Impersonate-Extra-scopes", "X-Remote-User", "X-Remote-Group", "Cookie" }) request.Headers.TryAddWithoutValidation(name, "system:masters");
        });

        Assert.Equal(HttpStatusCode.OK, answer.Status);
        var sent = Assert.Single(bed.Target.Requests);
        Assert.Equal(KubernetesBed.Credential, Assert.Single(sent.Values("Authorization")));
        Assert.DoesNotContain("system:masters", sent.Head, StringComparison.Ordinal);
        Assert.Equal("GET /api/v1/namespaces/a/pods/p HTTP/1.1", sent.Line);
        Assert.DoesNotContain("cluster-credential", answer.Everything + await bed.JournalAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, "application/json")]
    [InlineData("*/*", "application/json")]
    [InlineData("application/vnd.kubernetes.protobuf,application/json", "application/json")]
    [InlineData("application/vnd.kubernetes.protobuf, */*", "application/json")]
    [InlineData("application/cbor, application/json", "application/json")]
    [InlineData("application/yaml;q=1, application/json;q=0.1", "application/json")]
    [InlineData("application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json")]
    [InlineData("application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json", "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json")]
    [InlineData("application/json;stream=watch;as=Something", "application/json")]
    [InlineData("application/json;as=Ta ble", "application/json")]
    [Row("K07")]
    public async Task Only_JSON_is_asked_for(string? accept, string asked)
    {
        await using var bed = await KubernetesBed.StartAsync();

        await bed.SendAsync("GET", Pods, change: request =>
        {
            if (accept is not null) request.Headers.TryAddWithoutValidation("Accept", accept);
            request.Headers.TryAddWithoutValidation("Accept-Encoding", "gzip, br");
        });

        var sent = Assert.Single(bed.Target.Requests);
        Assert.Equal(asked, Assert.Single(sent.Values("Accept")));
        Assert.Empty(sent.Values("Accept-Encoding"));
    }

    [Theory]
    [InlineData("application/vnd.kubernetes.protobuf", "k8s\0\n")]
    [InlineData("application/cbor", "\u00a1")]
    [InlineData("application/yaml", "kind: Pod\n")]
    [InlineData("application/json", "{\"kind\":\"Pod\",\"kind\":\"Secret\"}")]
    [InlineData("application/json", "{\"kind\":")]
    [InlineData("application/octet-stream", "x")]
    [Row("K07")]
    [Guarantee("G11")]
    public async Task An_answer_that_cannot_be_read_is_blocked(string type, string body)
    {
        await using var bed = await KubernetesBed.StartAsync();
        bed.Target.Answer = _ => RawTarget.Reply(type, body);

        var answer = await bed.SendAsync("GET", Pods + "/p");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.Status);
        Assert.Equal("upstream.invalid", answer.Json.GetProperty("postern").GetProperty("code").GetString());
        Assert.Null(answer.Header("Retry-After"));
    }

    [Fact]
    [Row("K05")]
    public async Task A_switched_or_redirecting_answer_is_no_answer()
    {
        await using var bed = await KubernetesBed.StartAsync();
        foreach (var status in new[] { "101 Switching Protocols", "302 Found", "307 Temporary Redirect" })
        {
            bed.Target.Answer = _ => RawTarget.Reply("application/json", "{}", "Location: http://127.0.0.1:1/\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n", status);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, (await bed.SendAsync("GET", Pods + "/p")).Status);
        }
    }

    [Fact]
    [Row("K06")]
    [Row("M07")]
    [Guarantee("G11")]
    public async Task Each_event_of_a_watch_is_masked_by_itself()
    {
        await using var bed = await KubernetesBed.StartAsync();
        var events = $$$$$"""
            {"type":"ADDED","object":{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p","resourceVersion":"4242424242424242","managedFields":[{"manager":"m"}]},"spec":{"note":"{{{{{Card}}}}}"}}}
            {"type":"BOOKMARK","object":{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"9","annotations":{"k8s.io/initial-events-end":"true"}}}}
            {"type":"MODIFIED","object":{"kind":"Secret","apiVersion":"v1","metadata":{"name":"s"},"data":{"a":"Y2FuYXJ5"}}}
            {"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","message":"card {{{{{Card}}}}}"}}

            """;
        bed.Target.Answer = _ => RawTarget.Reply("application/json", events);

        var answer = await bed.SendAsync("GET", Pods + "?watch=true");

        var lines = answer.Body.TrimEnd('\n').Split('\n');
        Assert.Equal(4, lines.Length);
        Assert.Contains("\"note\":\"[masked:cards]\"", lines[0], StringComparison.Ordinal);
        Assert.Contains("\"resourceVersion\":\"4242424242424242\"", lines[0], StringComparison.Ordinal);
        Assert.Contains("\"managedFields\":[]", lines[0], StringComparison.Ordinal);
        Assert.Contains("W21hc2tlZDpzZWNyZXRd", lines[2], StringComparison.Ordinal);
        Assert.Contains("[masked:cards]", lines[3], StringComparison.Ordinal);
        var all = answer.Body + await bed.JournalAsync();
        Assert.DoesNotContain(Card, all, StringComparison.Ordinal);
        Assert.DoesNotContain("Y2FuYXJ5", all, StringComparison.Ordinal);
    }

    [Fact]
    [Row("K06")]
    public async Task A_watch_that_ends_within_an_event_does_not_look_whole()
    {
        await using var bed = await KubernetesBed.StartAsync();
        bed.Target.Answer = _ => RawTarget.Reply("application/json", "{\"type\":\"ADDED\",\"object\":{}}\n{\"type\":\"ADD");

        await Assert.ThrowsAnyAsync<HttpRequestException>(() => bed.SendAsync("GET", Pods + "?watch=true"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("?follow=true")]
    [InlineData("?previous=true&timestamps=true")]
    [Row("K16")]
    public async Task Logs_are_masked_line_by_line(string query)
    {
        await using var bed = await KubernetesBed.StartAsync();
        bed.Target.Answer = _ => RawTarget.Reply("text/plain", $"one\npaid with {Card}\nlast {Card}");

        var answer = await bed.SendAsync("GET", Pods + "/p/log" + query);

        Assert.Equal("one\npaid with [masked:cards]\nlast [masked:cards]", answer.Body);
        Assert.DoesNotContain(Card, await bed.JournalAsync(), StringComparison.Ordinal);
    }

    [Fact]
    [Row("K11")]
    [Guarantee("G6")]
    public async Task A_path_with_two_readings_is_refused_and_nothing_is_sent()
    {
        await using var bed = await KubernetesBed.StartAsync();

        foreach (var path in new[] { "/api/v1/namespaces/a/../../../x", "/api/v1/namespaces/a%2fpods", "/api/v1//pods", "/api/v1/pods/", "/api/v1/namespaces/a/%2e%2e/pods", "/api/v1/pods;x", "/api/v1/pods?watch=1&watch=0", "/api/v1/namespaces/a/pods/%252e", "/api/v1/namespaces/a\\pods" })
        {
            var answer = await bed.SendAsync("GET", path);
            Assert.True(answer.Status == HttpStatusCode.BadRequest, $"{path}: {answer.Status}");
        }
        Assert.Empty(bed.Target.Requests);
    }

    [Fact]
    public async Task A_pending_hold_tells_clients_to_repeat_and_what_broke_off_does_not()
    {
        await using var bed = await KubernetesBed.StartAsync();

        var held = await bed.SendAsync("DELETE", "/api/v1/nodes/n");
        Assert.Equal(HttpStatusCode.TooManyRequests, held.Status);
        Assert.Equal("1", held.Header("Retry-After"));
        Assert.Equal("TooManyRequests", held.Json.GetProperty("reason").GetString());
        Assert.Contains("/approve/", held.Json.GetProperty("message").GetString()!, StringComparison.Ordinal);
        Assert.All(bed.Target.Requests, request => Assert.StartsWith("GET ", request.Line, StringComparison.Ordinal)); // what people are shown; the delete itself is held

        bed.Target.Answer = _ => null;
        var broken = await bed.SendAsync("DELETE", Pods + "/p");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, broken.Status);
        Assert.Null(broken.Header("Retry-After"));
    }

    [Fact]
    public async Task Without_a_token_the_answer_is_a_status_that_says_how_to_get_one()
    {
        await using var bed = await KubernetesBed.StartAsync();

        var answer = await bed.SendAsync("GET", Pods, token: "nonsense");

        Assert.Equal(HttpStatusCode.Unauthorized, answer.Status);
        Assert.Equal("Unauthorized", answer.Json.GetProperty("reason").GetString());
        Assert.Contains("postern kube login", answer.Body, StringComparison.Ordinal);
        Assert.NotNull(answer.Header("WWW-Authenticate"));
    }

    [Fact]
    [Guarantee("G6")]
    public async Task A_body_arrives_byte_for_byte()
    {
        await using var bed = await KubernetesBed.StartAsync();
        const string body = """ { "kind":"ConfigMap", "metadata" : {"name":"caf\u00e9"}, "data":{"n":"1e2 ☕"} } """;

        var answer = await bed.SendAsync("POST", "/api/v1/namespaces/a/configmaps?fieldManager=x", body);
        await bed.SendAsync("DELETE", "/api/v1/namespaces/a/configmaps/c", """{"gracePeriodSeconds": 0}""");

        Assert.True(answer.Status == HttpStatusCode.OK, answer.Body);
        Assert.Equal([body, """{"gracePeriodSeconds": 0}"""], bed.Target.Requests.Select(request => request.BodyText));
    }

    [Fact]
    [Row("K17")]
    [Row("K08")]
    public async Task A_credential_that_a_request_brings_is_not_recorded()
    {
        await using var bed = await KubernetesBed.StartAsync();

        await bed.SendAsync("POST", "/api/v1/namespaces/a/secrets", """{"kind":"Secret","metadata":{"name":"s"},"data":{"a":"Y2FuYXJ5"},"stringData":{"b":"canary-b"}}""");
        await bed.SendAsync("PATCH", "/api/v1/namespaces/a/secrets/s", """[{"op":"add","path":"/data/a","value":"Y2FuYXJ5"}]""", "application/json-patch+json");
        await bed.SendAsync("PATCH", "/api/v1/namespaces/a/secrets/s", """{"data":{"a":"Y2FuYXJ5"}}""", "application/merge-patch+json");

        Assert.Equal(3, bed.Target.Requests.Count(request => request.BodyText.Contains("Y2FuYXJ5", StringComparison.Ordinal)));
        var journal = await bed.JournalAsync();
        Assert.DoesNotContain("Y2FuYXJ5", journal, StringComparison.Ordinal);
        Assert.DoesNotContain("canary-b", journal, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_connection_of_another_protocol_or_none_is_not_found()
    {
        await using var bed = await KubernetesBed.StartAsync();
        using var client = new HttpClient();

        using var answer = await client.GetAsync(bed.Host.Url + "/k8s/other/api", TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
    }
}
