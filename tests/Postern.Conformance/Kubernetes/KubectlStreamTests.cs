using System.Diagnostics;
using System.Text.Json;
using Postern.Conformance.Clients;
using Postern.Conformance.Gateways;
using Postern.Tests;

namespace Postern.Conformance.Kubernetes;

/// <summary>
/// The real kubectl's exec, attach, cp and logs, through a gateway, at the real API server, before a kubelet without containers (containers do not
/// run here; what the API server and kubectl do with streams is theirs).
/// </summary>
public sealed class KubectlStreamTests(SharedApiServer shared)
{
    private const string Streams =
        """
        version: 1
        rules:
          - id: looks
            who: { groups: [support] }
            on: { connection: prod, verbs: [get, list, watch], resources: [pods, pods/log], namespaces: [NS] }
            then: allow
          - id: runs
            who: { groups: [support] }
            on: { connection: prod, verbs: [exec, attach], resources: [pods/exec, pods/attach], namespaces: [NS] }
            then: allow
          - id: reboots
            who: { groups: [support] }
            on: { connection: prod, verbs: [exec], resources: [pods/exec], namespaces: [NS] }
            when: request.query.command[0] == "reboot"
            then: deny
            message: Nobody restarts a node from a pod.
          - id: deletes
            who: { groups: [support] }
            on: { connection: prod, verbs: [exec], resources: [pods/exec], namespaces: [NS] }
            when: request.query.command[0] == "rm"
            then: guard
            hold: { approvers: { groups: [on-call], count: 1 } }
        """;

    private const string Masked = Streams +
        """

        masks:
          - { id: pii, on: [ { connection: prod } ], detect: [credit-card], as: redact }
        """;

