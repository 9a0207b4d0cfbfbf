using System.Text.Json;
using Postern.Conformance.Clients;
using Postern.Tests;

namespace Postern.Conformance.Kubernetes;

/// <summary>The real kubectl, through a gateway, at the real API server.</summary>
public sealed class KubectlTests(SharedApiServer shared)
{
    private const string Work =
        """
        version: 1
        rules:
          - id: support-works
            who: { groups: [support] }
            on: { connection: prod, verbs: [get, list, watch, create, update, patch], resources: [pods, configmaps, secrets, deployments.apps, events, services], namespaces: [NS] }
            then: allow
          - id: support-scales
            who: { groups: [support] }
            on: { connection: prod, verbs: [get, patch, update], resources: [deployments.apps/scale], namespaces: [NS] }
            then: allow
          - id: deleting-needs-on-call
            who: { groups: [support] }
            on: { connection: prod, verbs: [delete], resources: [configmaps], namespaces: [NS] }
            then: hold
            hold: { approvers: { groups: [on-call], count: 1 } }
          - id: never-host-network
            on: { verbs: [create, update, patch], resources: [pods] }
            when: object.?spec.?hostNetwork.orValue(false)
            then: deny
            message: Pods of this cluster do not use the host's network.
        """;

    private const string Everything =
        """
        version: 1
        rules:
          - id: support-does
            who: { groups: [support] }
            on:
              - { connection: prod, verbs: ["*", escalate, bind], resources: ["*"], namespaces: [NS] }
              - { connection: prod, verbs: [token], resources: [serviceaccounts/token], namespaces: [NS] }
            then: allow
        """;

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Fact]
    [Guarantee("G6")]
    public async Task Everyday_commands_work_as_they_do_without()
    {
        await using var bed = await ClusterBed.StartAsync(shared, Work, Test);

        Succeeded(await bed.KubectlAsync("alice", """{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings"},"data":{"mode":"fast"}}""", ["create", "--validate=false", "-f", "-"]), "configmap/settings created");
        Succeeded(await bed.KubectlAsync("alice", "get", "configmaps"), "settings");
        Assert.Contains("NAME", (await bed.KubectlAsync("alice", "get", "configmaps")).Out, StringComparison.Ordinal);
        Assert.Contains("DATA", (await bed.KubectlAsync("alice", "get", "configmaps")).Out, StringComparison.Ordinal);
        Succeeded(await bed.KubectlAsync("alice", "get", "configmap", "settings", "-o", "yaml"), "mode: fast");
        Succeeded(await bed.KubectlAsync("alice", "describe", "configmap", "settings"), "fast");
        Succeeded(await bed.KubectlAsync("alice", "label", "configmap", "settings", "team=shop"), "labeled");
        Succeeded(await bed.KubectlAsync("alice", "patch", "configmap", "settings", "-p", """{"data":{"mode":"slow"}}"""), "patched");
        Succeeded(await bed.KubectlAsync("alice", "patch", "configmap", "settings", "--type=json", "-p", """[{"op":"add","path":"/data/size","value":"9"}]"""), "patched");
        Succeeded(await bed.KubectlAsync("alice", "get", "configmap", "settings", "-o", "jsonpath={.data.mode}{.data.size}"), "slow9");
        Succeeded(await bed.KubectlAsync("alice", "get", "events"), "");
        Succeeded(await bed.KubectlAsync("alice", "version"), "Server Version");
        Succeeded(await bed.KubectlAsync("alice", "api-resources"), "configmaps");

        const string deployment = """{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},"spec":{"replicas":1,"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"x"}]}}}}""";
        Succeeded(await bed.KubectlAsync("alice", deployment, ["apply", "--validate=false", "-f", "-"]), "deployment.apps/web created");
        Succeeded(await bed.KubectlAsync("alice", deployment.Replace("\"x\"", "\"y\"", StringComparison.Ordinal), ["apply", "--validate=false", "-f", "-"]), "deployment.apps/web configured");
        Succeeded(await bed.KubectlAsync("alice", deployment.Replace("\"x\"", "\"z\"", StringComparison.Ordinal), ["apply", "--server-side", "--force-conflicts", "--validate=false", "-f", "-"]), "serverside-applied");
        Succeeded(await bed.KubectlAsync("alice", "scale", "deployment", "web", "--replicas=3"), "scaled");
        Succeeded(await bed.KubectlAsync("alice", "get", "deployment", "web", "-o", "jsonpath={.spec.replicas}{.spec.template.spec.containers[0].image}"), "3z");
    }

    [Fact]
    [Row("K07")]
    [Guarantee("G6")]
    public async Task What_kubectl_writes_in_protobuf_arrives_as_what_it_says()
    {
        await using var bed = await ClusterBed.StartAsync(shared, Everything, Test, user: "admin");
        var direct = await shared.NamespaceAsync(Test);
        string[][] commands =
        [
            ["create", "configmap", "c", "--from-literal=mode=fast", "--from-literal=text=caf\u00e9"],
            ["create", "secret", "generic", "s", "--from-literal=password=p1"],
            ["create", "serviceaccount", "robot"],
            ["create", "role", "r", "--verb=get,list", "--resource=pods", "--resource-name=p"],
            ["create", "rolebinding", "b", "--role=r", "--user=jane", "--serviceaccount=default:robot"],
        ];
        foreach (var command in commands)
        {
            Succeeded(await bed.KubectlAsync("alice", command), "created");
            var straight = await bed.RunAsync([$"--server={bed.Server.Url}", $"--certificate-authority={bed.Server.Authority}", $"--token={bed.Server.Tokens["admin"]}", "-n", direct, .. command]);
            Assert.True(straight.ExitCode == 0, straight.Error);
        }
        foreach (var path in new[] { "/api/v1/namespaces/NS/configmaps/c", "/api/v1/namespaces/NS/secrets/s", "/api/v1/namespaces/NS/serviceaccounts/robot", "/apis/rbac.authorization.k8s.io/v1/namespaces/NS/roles/r", "/apis/rbac.authorization.k8s.io/v1/namespaces/NS/rolebindings/b" })
        {
            var through = await ObjectAsync(bed, path.Replace("NS", bed.Namespace, StringComparison.Ordinal));
            Assert.Equal(await ObjectAsync(bed, path.Replace("NS", direct, StringComparison.Ordinal)), through);
        }
        Succeeded(await bed.KubectlAsync("alice", "auth", "can-i", "get", "pods"), "yes");
        Succeeded(await bed.KubectlAsync("alice", "auth", "can-i", "--list"), "Resources");
        Succeeded(await bed.KubectlAsync("alice", "create", "token", "robot"), "[masked:secret]");
        var deployment = await bed.KubectlAsync("alice", "create", "deployment", "web", "--image=x");
        Assert.Equal(1, deployment.ExitCode);
        Assert.Contains("application/json", deployment.Error, StringComparison.Ordinal);
    }

    // What differs between any two objects is left out.
    private static async Task<string> ObjectAsync(ClusterBed bed, string path)
    {
        var (status, body) = await bed.Server.AskAsync("admin", HttpMethod.Get, path, null, Test);
        Assert.True(status == 200, $"{path}: {body}");
        var found = System.Text.Json.Nodes.JsonNode.Parse(body)!.AsObject();
        foreach (var own in new[] { "uid", "resourceVersion", "creationTimestamp", "namespace", "selfLink", "managedFields" }) found["metadata"]!.AsObject().Remove(own);
        return found.ToJsonString();
    }

    [Fact]
    [Row("K12")]
    public async Task A_refusal_is_one_sentence_that_says_it_is_meant()
    {
        await using var bed = await ClusterBed.StartAsync(shared, Work, Test);

        var elsewhere = await bed.KubectlAsync("alice", "get", "pods", "-n", "kube-system");
        var everywhere = await bed.KubectlAsync("alice", "get", "pods", "-A");
        var nodes = await bed.KubectlAsync("alice", "get", "nodes");
        var nobody = await bed.KubectlAsync("bob", "get", "pods");
        var pod = """{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"hostNetwork":true,"containers":[{"name":"c","image":"x"}]}}""";
        var content = await bed.KubectlAsync("alice", pod, ["create", "--validate=false", "-f", "-"]);

        foreach (var run in new[] { elsewhere, everywhere, nodes, nobody, content })
        {
            Assert.Equal(1, run.ExitCode);
            Assert.Single(run.Error.TrimEnd('\n').Split('\n'));
            Assert.Contains("(Forbidden): ", run.Error.Replace("Error from server (Forbidden): error when creating \"STDIN\"", "(Forbidden)", StringComparison.Ordinal), StringComparison.Ordinal);
            Assert.Contains("Postern refused this on purpose", run.Error, StringComparison.Ordinal);
            Assert.Contains("(decision ", run.Error, StringComparison.Ordinal);
        }
        Assert.Contains("Pods of this cluster do not use the host's network", content.Error, StringComparison.Ordinal);
        Assert.Equal(404, (await bed.Server.AskAsync("admin", HttpMethod.Get, $"/api/v1/namespaces/{bed.Namespace}/pods/p", null, Test)).Status);
    }

    [Fact]
    [Guarantee("G7")]
    [Row("K14")]
    public async Task A_held_delete_waits_and_goes_on_by_itself_when_somebody_agrees()
    {
        await using var bed = await ClusterBed.StartAsync(shared, Work, Test);
        await bed.Server.CreateAsync($"/api/v1/namespaces/{bed.Namespace}/configmaps", """{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"old"}}""", Test);

        var deleting = bed.KubectlAsync("alice", "delete", "configmap", "old", "--wait=false");
        await ApprovalDeskVisit.AnswerNextAsync(bed.Host.Url, "bob", "approve", Test);
        Succeeded(await deleting, "configmap \"old\" deleted");

        Assert.Equal(404, (await bed.Server.AskAsync("admin", HttpMethod.Get, $"/api/v1/namespaces/{bed.Namespace}/configmaps/old", null, Test)).Status);
    }

    [Fact]
    [Guarantee("G9")]
    public async Task Whoever_answers_sees_what_an_apply_would_change_as_the_server_says()
    {
        await using var bed = await ClusterBed.StartAsync(shared, Work.Replace("verbs: [delete], resources: [configmaps]", "verbs: [delete, patch], resources: [secrets, configmaps]", StringComparison.Ordinal).Replace("[get, list, watch, create, update, patch]", "[get, list, watch, create]", StringComparison.Ordinal), Test);
        await bed.Server.CreateAsync($"/api/v1/namespaces/{bed.Namespace}/configmaps", """{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings"},"data":{"mode":"fast","size":"9"}}""", Test);
        await bed.Server.CreateAsync($"/api/v1/namespaces/{bed.Namespace}/secrets", """{"apiVersion":"v1","kind":"Secret","metadata":{"name":"planted"},"stringData":{"password":"canary-77af"}}""", Test);

        var applying = bed.KubectlAsync("alice", """{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings"},"data":{"mode":"slow","size":"9"}}""", ["apply", "--server-side", "--force-conflicts", "--validate=false", "-f", "-"]);
        using var browser = new Browser();
        var page = await ApprovalDeskVisit.OpenNextAsync(browser, bed.Host.Url, "bob", Test);
        Assert.Contains("What it would change", page.Html, StringComparison.Ordinal);
        Assert.Matches("-     .{0,12}mode.{0,40}fast", page.Html);
        Assert.Matches("\\+     .{0,12}mode.{0,40}slow", page.Html);
        Assert.Equal("fast", JsonDocument.Parse((await bed.Server.AskAsync("admin", HttpMethod.Get, $"/api/v1/namespaces/{bed.Namespace}/configmaps/settings", null, Test)).Body).RootElement.GetProperty("data").GetProperty("mode").GetString());
        await ApprovalDeskVisit.AnswerNextAsync(bed.Host.Url, "bob", "approve", Test);
        Succeeded(await applying, "serverside-applied");

        var deleting = bed.KubectlAsync("alice", "delete", "secret", "planted", "--wait=false");
        page = await ApprovalDeskVisit.OpenNextAsync(browser, bed.Host.Url, "bob", Test);
        Assert.Contains("would be deleted", page.Html, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", page.Html, StringComparison.Ordinal);
        Assert.DoesNotContain(Convert.ToBase64String("canary-77af"u8), page.Html, StringComparison.Ordinal);
        await ApprovalDeskVisit.AnswerNextAsync(bed.Host.Url, "bob", "approve", Test);
        Succeeded(await deleting, "deleted");
    }

    [Fact]
    public async Task A_held_delete_that_somebody_refuses_says_so()
    {
        await using var bed = await ClusterBed.StartAsync(shared, Work, Test);
        await bed.Server.CreateAsync($"/api/v1/namespaces/{bed.Namespace}/configmaps", """{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"dear"}}""", Test);

        var deleting = bed.KubectlAsync("alice", "delete", "configmap", "dear", "--wait=false");
        await ApprovalDeskVisit.AnswerNextAsync(bed.Host.Url, "bob", "deny", Test);
        var run = await deleting;

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("Error from server (Forbidden): Postern refused this on purpose", run.Error, StringComparison.Ordinal);
        Assert.Equal(200, (await bed.Server.AskAsync("admin", HttpMethod.Get, $"/api/v1/namespaces/{bed.Namespace}/configmaps/dear", null, Test)).Status);
    }

    [Fact]
    [Row("K05")]
    [Row("K02")]
    public async Task What_opens_a_tunnel_is_refused_in_words_that_kubectl_prints()
    {
        await using var bed = await ClusterBed.StartAsync(shared, Work, Test);
        await bed.Server.CreateAsync($"/api/v1/namespaces/{bed.Namespace}/pods", """{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"x"}]}}""", Test);

        var exec = await bed.KubectlAsync("alice", "exec", "p", "--", "id");
        var forward = await bed.KubectlAsync("alice", "port-forward", "pod/p", "0:80");
        var spdy = await bed.AskAsync("alice", HttpMethod.Post, $"/api/v1/namespaces/{bed.Namespace}/pods/p/exec?command=id", null, request =>
        {
            request.Headers.Connection.Add("Upgrade");
            request.Headers.Upgrade.Add(new("SPDY", "3.1"));
        });

        Assert.Equal(1, exec.ExitCode);
        Assert.StartsWith("error: Postern refused this on purpose: This is not permitted for you here", exec.Error, StringComparison.Ordinal);
        Assert.Single(exec.Error.TrimEnd('\n').Split('\n'));
        Assert.NotEqual(0, forward.ExitCode);
        Assert.Equal(403, spdy.Status);
        Assert.Contains("policy.not_permitted", spdy.Body, StringComparison.Ordinal);
    }

    [Fact]
    [Row("K01")]
    public async Task Who_the_client_wants_to_be_is_dropped()
    {
        await using var bed = await ClusterBed.StartAsync(shared, Work, Test);
        var marker = $"k01-{Guid.NewGuid():n}";

        await bed.KubectlAsync("alice", "--as=system:admin", "--as-group=system:masters", "get", "configmap", marker);
        await bed.AskAsync("alice", HttpMethod.Get, $"/api/v1/namespaces/{bed.Namespace}/configmaps/{marker}", null, request =>
        {
            foreach (var name in new[] { "impersonate-user", "Impersonate-Group", "IMPERSONATE-UID", "Impersonate-Extra-Scopes", "X-Remote-User", "X-Remote-Group" }) request.Headers.TryAddWithoutValidation(name, "system:masters");
        });

        var entries = File.ReadLines(bed.Server.AuditLog).Where(line => line.Contains(marker, StringComparison.Ordinal)).ToArray();
        Assert.NotEmpty(entries);
        Assert.All(entries, entry => Assert.DoesNotContain("impersonatedUser", entry, StringComparison.Ordinal));
        Assert.All(entries, entry => Assert.Equal("admin", JsonDocument.Parse(entry).RootElement.GetProperty("user").GetProperty("username").GetString()));
    }

    [Fact]
    [Row("K01")]
    public async Task The_cluster_hears_who_asks_where_the_operator_wants_it()
    {
        await using var bed = await ClusterBed.StartAsync(shared, Work, Test, impersonates: true);
        var marker = $"who-{Guid.NewGuid():n}";

        var run = await bed.KubectlAsync("alice", "--as=system:admin", "get", "configmap", marker);

        // The cluster's own rights: the person has none there.
        Assert.Contains("User \"postern:demo:alice\" cannot get resource", run.Error, StringComparison.Ordinal);
        var user = JsonDocument.Parse(File.ReadLines(bed.Server.AuditLog).Last(line => line.Contains(marker, StringComparison.Ordinal))).RootElement.GetProperty("impersonatedUser");
        Assert.Equal("postern:demo:alice", user.GetProperty("username").GetString());
        Assert.Contains("postern:demo:support", user.GetProperty("groups").EnumerateArray().Select(group => group.GetString()));
    }

    private static void Succeeded(PosternRun run, string expected)
    {
        Assert.True(run.ExitCode == 0, $"exit {run.ExitCode}: {run.Error}");
        Assert.Contains(expected, run.Out, StringComparison.Ordinal);
    }
}
