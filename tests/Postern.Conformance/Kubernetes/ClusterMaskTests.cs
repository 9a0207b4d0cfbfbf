using System.Text;
using System.Text.Json;
using Postern.Conformance.Gateways;
using Postern.Tests;

namespace Postern.Conformance.Kubernetes;

/// <summary>What never leaves a cluster, and what masks take out, in every form that the API has for it.</summary>
public sealed class ClusterMaskTests(SharedApiServer shared)
{
    private const string Canary = "canary-Zm9v-93f1";
    private static readonly string s_encoded = Convert.ToBase64String(Encoding.UTF8.GetBytes(Canary));

    private const string Policy =
        """
        version: 1
        rules:
          - id: support-reads
            who: { groups: [support] }
            on: { connection: prod, verbs: ["*"], resources: ["*"], namespaces: [NS] }
            then: allow
          - id: support-tokens
            who: { groups: [support] }
            on: { connection: prod, verbs: [token], resources: [serviceaccounts/token], namespaces: [NS] }
            then: allow
        """;

    private const string WithFields = Policy +
        """

        masks:
          - id: settings
            on: { connection: prod, resources: [configmaps, pods] }
            fields: ["$.data", "$..env[*].value"]
            as: redact
        """;

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Fact]
    [Row("K08")]
    [Row("K07")]
    [Guarantee("G11")]
    [Guarantee("G12")]
    public async Task Secrets_are_listed_by_name_and_their_values_never_leave()
    {
        await using var bed = await ClusterBed.StartAsync(shared, Policy, Test);
        var path = $"/api/v1/namespaces/{bed.Namespace}/secrets";
        Succeeded(await bed.KubectlAsync("alice", SecretOf("planted"), ["apply", "--validate=false", "-f", "-"]));

        var said = new StringBuilder();
        foreach (var command in new[] { "get secrets", "get secrets -o wide", "get secret planted -o json", "get secret planted -o yaml --show-managed-fields", "describe secret planted", "get secrets -o name" })
        {
            var run = await bed.KubectlAsync("alice", command.Split(' '));
            Succeeded(run);
            Assert.Contains("planted", run.Out, StringComparison.Ordinal);
            said.Append(run.Out).Append(run.Error);
        }
        foreach (var accept in new[] { "application/json", "*/*", "application/yaml, */*", "application/vnd.kubernetes.protobuf, application/json", "application/json;as=Table;v=v1;g=meta.k8s.io", "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", "application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json" })
        {
            foreach (var target in new[] { path, path + "?pretty=true", path + "?watch=true&timeoutSeconds=1", path + "?includeObject=Object", path + "/planted", path + "?resourceVersion=0", path + "?limit=1", $"/api/v1/watch/namespaces/{bed.Namespace}/secrets?timeoutSeconds=1" })
            {
                var (status, type, body) = await bed.AskAsync("alice", HttpMethod.Get, target, null, request =>
                {
                    request.Headers.TryAddWithoutValidation("Accept", accept);
                    request.Headers.TryAddWithoutValidation("Accept-Encoding", "gzip");
                });
                Assert.True(status is 200 or 406, $"{accept} {target}: {status} {body}");
                Assert.Equal("application/json", type);
                said.Append(body);
            }
        }
        said.Append((await bed.AskAsync("alice", HttpMethod.Patch, path + "/planted", """{"metadata":{"labels":{"a":"b"}}}""", null, "application/merge-patch+json")).Body);
        said.Append((await bed.AskAsync("alice", HttpMethod.Put, path + "/planted", SecretOf("planted"))).Body);
        said.Append((await bed.AskAsync("alice", HttpMethod.Patch, path + "/planted", $$"""[{"op":"replace","path":"/data/password","value":"{{s_encoded}}"}]""", null, "application/json-patch+json")).Body);
        said.Append((await bed.AskAsync("alice", HttpMethod.Delete, path + "/planted")).Body);
        NeverLeft(said.ToString());
        Assert.Contains("W21hc2tlZDpzZWNyZXRd", said.ToString(), StringComparison.Ordinal);

        await bed.Host.StopAsync();
        NeverLeft(Recordings.Read(bed.Data).Everything);
    }

    [Fact]
    [Row("K08")]
    public async Task What_stands_in_a_values_place_cannot_be_written_back()
    {
        await using var bed = await ClusterBed.StartAsync(shared, Policy, Test);
        var path = $"/api/v1/namespaces/{bed.Namespace}/secrets";
        await bed.Server.CreateAsync(path, SecretOf("kept"), Test);

        var read = await bed.AskAsync("alice", HttpMethod.Get, path + "/kept");
        var written = await bed.AskAsync("alice", HttpMethod.Put, path + "/kept", read.Body);

        Assert.Equal(400, written.Status);
        Assert.Contains("masked value", written.Body, StringComparison.Ordinal);
        Assert.Contains(s_encoded, (await bed.Server.AskAsync("admin", HttpMethod.Get, path + "/kept", null, Test)).Body, StringComparison.Ordinal);
    }

    [Fact]
    [Row("K06")]
    [Row("K08")]
    [Guarantee("G11")]
    public async Task A_mask_reaches_objects_in_gets_lists_watches_and_their_copies()
    {
        await using var bed = await ClusterBed.StartAsync(shared, WithFields, Test);
        var configmap = $$$"""{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings"},"data":{"token":"{{{Canary}}}","mode":"fast"}}""";
        var pod = $$$"""{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"x","env":[{"name":"PASSWORD","value":"{{{Canary}}}"}]}]}}""";
        Succeeded(await bed.KubectlAsync("alice", configmap, ["apply", "--validate=false", "-f", "-"]));
        Succeeded(await bed.KubectlAsync("alice", pod, ["apply", "--validate=false", "-f", "-"]));

        var said = new StringBuilder();
        foreach (var resource in new[] { "configmaps", "pods" })
        {
            var path = $"/api/v1/namespaces/{bed.Namespace}/{resource}";
            foreach (var target in new[] { path, path + "?watch=true&timeoutSeconds=1", path + (resource is "pods" ? "/p" : "/settings"), path + "?limit=1" })
            {
                foreach (var accept in new[] { "application/json", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json" })
                {
                    var (status, _, body) = await bed.AskAsync("alice", HttpMethod.Get, target, null, request => request.Headers.TryAddWithoutValidation("Accept", accept));
                    Assert.Equal(200, status);
                    Assert.Contains("[masked:settings]", body, StringComparison.Ordinal);
                    Assert.DoesNotContain("\"Table\"", body, StringComparison.Ordinal);
                    said.Append(body);
                }
            }
            said.Append((await bed.KubectlAsync("alice", "get", resource, "-o", "yaml")).Out);
        }
        NeverLeft(said.ToString());
        await bed.Host.StopAsync();
        NeverLeft(Recordings.Read(bed.Data).Everything);
    }

    [Fact]
    [Row("K17")]
    public async Task A_token_of_a_service_account_is_made_and_does_not_leave()
    {
        await using var bed = await ClusterBed.StartAsync(shared, Policy, Test);
        await bed.Server.CreateAsync($"/api/v1/namespaces/{bed.Namespace}/serviceaccounts", """{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"robot"}}""", Test);

        var (status, _, body) = await bed.AskAsync(
            "alice", HttpMethod.Post, $"/api/v1/namespaces/{bed.Namespace}/serviceaccounts/robot/token", """{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{"audiences":["x"]}}""");

        Assert.Equal(201, status);
        Assert.Equal("[masked:secret]", JsonDocument.Parse(body).RootElement.GetProperty("status").GetProperty("token").GetString());
        Assert.DoesNotContain("eyJ", body, StringComparison.Ordinal);
        await bed.Host.StopAsync();
        Assert.DoesNotContain("eyJhbGciOi", Recordings.Read(bed.Data).Everything, StringComparison.Ordinal);
    }

    [Fact]
    [Row("K03")]
    [Row("K04")]
    public async Task A_star_gives_no_subresource_and_no_tunnel()
    {
        await using var bed = await ClusterBed.StartAsync(shared, Policy, Test);
        var at = $"/api/v1/namespaces/{bed.Namespace}";

        foreach (var target in new[] { $"{at}/pods/p/log", $"{at}/pods/p/proxy/x", $"{at}/services/s/proxy", $"{at}/pods/p/status", "/api/v1/nodes/n/proxy/run/a/p/c", "/metrics", "/logs/kube-apiserver.log" })
        {
            var (status, _, body) = await bed.AskAsync("alice", HttpMethod.Get, target);
            Assert.True(status == 403, $"{target}: {status}");
            Assert.Contains("policy.not_permitted", body, StringComparison.Ordinal);
        }
        Assert.Equal(403, (await bed.AskAsync("alice", HttpMethod.Post, $"{at}/pods/p/eviction", """{"kind":"Eviction","apiVersion":"policy/v1beta1","metadata":{"name":"p"}}""")).Status);
        Assert.Equal(403, (await bed.AskAsync("alice", HttpMethod.Post, $"/apis/rbac.authorization.k8s.io/v1/namespaces/{bed.Namespace}/roles", """{"metadata":{"name":"r"},"rules":[]}""")).Status);
    }

    private static string SecretOf(string name) => $$$"""{"apiVersion":"v1","kind":"Secret","metadata":{"name":"{{{name}}}"},"type":"Opaque","data":{"password":"{{{s_encoded}}}"}}""";

    private static void NeverLeft(string said)
    {
        Assert.DoesNotContain(Canary, said, StringComparison.Ordinal);
        Assert.DoesNotContain(s_encoded, said, StringComparison.Ordinal);
        Assert.DoesNotContain(s_encoded[..12], said, StringComparison.Ordinal);
    }

    private static void Succeeded(PosternRun run) => Assert.True(run.ExitCode == 0, $"exit {run.ExitCode}: {run.Error}");
}