    private static readonly string[] s_both = ["v5.channel.k8s.io", "v4.channel.k8s.io"];
    private static readonly string[] s_old = ["v4.channel.k8s.io"];

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Fact]
    [Row("K15")]
    [Guarantee("G6")]
    public async Task Commands_run_in_a_pod_as_they_do_without()
    {
        await using var bed = await ClusterBed.StartAsync(shared, Streams, Test);
        await using var kubelet = await ScriptedKubelet.StartAsync(bed.Server, bed.Namespace, s_both, Test);

        var plain = await bed.KubectlAsync("alice", "exec", "p", "-c", "c", "--", "sh", "-c", "echo out; echo err >&2; exit 7");
        Assert.Equal((7, "out\n"), (plain.ExitCode, plain.Out));
        Assert.StartsWith("err\n", plain.Error, StringComparison.Ordinal);

        var input = await bed.KubectlAsync("alice", "typed\nlines\n", ["exec", "-i", "p", "--", "sh", "-c", "wc -l; echo over"]);
        Assert.True(input.ExitCode == 0, input.Error);
        Assert.Equal("2\nover\n", input.Out);

        var attached = await bed.KubectlAsync("alice", "echoed\n", ["attach", "-i", "p"]);
        Assert.True(attached.ExitCode == 0, attached.Error);
        Assert.Contains("echoed\n", attached.Out, StringComparison.Ordinal);

        var refused = await bed.KubectlAsync("alice", "exec", "p", "--", "reboot", "now");
        Assert.Equal(1, refused.ExitCode);
        Assert.StartsWith("error: Postern refused this on purpose: Nobody restarts a node from a pod", refused.Error, StringComparison.Ordinal);
        Assert.Single(refused.Error.TrimEnd('\n').Split('\n'));

        var absent = await bed.KubectlAsync("alice", "exec", "p", "-c", "nothing", "--", "id");
        Assert.Equal(1, absent.ExitCode);
        Assert.Contains("container nothing is not valid for pod p", absent.Error, StringComparison.Ordinal);

        var forward = await bed.KubectlAsync("alice", "port-forward", "pod/p", "0:80");
        Assert.Equal(1, forward.ExitCode);
        Assert.Contains("Postern refused this on purpose", forward.Error, StringComparison.Ordinal);

        await bed.Host.StopAsync();
        var record = Recordings.Read(bed.Data).Everything;
        Assert.Contains("\"stream\":\"stdin\",\"text\":\"typed\\nlines\\n\"", record, StringComparison.Ordinal);
        Assert.Contains("\"stream\":\"stdin\",\"closed\":true", record, StringComparison.Ordinal);
        Assert.Contains("\"stream\":\"stderr\",\"text\":\"err\\n\"", record, StringComparison.Ordinal);
    }

    [Fact]
    [Row("K15")]
    public async Task A_terminal_is_a_terminal()
    {
        await using var bed = await ClusterBed.StartAsync(shared, Masked, Test);
        await using var kubelet = await ScriptedKubelet.StartAsync(bed.Server, bed.Namespace, s_old, Test);
        var kubectl = string.Join(' ', [.. new[] { "stty cols 90 rows 20;", Path.Combine(ApiServer.Programs, "kubectl") }, .. bed.Place("alice"), "exec", "-it", "p", "--", "sh"]);

        // A terminal for kubectl too, of which a person types.
        using var script = Process.Start(new ProcessStartInfo("script", ["-qec", kubectl, "/dev/null"]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, Environment = { ["HOME"] = bed.Folder } })!;
        var output = script.StandardOutput.ReadToEndAsync(Test);
        await script.StandardInput.WriteAsync("test -t 0 && echo terminal:yes; echo card 4111 1111 1111 1111; exit 3\n");
        await script.StandardInput.FlushAsync(Test);
        await script.WaitForExitAsync(Test);

        var said = await output;
        Assert.Contains("terminal:yes", said, StringComparison.Ordinal);
        Assert.Contains("card [masked:pii]", said, StringComparison.Ordinal);
        Assert.Equal(3, script.ExitCode);
        Assert.Contains("""{"Width":90,"Height":20}""", kubelet.Sizes);

        await bed.Host.StopAsync();
        var stream = Recordings.Read(bed.Data).Operations.Last(operation => operation.Intent.Parts[0].Action == "kubernetes.exec").Intent;
        var cast = (await PosternProcess.RunAsync("sessions", "export", stream.Session, "--journal", bed.Data, "--as", "cast")).Out.TrimEnd('\n').Split('\n').Select(line => JsonDocument.Parse(line).RootElement).ToArray();
        Assert.Equal((2, 90, 20), (cast[0].GetProperty("version").GetInt32(), cast[0].GetProperty("width").GetInt32(), cast[0].GetProperty("height").GetInt32()));
        Assert.All(cast[1..], line => Assert.Equal(3, line.GetArrayLength()));
        Assert.Contains("card [masked:pii]", string.Concat(cast[1..].Where(line => line[1].GetString() == "o").Select(line => line[2].GetString())), StringComparison.Ordinal);
        Assert.Contains(cast[1..], line => line[1].GetString() == "r" && line[2].GetString() == "90x20");
    }

    [Fact]
    public async Task Files_are_copied_both_ways()
    {
        await using var bed = await ClusterBed.StartAsync(shared, Streams, Test);
        await using var kubelet = await ScriptedKubelet.StartAsync(bed.Server, bed.Namespace, s_both, Test);
        var (source, pod, back) = (Path.Combine(bed.Folder, "source.bin"), Path.Combine(bed.Folder, "pod", "file.bin"), Path.Combine(bed.Folder, "back.bin"));
        Directory.CreateDirectory(Path.Combine(bed.Folder, "pod"));
        var content = System.Security.Cryptography.RandomNumberGenerator.GetBytes(300_000);
        await File.WriteAllBytesAsync(source, content, Test);

        var there = await bed.KubectlAsync("alice", "cp", source, $"p:{pod}");
        Assert.True(there.ExitCode == 0, there.Error);
        Assert.Equal(content, await File.ReadAllBytesAsync(pod, Test));
        var home = await bed.KubectlAsync("alice", "cp", $"p:{pod}", back);
        Assert.True(home.ExitCode == 0, home.Error);
        Assert.Equal(content, await File.ReadAllBytesAsync(back, Test));
    }

    [Fact]
    [Row("K15")]
    public async Task What_an_older_cluster_cannot_do_is_said_and_not_begun()
    {
        await using var bed = await ClusterBed.StartAsync(shared, Streams, Test);
        await using var kubelet = await ScriptedKubelet.StartAsync(bed.Server, bed.Namespace, s_old, Test);
        var mark = Path.Combine(bed.Folder, "begun");

        var plain = await bed.KubectlAsync("alice", "exec", "p", "--", "echo", "works");
        Assert.Equal((0, "works\n"), (plain.ExitCode, plain.Out));
        var input = await bed.KubectlAsync("alice", "x\n", ["exec", "-i", "p", "--", "sh", "-c", $"touch {mark}; cat"]);
        Assert.Equal(1, input.ExitCode);
        Assert.Contains("WebSocket v5", input.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(mark));
    }

    [Fact]
    [Row("K15")]
    [Guarantee("G7")]
    public async Task A_held_command_runs_when_somebody_agrees()
    {
        await using var bed = await ClusterBed.StartAsync(shared, Streams, Test, wait: TimeSpan.FromSeconds(40));
        await using var kubelet = await ScriptedKubelet.StartAsync(bed.Server, bed.Namespace, s_both, Test);
        var file = Path.Combine(bed.Folder, "old");
        await File.WriteAllTextAsync(file, "x", Test);

        var removing = bed.KubectlAsync("alice", "exec", "p", "--", "rm", file);
        await ApprovalDeskVisit.AnswerNextAsync(bed.Host.Url, "bob", "approve", Test);
        var run = await removing;

        Assert.True(run.ExitCode == 0, run.Error);
        Assert.False(File.Exists(file));
    }

    [Fact]
    [Row("K16")]
    [Guarantee("G11")]
    public async Task Logs_follow_and_are_masked_over_the_ends_of_pieces_and_end_with_the_policy()
    {
        await using var bed = await ClusterBed.StartAsync(shared, Masked, Test);
        await using var kubelet = await ScriptedKubelet.StartAsync(bed.Server, bed.Namespace, s_both, Test);
        using var logs = bed.Start([.. bed.Place("alice"), "logs", "-f", "p"]);
        await kubelet.Log.Writer.WriteAsync("first\ncard 4111 1111 ", Test);
        await kubelet.Log.Writer.WriteAsync("1111 1111 of\n", Test);

        Assert.Equal("first", await logs.StandardOutput.ReadLineAsync(Test));
        Assert.Equal("card [masked:pii] of", await logs.StandardOutput.ReadLineAsync(Test));
        bed.Edit(Masked.Replace(", pods/log]", "]", StringComparison.Ordinal));
        var watch = Stopwatch.StartNew();
        Assert.Equal("", await logs.StandardOutput.ReadToEndAsync(Test));
        await logs.WaitForExitAsync(Test);
        // Two seconds from the policy's publication; the watch of the file comes before.
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(8));
    }

    [Theory]
    [Row("K15")]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_open_command_ends_with_the_token_or_the_gateway_and_kubectl_says_why(bool isTokenOver)
    {
        await using var bed = await ClusterBed.StartAsync(shared, Streams, Test);
        await using var kubelet = await ScriptedKubelet.StartAsync(bed.Server, bed.Namespace, s_both, Test);
        // Clocks may differ by 30 seconds: a token is good for as long after its end.
        var until = DateTimeOffset.UtcNow.AddSeconds(isTokenOver ? 8 : 120);
        using var run = bed.Start([.. bed.Place("alice", bed.Token("alice", until.AddSeconds(-30))), "exec", "p", "--", "sh", "-c", "echo begun; sleep 600"]);
        Assert.Equal("begun", await run.StandardOutput.ReadLineAsync(Test));

        var watch = Stopwatch.StartNew();
        var stop = isTokenOver ? Task.CompletedTask : bed.Host.StopAsync();
        var error = await run.StandardError.ReadToEndAsync(Test);
        await run.WaitForExitAsync(Test);
        await stop;

        Assert.Equal(1, run.ExitCode);
        Assert.Contains(isTokenOver ? "sign-in that this call ran on is over" : "Postern could not carry this out", error, StringComparison.Ordinal);
        if (isTokenOver) Assert.InRange(DateTimeOffset.UtcNow - until, TimeSpan.FromSeconds(-1), TimeSpan.FromSeconds(4));
        else Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(4));
        for (var waited = 0; kubelet.Ended == 0 && waited < 100; waited++) await Task.Delay(50, Test);
        Assert.Equal(1, kubelet.Ended);
    }
}
