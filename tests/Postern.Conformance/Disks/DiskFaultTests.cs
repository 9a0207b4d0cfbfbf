using System.Net;
using Postern.Conformance.Faults;
using Postern.Conformance.Gateways;
using Postern.Core.Recording;
using Postern.Tests;

namespace Postern.Conformance.Disks;

/// <summary>
/// A real disk fills up, or turns read-only, under a gateway with work in flight: it refuses, says so, and goes on by itself once the
/// disk does. A flush that fails is not among these, as no filesystem fails one on demand; that is tested with a storage that does.
/// </summary>
public sealed class DiskFaultTests
{
    private const int Callers = 4;

    // Again and again: a journal that is cut to its sound part gives back a little room, and may go on for as long as that lasts.
    private const string Fill = "( while :; do cat /dev/zero >> \"$data/filler\"; sleep 0.1; done ) 2> /dev/null & filling=$!";

    private const string FillBelow = "kill $filling; ( while :; do cat /dev/zero >> \"$data.under/filler\"; sleep 0.1; done ) 2> /dev/null & filling=$!";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Guarantee("G1")]
    [Guarantee("G2")]
    [Guarantee("G3")]
    [Guarantee("G4")]
    [Guarantee("G5")]
    [Row("F03")]
    [Row("U02")]
    public async Task A_disk_that_is_full_or_read_only_stops_all_work_until_it_is_well_again(bool turnsReadOnly)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromMinutes(3));
        await using var witness = await WitnessServer.StartAsync(limit.Token);
        await using var gateway = await ServedGateway.PrepareAsync(witness.Url, WitnessServer.Policy, limit.Token, disk: SmallDisk.Find());
        using var caller = new Caller();
        using var http = new HttpClient();
        await gateway.StartAsync(limit.Token);
        var token = gateway.Token("alice");
        var approved = await caller.HoldAndApproveAsync(gateway, token, limit.Token);

        // The disk fills up while calls run.
        using var over = CancellationTokenSource.CreateLinkedTokenSource(limit.Token);
        var load = Enumerable.Range(0, Callers).Select(_ => caller.LoadAsync(gateway.ConnectionUrl, token, "read", over.Token)).ToList();
        while (caller.Answers.Count < 20) await Task.Delay(20, limit.Token);
        await gateway.DoAsync(Fill, limit.Token);
        var refusal = await RefusedAsync(gateway, caller, token, limit.Token);

        // It refuses and says so, to callers, to whoever watches it, and in its log.
        Assert.Contains("record.unavailable", refusal, StringComparison.Ordinal);
        var (status, report) = await ReadyAsync(http, gateway, limit.Token);
        while (status == HttpStatusCode.OK)
        {
            await Task.Delay(20, limit.Token);
            (status, report) = await ReadyAsync(http, gateway, limit.Token);
        }
        Assert.Equal(HttpStatusCode.ServiceUnavailable, status);
        Assert.Contains("\"record\"", report, StringComparison.Ordinal);
        Assert.Contains("No space left on device", report, StringComparison.OrdinalIgnoreCase);

        if (turnsReadOnly)
        {
            // Nothing can be opened for writing any more; and then there is room again, which is of no use.
            await gateway.DoAsync("mkdir -p \"$data.under\" && mount --bind \"$data\" \"$data.under\" && mount --bind \"$data\" \"$data\" && mount -o remount,bind,ro \"$data\"", limit.Token);
            await gateway.DoAsync(FillBelow, limit.Token);
            while (!(await ReadyAsync(http, gateway, limit.Token)).Report.Contains("Read-only file system", StringComparison.OrdinalIgnoreCase)) await Task.Delay(100, limit.Token);
            await gateway.DoAsync("kill $filling; rm \"$data.under/filler\"", limit.Token);
        }

        // As long as it lasts, nothing reaches the target that is not written down, an approved call no more than others.
        await over.CancelAsync();
        await Task.WhenAll(load);
        var seen = witness.Seen.Count;
        var refused = 0;
        for (var attempt = 0; attempt < 20; attempt++)
        {
            if (await caller.CallAsync(gateway.ConnectionUrl, token, "read", caller.Next(), limit.Token) is { } read && read.Contains("record.unavailable", StringComparison.Ordinal)) refused++;
            if (turnsReadOnly) Assert.DoesNotContain("is done", await caller.CallAsync(gateway.ConnectionUrl, token, "write", approved, limit.Token) ?? "", StringComparison.Ordinal);
        }
        Assert.InRange(refused, turnsReadOnly ? 20 : 1, 20);
        if (turnsReadOnly) Assert.Equal(seen, witness.Seen.Count);

        // The disk is well again, and the gateway by itself.
        await gateway.DoAsync(turnsReadOnly ? "umount \"$data\"" : "kill $filling; rm \"$data/filler\"", limit.Token);
        while ((await ReadyAsync(http, gateway, limit.Token)).Status != HttpStatusCode.OK) await Task.Delay(100, limit.Token);
        Assert.Contains("is done", await caller.CallAsync(gateway.ConnectionUrl, token, "read", caller.Next(), limit.Token), StringComparison.Ordinal);
        for (var attempt = 0; attempt < 3; attempt++) await caller.CallAsync(gateway.ConnectionUrl, token, "write", approved, limit.Token);
        Assert.Equal(1, witness.Seen[$"write:{approved}"]);

        // What was seen was written down, what was answered too, each with one ending, and all of it verifies.
        var recording = await ReadAsync(gateway.Data, limit.Token);
        var complaints = InvariantJudge.Complaints(Evidence.Of(recording, witness, caller) with { Agreed = [$"write:{approved}"] }).Take(5).ToArray();
        Assert.True(complaints.Length == 0, string.Join("; ", complaints));
        Assert.Contains(recording.Records, record => record.Payload.ToString()!.Contains(Recorder.RecoveredKind, StringComparison.Ordinal));
        Assert.Matches("nothing is accepted.*No space left on device", gateway.Errors);
        Assert.Contains("work is accepted again", gateway.Errors, StringComparison.Ordinal);
    }

    private static async Task<string> RefusedAsync(ServedGateway gateway, Caller caller, string token, CancellationToken cancellationToken)
    {
        while (true)
        {
            var answer = await caller.CallAsync(gateway.ConnectionUrl, token, "read", caller.Next(), cancellationToken) ?? "";
            if (!answer.Contains("is done", StringComparison.Ordinal)) return answer;
        }
    }

    /// <summary>
    /// Reads a copy. SQLite, which keeps the keys of what was said, follows <c>/proc/ID/root</c> as a link to the test's own root, where the
    /// disk is not mounted; files are opened through it as they are.
    /// </summary>
    private static async Task<Recording> ReadAsync(string data, CancellationToken cancellationToken)
    {
        var clock = System.Diagnostics.Stopwatch.StartNew();
        while (true)
        {
            var copy = Directory.CreateTempSubdirectory("postern-copy-");
            try
            {
                foreach (var path in Directory.EnumerateFiles(data, "*", SearchOption.AllDirectories).Where(path => !path.EndsWith(".lock", StringComparison.Ordinal)))
                {
                    var to = Path.Combine(copy.FullName, Path.GetRelativePath(data, path));
                    Directory.CreateDirectory(Path.GetDirectoryName(to)!);
                    File.Copy(path, to);
                }
                var recording = Recordings.Read(copy.FullName);
                if (clock.Elapsed > TimeSpan.FromSeconds(10) || recording.Operations.All(operation => operation.Endings.Count > 0)) return recording;
            }
            finally
            {
                copy.Delete(recursive: true);
            }
            await Task.Delay(50, cancellationToken);
        }
    }

    private static async Task<(HttpStatusCode Status, string Report)> ReadyAsync(HttpClient http, ServedGateway gateway, CancellationToken cancellationToken)
    {
        using var response = await http.GetAsync($"{gateway.ManagementUrl}/readyz", cancellationToken);
        return (response.StatusCode, await response.Content.ReadAsStringAsync(cancellationToken));
    }
}
