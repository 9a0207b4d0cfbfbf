using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Postern.Conformance.Peers;
using Postern.Tests;

namespace Postern.Conformance.Kubernetes;

/// <summary>
/// Two servers of Kubernetes for agents, with a kubeconfig that knows nothing but the gateway: kubernetes-mcp-server, which is built on client-go, and
/// mcp-server-kubernetes, which runs kubectl.
/// </summary>
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
              - { connection: prod, verbs: [portforward], resources: [pods/portforward], namespaces: [NS] }
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

    [Fact]
    [Guarantee("G6")]
    [Guarantee("G11")]
    public async Task Mcp_server_kubernetes_works_through_the_gateway_and_sees_what_the_policy_gives()
    {
        await using var bed = await ClusterBed.StartAsync(shared, Policy.Replace("masks:", "# masks:", StringComparison.Ordinal).Replace("  - { id: settings", "#  - { id: settings", StringComparison.Ordinal), Test);
        await using var kubelet = await ScriptedKubelet.StartAsync(bed.Server, bed.Namespace, ["v5.channel.k8s.io", "v4.channel.k8s.io"], Test);
        using var pod = new TcpListener(IPAddress.Loopback, 0);
        pod.Start();
        kubelet.Ports[80] = ((IPEndPoint)pod.LocalEndpoint).Port;
        await bed.Server.CreateAsync($"/api/v1/namespaces/{bed.Namespace}/configmaps", """{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings"},"data":{"mode":"fast"}}""", Test);
        await bed.Server.CreateAsync($"/api/v1/namespaces/{bed.Namespace}/secrets", """{"apiVersion":"v1","kind":"Secret","metadata":{"name":"planted"},"stringData":{"password":"canary-3d1e"}}""", Test);
        var start = new ProcessStartInfo(Checkout.NodeExecutable, [Checkout.ClusterClient("mcp-server-kubernetes", "dist", "index.js")])
        {
            Environment = { ["PATH"] = $"{ApiServer.Programs}:{Environment.GetEnvironmentVariable("PATH")}", ["OTEL_SDK_DISABLED"] = "true" },
        };
        using var server = await StartAsync(bed, start);

        var pods = await CallAsync(server, "kubectl_get", new { resourceType = "pods", @namespace = bed.Namespace });
        Assert.Contains("Running", pods, StringComparison.Ordinal);
        var settings = await CallAsync(server, "kubectl_get", new { resourceType = "configmap", name = "settings", @namespace = bed.Namespace, output = "yaml" });
        Assert.Contains("mode: fast", settings, StringComparison.Ordinal);
        var secrets = await CallAsync(server, "kubectl_get", new { resourceType = "secret", name = "planted", @namespace = bed.Namespace, output = "json" });
        Assert.Contains("planted", secrets, StringComparison.Ordinal);
        var described = await CallAsync(server, "kubectl_describe", new { resourceType = "secret", name = "planted", @namespace = bed.Namespace });
        var patched = await CallAsync(server, "kubectl_patch", new { resourceType = "configmap", name = "settings", @namespace = bed.Namespace, patchType = "merge", patchData = new { data = new { mode = "slow" } } });
        Assert.Contains("slow", (await bed.Server.AskAsync("admin", HttpMethod.Get, $"/api/v1/namespaces/{bed.Namespace}/configmaps/settings", null, Test)).Body, StringComparison.Ordinal);
        var ran = await CallAsync(server, "exec_in_pod", new { name = "p", @namespace = bed.Namespace, command = new[] { "echo", "from the pod" } });
        Assert.Contains("from the pod", ran, StringComparison.Ordinal);
        await kubelet.Log.Writer.WriteAsync("a log line\n", Test);
        kubelet.Log.Writer.Complete();
        Assert.Contains("a log line", await CallAsync(server, "kubectl_logs", new { resourceType = "pod", name = "p", @namespace = bed.Namespace }), StringComparison.Ordinal);

        var local = FreePort.Take();
        var forwarded = await CallAsync(server, "port_forward", new { resourceType = "pod", resourceName = "p", localPort = local, targetPort = 80, @namespace = bed.Namespace });
        Assert.Contains("success", forwarded, StringComparison.Ordinal);
        using (var client = new TcpClient())
        {
            await client.ConnectAsync(IPAddress.Loopback, local, Test);
            await client.GetStream().WriteAsync("ping"u8.ToArray(), Test);
            using var there = await pod.AcceptTcpClientAsync(Test);
            var heard = new byte[4];
            await there.GetStream().ReadExactlyAsync(heard, Test);
            Assert.Equal("ping"u8.ToArray(), heard);
        }

        var refused = await CallAsync(server, "kubectl_delete", new { resourceType = "pod", name = "p", @namespace = bed.Namespace });
        Assert.Contains("Postern refused this on purpose", refused, StringComparison.Ordinal);
        var elsewhere = await CallAsync(server, "kubectl_get", new { resourceType = "pods", @namespace = "kube-system" });
        Assert.Contains("Postern refused this on purpose", elsewhere, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", pods + settings + secrets + described + patched + ran, StringComparison.Ordinal);
        Assert.DoesNotContain(Convert.ToBase64String("canary-3d1e"u8), secrets, StringComparison.Ordinal);
        server.Kill(entireProcessTree: true);
        await server.WaitForExitAsync(Test);
    }

    private static Task<Process> StartAsync(ClusterBed bed)
    {
        var name = $"kubernetes-mcp-server-linux-{(RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? "arm64" : "amd64")}";
        return StartAsync(bed, new ProcessStartInfo(Checkout.Package(name, "bin", name), ["--kubeconfig", Path.Combine(bed.Folder, "agent-kubeconfig")]));
    }

    private static async Task<Process> StartAsync(ClusterBed bed, ProcessStartInfo start)
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
        (start.RedirectStandardInput, start.RedirectStandardOutput, start.RedirectStandardError, start.WorkingDirectory) = (true, true, true, bed.Folder);
        (start.Environment["HOME"], start.Environment["KUBECONFIG"]) = (bed.Folder, kubeconfig);
        var server = Process.Start(start)!;
        _ = server.StandardError.ReadToEndAsync(CancellationToken.None);
        await AskAsync(server, 0, "initialize", new JsonObject { ["protocolVersion"] = "2025-06-18", ["capabilities"] = new JsonObject(), ["clientInfo"] = new JsonObject { ["name"] = "test", ["version"] = "1" } });
        await server.StandardInput.WriteLineAsync("""{"jsonrpc":"2.0","method":"notifications/initialized"}""");
        return server;
    }

    private static int s_calls;

    private static async Task<string> CallAsync(Process server, string tool, object arguments)
    {
        var answer = await AskAsync(server, Interlocked.Increment(ref s_calls), "tools/call", new JsonObject { ["name"] = tool, ["arguments"] = JsonSerializer.SerializeToNode(arguments) });
        // A refusal may come as a tool's result or, of the one that runs kubectl, as an error.
        return answer["error"] is { } error ? (string?)error["message"] ?? "" : string.Concat(answer["result"]!["content"]!.AsArray().Select(item => (string?)item!["text"]));
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
