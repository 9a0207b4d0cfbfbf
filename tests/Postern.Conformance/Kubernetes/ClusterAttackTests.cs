using System.Globalization;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Postern.Conformance.Gateways;
using Postern.Tests;

namespace Postern.Conformance.Kubernetes;

/// <summary>What a caller tries who may read some config maps of one namespace and wants more: over the wire, before a real API server, whose audit log says what came through.</summary>
public sealed class ClusterAttackTests(SharedApiServer shared)
{
    private const string Canary = "canary-51d7-of-another";

    private const string Narrow =
        """
        version: 1
        rules:
          - id: support-reads
            who: { groups: [support] }
            on: { connection: prod, verbs: [get, list, watch, delete, deletecollection], resources: [configmaps], namespaces: [NS], names: [own] }
            then: allow
        """;

    private const string Wide =
        """
        version: 1
        rules:
          - id: support-works
            who: { groups: [support] }
            on: { connection: prod, verbs: [get, list, watch, create, update, patch, deletecollection], resources: [pods, configmaps, events, "configmaps.shop.example"], namespaces: [NS] }
            then: allow
          - id: no-host-pods
            on: { connection: prod, verbs: [create, update], resources: [pods] }
            when: "object.?spec.?hostNetwork.orValue(false)"
            then: deny
          - id: patched-pods-wait
            on: { connection: prod, verbs: [patch], resources: [pods] }
            then: guard
            hold: { approvers: { groups: [on-call] } }
          - id: no-orphans
            on: { connection: prod, verbs: [deletecollection], resources: [configmaps] }
            when: "request.dryRun == false"
            then: deny
        """;

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Fact]
    [Row("K11"), Row("K12"), Row("K03"), Row("K04"), Guarantee("G6")]
    public async Task No_spelling_of_a_request_reaches_what_was_not_given()
    {
        await using var bed = await ClusterBed.StartAsync(shared, Narrow, Test);
        var other = await shared.NamespaceAsync(Test);
        foreach (var (space, name, value) in new[] { (bed.Namespace, "own", "mine"), (bed.Namespace, "other", Canary), (other, "own", Canary) })
            await bed.Server.CreateAsync($"/api/v1/namespaces/{space}/configmaps", $$$"""{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"{{{name}}}"},"data":{"a":"{{{value}}}"}}""", Test);
        await bed.Server.CreateAsync($"/api/v1/namespaces/{bed.Namespace}/secrets", $$$"""{"apiVersion":"v1","kind":"Secret","metadata":{"name":"own"},"stringData":{"a":"{{{Canary}}}"}}""", Test);
        var begin = new FileInfo(bed.Server.AuditLog).Length;
        var (mine, theirs) = ($"/api/v1/namespaces/{bed.Namespace}/configmaps", $"/api/v1/namespaces/{other}/configmaps");

        var permitted = 0;
        foreach (var target in Targets(bed.Namespace, other, mine, theirs))
        {
            foreach (var method in new[] { "GET", "HEAD", "get", "OPTIONS", "TRACE" })
            {
                var answer = await SayAsync(bed, $"{method} /k8s/prod{target} HTTP/1.1", "", "");
                Assert.False(answer.Contains(Canary, StringComparison.Ordinal) || answer.Contains(Convert.ToBase64String(Encoding.UTF8.GetBytes(Canary)), StringComparison.Ordinal), $"{method} {target}: {answer}");
                if (answer.StartsWith("HTTP/1.1 2", StringComparison.Ordinal)) permitted++;
            }
        }
        foreach (var header in new[] { "X-HTTP-Method-Override: DELETE", "X-HTTP-Method: DELETE", "X-Original-URL: " + theirs, "X-Rewrite-URL: " + theirs, "X-Forwarded-Prefix: /../..", "X-Forwarded-Uri: " + theirs, "Forwarded: for=1;host=evil" })
            Assert.DoesNotContain(Canary, await SayAsync(bed, $"GET /k8s/prod{mine}/own HTTP/1.1", header + "\r\n", ""), StringComparison.Ordinal);
        foreach (var line in new[] { $"GET {bed.Server.Url}{theirs} HTTP/1.1", $"GET https://127.0.0.1/k8s/prod{theirs} HTTP/1.1", $"GET /k8s/prod/../prod{theirs} HTTP/1.1", $"GET //k8s/prod{theirs} HTTP/1.1", $"GET /K8S/prod{theirs} HTTP/1.1", $"GET /k8s/prod%2f..%2fprod{theirs} HTTP/1.1", $"CONNECT 127.0.0.1:{bed.Server.Port} HTTP/1.1" })
            Assert.False((await SayAsync(bed, line, "", "")).StartsWith("HTTP/1.1 2", StringComparison.Ordinal), line);

        Assert.True(permitted > 0);
        // Of all that was tried, the cluster has heard of the one config map, whatever it was called by.
        var came = Audited(bed, begin).Where(entry => Regex.IsMatch(entry.GetProperty("requestURI").GetString()!, $@"\b({bed.Namespace}|{other})\b", RegexOptions.None, TimeSpan.FromSeconds(1))).ToArray();
        Assert.NotEmpty(came);
        Assert.All(came, entry => Assert.Equal(("configmaps", bed.Namespace, "own"), (Of(entry, "resource"), Of(entry, "namespace"), Of(entry, "name"))));
    }

    [Fact]
    [Row("K12"), Row("K14")]
    public async Task A_collection_is_deleted_only_as_it_is_permitted_and_never_beyond()
    {
        await using var bed = await ClusterBed.StartAsync(shared, Narrow, Test);
        var at = $"/api/v1/namespaces/{bed.Namespace}/configmaps";
        foreach (var name in new[] { "own", "other" }) await bed.Server.CreateAsync(at, $$$"""{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"{{{name}}}"}}""", Test);

        foreach (var target in new[] { at, at + "?fieldSelector=metadata.name%3Down", at + "?fieldSelector=metadata.name%21%3Down", at + "?labelSelector=a", at + "?dryRun=All", at + "?propagationPolicy=Orphan", at + "?gracePeriodSeconds=0" })
        {
            foreach (var body in new[] { null, """{"kind":"DeleteOptions","apiVersion":"v1","gracePeriodSeconds":0,"propagationPolicy":"Orphan"}""", """{"kind":"DeleteOptions","dryRun":["All"]}""" })
            {
                var (status, _, said) = await bed.AskAsync("alice", HttpMethod.Delete, target, body);
                Assert.True(status is 403 or 400, $"{target} {body}: {status} {said}");
            }
        }
        foreach (var body in new[] { """{"kind":"ConfigMap","metadata":{"name":"other"}}""", """{"kind":"DeleteOptions","kind":"x"}""", "[]", "x" })
            Assert.InRange((await bed.AskAsync("alice", HttpMethod.Delete, at + "/own", body)).Status, 400, 415);
        Assert.Equal(200, (await bed.Server.AskAsync("admin", HttpMethod.Get, at + "/own", null, Test)).Status);
        Assert.Equal(200, (await bed.AskAsync("alice", HttpMethod.Delete, at + "/own", """{"kind":"DeleteOptions","apiVersion":"v1","propagationPolicy":"Background"}""")).Status);
        Assert.Equal(200, (await bed.Server.AskAsync("admin", HttpMethod.Get, at + "/other", null, Test)).Status);
    }

    [Fact]
    [Row("K09"), Row("K13")]
    public async Task A_pod_on_the_hosts_network_comes_by_no_kind_of_write()
    {
        await using var bed = await ClusterBed.StartAsync(shared, Wide, Test);
        var at = $"/api/v1/namespaces/{bed.Namespace}/pods";
        await bed.Server.CreateAsync(at, """{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"x"}]}}""", Test);
        const string spec = "\"spec\":{\"hostNetwork\":true,\"containers\":[{\"name\":\"c\",\"image\":\"evil\"}]}";

        (HttpMethod Method, string Target, string Body, string Type)[] writes =
        [
            (HttpMethod.Post, at, $"{{\"metadata\":{{\"name\":\"q\"}},{spec}}}", "application/json"),
            (HttpMethod.Post, at + "?dryRun=All", $"{{\"metadata\":{{\"generateName\":\"q\"}},{spec}}}", "application/json"),
            (HttpMethod.Post, at, $"{{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{{\"name\":\"q\",\"namespace\":\"default\"}},{spec}}}", "application/json"),
            (HttpMethod.Post, at, $"{{\"kind\":\"List\",\"apiVersion\":\"v1\",\"items\":[{{\"metadata\":{{\"name\":\"q\"}},{spec}}}]}}", "application/json"),
            (HttpMethod.Post, at, $"{{\"metadata\":{{\"name\":\"q\"}},\"spec\":{{\"hostNetwork\":false}},{spec}}}", "application/json"),
            (HttpMethod.Post, at, $"{{\"metadata\":{{\"name\":\"q\"}},\"Spec\":{{\"hostNetwork\":true,\"containers\":[{{\"name\":\"c\",\"image\":\"evil\"}}]}}}}", "application/json"),
            (HttpMethod.Post, at, $"metadata: {{name: q}}\nspec: {{hostNetwork: true, containers: [{{name: c, image: evil}}]}}\n", "application/yaml"),
            (HttpMethod.Post, at, $"{{\"metadata\":{{\"name\":\"q\"}},{spec}}}", "application/json; charset=utf-16"),
            (HttpMethod.Put, at + "/p", $"{{\"metadata\":{{\"name\":\"p\"}},{spec}}}", "application/json"),
            (HttpMethod.Put, at + "/q", $"{{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{{\"name\":\"q\"}},{spec}}}", "application/json"),
            (HttpMethod.Patch, at + "/p", "{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"evil\"}]}}", "application/strategic-merge-patch+json"),
            (HttpMethod.Patch, at + "/p", "{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"evil\"}]}}", "application/merge-patch+json"),
            (HttpMethod.Patch, at + "/p", "[{\"op\":\"replace\",\"path\":\"/spec/containers/0/image\",\"value\":\"evil\"}]", "application/json-patch+json"),
            (HttpMethod.Patch, at + "/q?fieldManager=x&force=true", $"{{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{{\"name\":\"q\"}},{spec}}}", "application/apply-patch+yaml"),
            (HttpMethod.Patch, at + "/q?fieldManager=x", $"apiVersion: v1\nkind: Pod\nmetadata: {{name: q}}\nspec: {{hostNetwork: true}}\n", "application/apply-patch+yaml"),
        ];
        foreach (var (method, target, body, type) in writes)
        {
            var (status, _, said) = await bed.AskAsync("alice", method, target, body, request =>
            {
                request.Content!.Headers.Remove("Content-Type");
                request.Content.Headers.TryAddWithoutValidation("Content-Type", type);
            });
            Assert.True(status is 400 or 403 or 415 or 422 or 429, $"{method} {target} {type} {body}: {status} {said}");
        }
        // A name in other letters is another to the API server: what the condition did not see, it does not see either.
        Assert.Equal(201, (await bed.AskAsync("alice", HttpMethod.Post, at, """{"metadata":{"name":"r"},"spec":{"HostNetwork":true,"containers":[{"name":"c","image":"x"}]}}""")).Status);
        var list = JsonDocument.Parse((await bed.Server.AskAsync("admin", HttpMethod.Get, at, null, Test)).Body).RootElement.GetProperty("items");
        Assert.All(list.EnumerateArray(), pod => Assert.DoesNotContain("evil", pod.GetRawText(), StringComparison.Ordinal));
        Assert.All(list.EnumerateArray(), pod => Assert.False(pod.GetProperty("spec").TryGetProperty("hostNetwork", out var host) && host.GetBoolean()));
    }

    [Fact]
    [Row("K10")]
    public async Task A_resource_of_the_same_name_in_another_group_is_another_and_the_same_objects_under_two_groups_are_one()
    {
        await using var bed = await ClusterBed.StartAsync(shared, Narrow.Replace(", names: [own]", "", StringComparison.Ordinal) + "\n  - { id: no-events, on: { connection: prod, verbs: [list], resources: [events.events.k8s.io] }, then: deny }\n  - { id: events, who: { groups: [support] }, on: { connection: prod, verbs: [list], resources: [events], namespaces: [NS] }, then: allow }\n", Test);
        var group = $"g{Guid.NewGuid():n}.example";
        await bed.Server.CreateAsync(
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
            $$$$"""{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"configmaps.{{{{group}}}}"},"spec":{"group":"{{{{group}}}}","scope":"Namespaced","names":{"plural":"configmaps","singular":"configmap","kind":"ConfigMap"},"versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}}]}}""",
            Test);
        var at = $"/apis/{group}/v1/namespaces/{bed.Namespace}/configmaps";
        for (var tries = 0; (await bed.Server.AskAsync("admin", HttpMethod.Get, at, null, Test)).Status != 200 && tries < 100; tries++) await Task.Delay(100, Test);
        await bed.Server.CreateAsync(at, $$$"""{"apiVersion":"{{{group}}}/v1","kind":"ConfigMap","metadata":{"name":"own"},"data":"{{{Canary}}}"}""", Test);

        foreach (var target in new[] { at, at + "/own", at + "?watch=true&timeoutSeconds=1", $"/apis/{group}/v1/configmaps" }) Assert.Equal(403, (await bed.AskAsync("alice", HttpMethod.Get, target)).Status);
        Assert.Equal(200, (await bed.AskAsync("alice", HttpMethod.Get, $"/api/v1/namespaces/{bed.Namespace}/configmaps")).Status);
        foreach (var target in new[] { $"/api/v1/namespaces/{bed.Namespace}/events", $"/apis/events.k8s.io/v1/namespaces/{bed.Namespace}/events", $"/apis/events.k8s.io/v1beta1/namespaces/{bed.Namespace}/events" })
            Assert.Contains("policy", (await bed.AskAsync("alice", HttpMethod.Get, target)).Body, StringComparison.Ordinal);
    }

    [Fact]
    [Row("K06"), Row("K08"), Guarantee("G11")]
    public async Task Every_chunk_of_a_list_and_every_kind_of_watch_is_masked()
    {
        await using var bed = await ClusterBed.StartAsync(shared, Wide + "\nmasks:\n  - { id: all, on: { connection: prod }, detect: [credit-card], as: redact }\n  - { id: data, on: { connection: prod, resources: [configmaps] }, fields: [\"$.data\"], as: redact }\n", Test);
        var at = $"/api/v1/namespaces/{bed.Namespace}/configmaps";
        for (var i = 0; i < 5; i++) await bed.Server.CreateAsync(at, $$$"""{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c{{{i}}}","annotations":{"note":"card 4111 1111 1111 1111"},"labels":{"a":"b"}},"data":{"a":"{{{Canary}}}"}}""", Test);
        await bed.Server.CreateAsync($"/api/v1/namespaces/{bed.Namespace}/events", $$$"""{"apiVersion":"v1","kind":"Event","metadata":{"name":"e"},"involvedObject":{"kind":"Pod","name":"p","namespace":"{{{bed.Namespace}}}"},"message":"paid with 4111 1111 1111 1111","reason":"x","type":"Normal"}""", Test);

        var names = new List<string>();
        var said = new StringBuilder();
        for (string? more = ""; more is not null;)
        {
            var (status, _, body) = await bed.AskAsync("alice", HttpMethod.Get, $"{at}?limit=2{(more.Length > 0 ? "&continue=" + Uri.EscapeDataString(more) : "")}");
            Assert.Equal(200, status);
            said.Append(body);
            var root = JsonDocument.Parse(body).RootElement;
            names.AddRange(root.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("metadata").GetProperty("name").GetString()!));
            more = root.GetProperty("metadata").TryGetProperty("continue", out var next) && next.GetString() is { Length: > 0 } text ? text : null;
        }
        Assert.Equal(["c0", "c1", "c2", "c3", "c4"], names);
        foreach (var query in new[] { "watch=1&timeoutSeconds=1", "watch=true&timeoutSeconds=1&resourceVersion=0&allowWatchBookmarks=true", "watch=true&timeoutSeconds=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true", "watch=true&timeoutSeconds=1&fieldSelector=metadata.name%3Dc1", "labelSelector=a%3Db", "resourceVersion=0&resourceVersionMatch=NotOlderThan", "pretty=true" })
            said.Append((await bed.AskAsync("alice", HttpMethod.Get, $"{at}?{query}")).Body);
        said.Append((await bed.AskAsync("alice", HttpMethod.Get, $"/api/v1/namespaces/{bed.Namespace}/events")).Body);
        Assert.Contains("[masked:data]", said.ToString(), StringComparison.Ordinal);
        Assert.Contains("[masked:all]", said.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(Canary, said.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("4111 1111", said.ToString(), StringComparison.Ordinal);
        await bed.Host.StopAsync();
        Assert.DoesNotContain(Canary, Recordings.Read(bed.Data).Everything, StringComparison.Ordinal);
    }

    [Fact]
    [Row("K16"), Row("K03"), Row("K04")]
    public async Task Logs_come_masked_by_every_option_and_the_kubelets_own_pages_do_not_come()
    {
        await using var bed = await ClusterBed.StartAsync(
            shared,
            Wide + """

              - { id: logs, who: { groups: [support] }, on: { connection: prod, verbs: [get], resources: [pods/log], namespaces: [NS] }, then: allow }
            masks:
              - { id: cards, on: { connection: prod }, detect: [credit-card], as: redact }
            """, Test);
        await using var kubelet = await ScriptedKubelet.StartAsync(bed.Server, bed.Namespace, ["v5.channel.k8s.io"], Test);
        await kubelet.Log.Writer.WriteAsync("card 4111 1111 1111 1111\n", Test);
        kubelet.Log.Writer.Complete();
        var pod = $"/api/v1/namespaces/{bed.Namespace}/pods/p";
        var said = new StringBuilder();

        foreach (var query in new[] { "", "?follow=true", "?previous=true", "?container=c&tailLines=1", "?timestamps=true&sinceSeconds=9", "?stream=Stdout", "?insecureSkipTLSVerifyBackend=true", "?limitBytes=9" })
            said.Append((await bed.AskAsync("alice", HttpMethod.Get, pod + "/log" + query)).Body);
        foreach (var path in new[] { "runningpods/", "pods", "metrics", "logs/", "configz", "debug/pprof/heap", $"containerLogs/{bed.Namespace}/p/c", $"exec/{bed.Namespace}/p/c", $"run/{bed.Namespace}/p/c", $"portForward/{bed.Namespace}/p" })
        {
            foreach (var at in new[] { $"/api/v1/nodes/node-{bed.Namespace}/proxy/{path}", $"/api/v1/proxy/nodes/node-{bed.Namespace}/{path}", $"/api/v1/nodes/node-{bed.Namespace}:10250/proxy/{path}", $"{pod}/proxy/{path}", $"{pod}:8080/proxy/{path}" })
            {
                foreach (var method in new[] { HttpMethod.Get, HttpMethod.Post })
                {
                    var (status, _, body) = await bed.AskAsync("alice", method, at);
                    Assert.True(status is 400 or 403, $"{method} {at}: {status}");
                    said.Append(body);
                }
            }
        }
        Assert.Contains("[masked:cards]", said.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("4111 1111", said.ToString(), StringComparison.Ordinal);
    }

    private static IEnumerable<string> Targets(string space, string other, string mine, string theirs)
    {
        yield return mine + "/own";
        yield return mine + "?fieldSelector=metadata.name%3Down";
        string[] plain =
        [
            theirs, theirs + "/own", mine, mine + "/other", "/api/v1/configmaps", "/api/v1/secrets", $"/api/v1/namespaces/{space}/secrets", $"/api/v1/namespaces/{space}/secrets/own", "/api/v1/namespaces", "/api/v1/nodes",
            $"/api/v1/watch/namespaces/{other}/configmaps?timeoutSeconds=1", $"/api/v1/watch/configmaps?timeoutSeconds=1", $"/api/v1/proxy/namespaces/{other}/configmaps", $"/apis//v1/namespaces/{other}/configmaps", $"/api//v1/namespaces/{other}/configmaps",
            $"{mine}/../../{other}/configmaps", $"{mine}/own/../other", $"{mine}/%2e%2e/%2e%2e/{other}/configmaps", $"{mine}/..%2f..%2f{other}%2fconfigmaps", $"{mine}%2f..%2fsecrets%2fown", $"{mine}/own/../../secrets/own", $"/api/v1/namespaces/{space}%2f..%2f{other}/configmaps",
            $"/api/v1/namespaces/{space}/configmaps/own%00", $"/api/v1/namespaces/{space}/configmaps/own%2fother", $"/api/v1/namespaces/{space}/%73ecrets/own", $"/api/v1/namespaces/{space}/secrets%2fown", $"/api/v1/namespaces/{space}//secrets/own", $"/api/v1/namespaces/{space}/configmaps//other",
            $"/api/v1/namespaces/{space}/configmaps/own;/other", $"/api/v1/namespaces/{space}/configmaps/own\\..\\other", $"/api/v1;/namespaces/{other}/configmaps", $"/API/v1/namespaces/{other}/configmaps", $"/api/V1/namespaces/{other}/configmaps", $"/api/v1/Namespaces/{other}/configmaps",
            $"/./api/v1/namespaces/{other}/configmaps", $"//api/v1/namespaces/{other}/configmaps", $"/api/v1/namespaces/{other}/configmaps/own/", $"{mine}/other/", $"{mine}/own/status", $"{mine}/own/log", $"{mine}/own?path=/../other", $"{mine}/own#/../other",
            $"{mine}?fieldSelector=metadata.name%3Dother", $"{mine}?fieldSelector=metadata.name%3D%3Dother", $"{mine}?fieldSelector=metadata.name%21%3Down", $"{mine}?fieldSelector=metadata.name%3Down,metadata.name%3Dother", $"{mine}?fieldSelector=metadata.name%3Down&fieldSelector=metadata.name%3Dother",
            $"{mine}?fieldSelector=metadata.name%3Down&fieldselector=", $"{mine}?fieldSelector=", $"{mine}?fieldSelector=metadata.namespace%3D{other}", $"{mine}?fieldSelector=metadata.name%3Down%2Cmetadata.namespace%3D{other}", $"{mine}?fieldSelector=metadata.name%3Down;fieldSelector=", $"{mine}?fieldSelector=metadata.name%253Down",
            $"{mine}?fieldSelector=metadata.name%3Down&watch=true&timeoutSeconds=1&fieldSelector=metadata.name%3Dother", $"{mine}?watch=true&timeoutSeconds=1", $"{mine}?watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3Dother", $"{mine}?labelSelector=a&limit=500&continue=x", $"{mine}/own?watch=true&timeoutSeconds=1",
            $"{mine}/oWn", $"{mine}/own%20", $"{mine}/%20own", $"{mine}/own%0d%0aX: y", $"{mine}/own?namespace={other}", $"/api/v1/namespaces/{space}?x=/configmaps", "/metrics", "/logs", "/debug/pprof/heap", "/swagger.json", "/apis/metrics.k8s.io/v1beta1/pods", "/openapi/v2/../../api/v1/secrets", "/healthz/../api/v1/secrets",
        ];
        foreach (var target in plain) yield return target;
    }

    private static string? Of(JsonElement entry, string name) => entry.GetProperty("objectRef").TryGetProperty(name, out var value) ? value.GetString() : null;

    private static IEnumerable<JsonElement> Audited(ClusterBed bed, long begin)
    {
        using var file = new FileStream(bed.Server.AuditLog, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        file.Position = begin;
        using var reader = new StreamReader(file);
        var entries = new List<JsonElement>();
        while (reader.ReadLine() is { } line)
        {
            try
            {
                var entry = JsonDocument.Parse(line).RootElement;
                if (entry.TryGetProperty("objectRef", out _)) entries.Add(entry);
            }
            catch (JsonException)
            {
                // The line that is being written.
            }
        }
        return entries;
    }

    /// <summary>One request as no client library would write it; everything that comes back.</summary>
    private static async Task<string> SayAsync(ClusterBed bed, string line, string headers, string body)
    {
        var url = new Uri(bed.Host.KubernetesUrl!);
        using var socket = new TcpClient { NoDelay = true };
        await socket.ConnectAsync(url.Host, url.Port, Test);
        await using var tls = new SslStream(socket.GetStream(), leaveInnerStreamOpen: false, (_, _, _, _) => true);
        await tls.AuthenticateAsClientAsync("127.0.0.1");
        var text = new StringBuilder();
        try
        {
            await tls.WriteAsync(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{line}\r\nHost: {url.Authority}\r\nAuthorization: Bearer {bed.Token("alice")}\r\nAccept: application/json\r\n{headers}{(body.Length > 0 ? $"Content-Length: {body.Length}\r\n" : "")}Connection: close\r\n\r\n{body}")), Test);
            using var reader = new StreamReader(tls);
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(Test);
            patience.CancelAfter(TimeSpan.FromSeconds(20));
            var buffer = new char[4096];
            while (await reader.ReadAsync(buffer, patience.Token) is > 0 and var count) text.Append(buffer, 0, count);
        }
        catch (IOException)
        {
            // Closed in the middle: what it refuses so, it refuses.
        }
        return text.ToString();
    }
}
