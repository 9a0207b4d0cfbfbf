using System.Text.Json;
using Postern.Tests;

namespace Postern.Conformance.Kubernetes;

/// <summary><c>postern connections check</c>, at the real API server: what it calls wide is, and the role that it prints is enough.</summary>
public sealed class ConnectionsCheckTests(SharedApiServer shared)
{
    private const string Policy =
        """
        version: 1
        rules:
          - id: support-reads
            who: { groups: [support] }
            on: { connection: prod, verbs: [get, list], resources: [pods, configmaps], namespaces: [NS] }
            then: allow
          - id: support-writes
            who: { groups: [support] }
            on: { connection: prod, verbs: [create], resources: [configmaps], namespaces: [NS] }
            then: hold
            hold: { approvers: { groups: [on-call], count: 1 } }
          - id: owners-check
            who: { users: [carol] }
            on: { admin: [connections.check] }
            then: allow
        """;

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_is_wider_is_listed_and_the_role_that_is_printed_suffices()
    {
        await using var bed = await ClusterBed.StartAsync(shared, Policy, Test, user: "gateway");
        var role = $"wide-{bed.Namespace}";
        await bed.Server.CreateAsync("/apis/rbac.authorization.k8s.io/v1/clusterroles", $$"""{"metadata":{"name":"{{role}}"},"rules":[{"apiGroups":[""],"resources":["secrets"],"verbs":["get"]},{"apiGroups":[""],"resources":["pods"],"verbs":["get","list","delete"]}]}""", Test);
        await bed.Server.CreateAsync($"/apis/rbac.authorization.k8s.io/v1/namespaces/{bed.Namespace}/rolebindings", $$$"""{"metadata":{"name":"wide"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"{{{role}}}"},"subjects":[{"apiGroup":"rbac.authorization.k8s.io","kind":"User","name":"gateway"}]}""", Test);

        var wide = await CheckAsync(bed, "carol");
        Assert.Equal(9, wide.ExitCode);
        using var report = JsonDocument.Parse(wide.Out);
        Assert.Equal(
            ["delete pods", "get secrets"],
            report.RootElement.GetProperty("wider").EnumerateArray().Where(right => right.GetProperty("where").GetString() == bed.Namespace).Select(right => $"{right.GetProperty("verbs")[0]} {right.GetProperty("what")[0]}").Order());
        var shown = await PosternProcess.RunAsync("dotnet", [PosternProcess.Library, "connections", "check", "prod", "--gateway", bed.Host.Url], new Dictionary<string, string?> { ["POSTERN_TOKEN"] = bed.Token("carol") });
        Assert.Contains("secrets", shown.Out, StringComparison.Ordinal);
        Assert.Contains("# This would suffice:", shown.Out, StringComparison.Ordinal);

        // The role that it prints in place of the wide one.
        var yaml = report.RootElement.GetProperty("sufficient").GetString()!;
        string[] direct = [$"--server={bed.Server.Url}", $"--certificate-authority={bed.Server.Authority}", $"--token={bed.Server.Tokens["admin"]}", "-n", bed.Namespace];
        Succeeded(await bed.RunAsync([.. direct, "delete", "rolebinding", "wide"]));
        Succeeded(await bed.RunAsync([.. direct, "apply", "--validate=false", "-f", "-"], yaml));
        Succeeded(await bed.RunAsync([.. direct, "create", "rolebinding", "narrow", "--role=postern-prod", "--user=gateway"]));

        var narrow = await CheckAsync(bed, "carol");
        Assert.True(narrow.ExitCode == 0, narrow.Out + narrow.Error);
        Succeeded(await bed.KubectlAsync("alice", "get", "pods"));
        Succeeded(await bed.KubectlAsync("alice", "get", "configmaps"));
        Assert.Equal(7, (await CheckAsync(bed, "alice")).ExitCode);
        var listed = await PosternProcess.RunAsync("dotnet", [PosternProcess.Library, "connections", "list", "--gateway", bed.Host.Url], new Dictionary<string, string?> { ["POSTERN_TOKEN"] = bed.Token("alice") });
        Assert.Contains("prod", listed.Out, StringComparison.Ordinal);
    }

    private static Task<PosternRun> CheckAsync(ClusterBed bed, string person) =>
        PosternProcess.RunAsync("dotnet", [PosternProcess.Library, "connections", "check", "prod", "--gateway", bed.Host.Url, "--output", "json"], new Dictionary<string, string?> { ["POSTERN_TOKEN"] = bed.Token(person) });

    private static void Succeeded(PosternRun run) => Assert.True(run.ExitCode == 0, $"exit {run.ExitCode}: {run.Error}");
}
