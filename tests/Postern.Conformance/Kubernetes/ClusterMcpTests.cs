using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Postern.Conformance.Peers;
using Postern.Tests;

namespace Postern.Conformance.Kubernetes;

/// <summary>kubernetes-mcp-server, which is built on client-go: as an agent's hands, with a kubeconfig that knows nothing but the gateway.</summary>
public sealed class ClusterMcpTests(SharedApiServer shared)
{
    private const string Policy =
        """
        version: 1
        rules:
          - id: support-works
            who: { groups: [support] }
            on:
              - { connection: prod, verbs: [get, list, create, update, patch], resources: [pods, configmaps, secrets, pods/log], namespaces: [NS] }
              - { connection: prod, verbs: [exec], resources: [pods/exec], namespaces: [NS] }
            then: allow
        masks:
          - { id: settings, on: [ { connection: prod, resources: [configmaps] } ], fields: ["$.data.password"], as: redact }
        """;

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Fact]
    [Guarantee("G6")]
    [Guarantee("G11")]
    public async Task Kubernetes_mcp_server_works_through_the_gateway_and_sees_what_the_policy_gives()
    {
        await using var bed = await ClusterBed.StartAsync(shared, Policy, Test);
        await using var kubelet = await ScriptedKubelet.StartAsync(bed.Server, bed.Namespace, ["v5.channel.k8s.io", "v4.channel.k8s.io"], Test);
        await bed.Server.CreateAsync($"/api/v1/namespaces/{bed.Namespace}/configmaps", """{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings"},"data":{"mode":"fast","password":"canary-3d1e"}}""", Test);
        await bed.Server.CreateAsync($"/api/v1/namespaces/{bed.Namespace}/secrets", """{"apiVersion":"v1","kind":"Secret","metadata":{"name":"planted"},"stringData":{"password":"canary-3d1e"}}""", Test);
        using var server = await StartAsync(bed);

        var pods = await CallAsync(server, "pods_list_in_namespace", new { @namespace = bed.Namespace });
        Assert.Contains("Running", pods, StringComparison.Ordinal);
        var settings = await CallAsync(server, "resources_get", new { apiVersion = "v1", kind = "ConfigMap", @namespace = bed.Namespace, name = "settings" });
        Assert.Contains("fast", settings, StringComparison.Ordinal);
        Assert.Contains("[masked:settings]", settings, StringComparison.Ordinal);
        var secrets = await CallAsync(server, "resources_get", new { apiVersion = "v1", kind = "Secret", @namespace = bed.Namespace, name = "planted" });
        Assert.Contains("planted", secrets, StringComparison.Ordinal);
        var made = await CallAsync(server, "resources_create_or_update", new { resource = $$$"""{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"made","namespace":"{{{bed.Namespace}}}"},"data":{"a":"b"}}""" });
        Assert.Equal(200, (await bed.Server.AskAsync("admin", HttpMethod.Get, $"/api/v1/namespaces/{bed.Namespace}/configmaps/made", null, Test)).Status);
        var ran = await CallAsync(server, "pods_exec", new { @namespace = bed.Namespace, name = "p", command = new[] { "echo", "from the pod" } });
        Assert.Contains("from the pod", ran, StringComparison.Ordinal);
        await kubelet.Log.Writer.WriteAsync("a log line\n", Test);
        kubelet.Log.Writer.Complete();
        Assert.Contains("a log line", await CallAsync(server, "pods_log", new { @namespace = bed.Namespace, name = "p" }), StringComparison.Ordinal);
        var refused = await CallAsync(server, "pods_delete", new { @namespace = bed.Namespace, name = "p" });
        Assert.Contains("Postern refused this on purpose", refused, StringComparison.Ordinal);
        var elsewhere = await CallAsync(server, "pods_list_in_namespace", new { @namespace = "kube-system" });
        Assert.Contains("Postern refused this on purpose", elsewhere, StringComparison.Ordinal);

        Assert.DoesNotContain("canary", pods + settings + secrets + made + ran, StringComparison.Ordinal);
        Assert.DoesNotContain(Convert.ToBase64String("canary-3d1e"u8), secrets, StringComparison.Ordinal);
        server.Kill();
        await server.WaitForExitAsync(Test);
    }

    private static async Task<Process> StartAsync(ClusterBed bed)
    {
        var kubeconfig = Path.Combine(bed.Folder, "agent-kubeconfig");
        await File.WriteAllTextAsync(
            kubeconfig,
            $$"""
            apiVersion: v1
            kind: Config
            clusters: [{ name: prod, cluster: { server: "{{bed.Url}}", certificate-authority: "{{Path.Combine(bed.Data, "local-ca.pem")}}" } }]
            users: [{ name: agent, user: { token: "{{bed.Token("alice")}}" } }]
            contexts: [{ name: prod, context: { cluster: prod, user: agent, namespace: "{{bed.Namespace}}" } }]
            current-context: prod
            """,
            Test);
        var name = $"kubernetes-mcp-server-linux-{(RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? "arm64" : "amd64")}";
        var server = Process.Start(new ProcessStartInfo(Checkout.Package(name, "bin", name), ["--kubeconfig", kubeconfig])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = bed.Folder, Environment = { ["HOME"] = bed.Folder },
        })!;
        _ = server.StandardError.ReadToEndAsync(CancellationToken.None);
        await AskAsync(server, 0, "initialize", new JsonObject { ["protocolVersion"] = "2025-06-18", ["capabilities"] = new JsonObject(), ["clientInfo"] = new JsonObject { ["name"] = "test", ["version"] = "1" } });
        await server.StandardInput.WriteLineAsync("""{"jsonrpc":"2.0","method":"notifications/initialized"}""");
        return server;
    }

    private static int s_calls;

    private static async Task<string> CallAsync(Process server, string tool, object arguments)
    {
        var answer = await AskAsync(server, Interlocked.Increment(ref s_calls), "tools/call", new JsonObject { ["name"] = tool, ["arguments"] = JsonSerializer.SerializeToNode(arguments) });
        return string.Concat(answer["result"]!["content"]!.AsArray().Select(item => (string?)item!["text"]));
    }

    private static async Task<JsonNode> AskAsync(Process server, int id, string method, JsonObject parameters)
    {
        await server.StandardInput.WriteLineAsync(new JsonObject { ["jsonrpc"] = "2.0", ["id"] = id, ["method"] = method, ["params"] = parameters }.ToJsonString());
        await server.StandardInput.FlushAsync(Test);
        while (await server.StandardOutput.ReadLineAsync(Test) is { } line)
        {
            if (JsonNode.Parse(line) is JsonObject message && (int?)message["id"] == id && message["method"] is null) return message;
        }
        throw new InvalidOperationException("the server ended");
    }
}
