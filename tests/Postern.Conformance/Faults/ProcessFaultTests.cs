using System.Diagnostics;
using System.Globalization;
using Postern.Conformance.Gateways;
using Postern.Tests;

namespace Postern.Conformance.Faults;

/// <summary>The gateway's process is stopped for a while, or has too few handles, too little memory or too few threads.</summary>
public sealed class ProcessFaultTests
{
    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Fact]
    [Guarantee("G7")]
    [Guarantee("G10")]
    [Row("F21")]
    public async Task What_expired_while_the_process_was_stopped_is_not_used_when_it_goes_on()
    {
        // Half a minute is what the row names; what matters is that the pause is longer than what is left of the grant.
        var valid = TimeSpan.FromSeconds(12);
        await using var bed = await FaultBed.StartAsync(Test, policy: WitnessServer.Policy.Replace("expires: 30m", "expires: 30m, valid: 12s", StringComparison.Ordinal));
        var agreed = await bed.AgreedAsync(Test);
        var clock = Stopwatch.StartNew();
        using var over = CancellationTokenSource.CreateLinkedTokenSource(Test);
        var load = bed.LoadAsync(4, over.Token);
        await Task.Delay(300, Test);

        await SignalAsync(bed, "STOP");
        // Asked in time: it stands in the gateway's socket when the process goes on, a moment after its grant is over.
        var used = bed.CallAsync("write", agreed, Test);
        Assert.True(clock.Elapsed < valid, "the machine is too slow for this test: the grant was over before the pause began");
        await Task.Delay(valid + TimeSpan.FromSeconds(1) - clock.Elapsed, Test);
        await SignalAsync(bed, "CONT");

        Assert.DoesNotContain("is done", await used ?? "", StringComparison.Ordinal);
        await over.CancelAsync();
        await load;
        Assert.DoesNotContain(bed.Witness.Seen.Keys, key => key.StartsWith("write", StringComparison.Ordinal));
        await bed.JudgeAsync(Test);
    }

    [Fact]
    [Guarantee("G5")]
    [Guarantee("G16")]
    [Row("F20")]
    public async Task Without_handles_it_refuses_or_dies_and_goes_on_when_there_are_some()
    {
        await using var bed = await FaultBed.StartAsync(Test);
        var agreed = await bed.AgreedAsync(Test);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(Test);
        var load = bed.LoadAsync(4, over.Token);
        while (bed.Caller.Answers.Count < 20) await Task.Delay(20, Test);
        var open = Directory.EnumerateFileSystemEntries($"/proc/{bed.Gateway.ProcessId}/fd").Count();

        await LimitAsync(bed, open + 24);
        // Each of these brings a connection of its own, and asks for another to the target.
        var crowd = Enumerable.Range(0, 24).Select(async _ =>
        {
            using var own = new Caller();
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(Test);
            patience.CancelAfter(TimeSpan.FromSeconds(3));
            return await own.CallAsync(bed.Gateway.ConnectionUrl, bed.Token, "read", bed.Caller.Next(), patience.Token);
        }).ToArray();
        var answers = await Task.WhenAll(crowd);

        Assert.Contains(answers, answer => answer is null || !answer.Contains("is done", StringComparison.Ordinal));
        await over.CancelAsync();
        await load;
        // The runtime ends a process that cannot open what it needs itself; whoever runs gateways starts it again.
        if (!bed.Gateway.HasExited) await LimitAsync(bed, 4_096);
        var clock = Stopwatch.StartNew();
        while (!bed.Gateway.HasExited && await bed.CallAsync("read", bed.Caller.Next(), Test) is null && clock.Elapsed < TimeSpan.FromSeconds(20)) await Task.Delay(100, Test);
        if (bed.Gateway.HasExited) await bed.Gateway.StartAsync(Test);
        for (var again = 0; again < 3; again++) await bed.CallAsync("write", agreed, Test);
        bed.Used.Add(agreed);
        await bed.JudgeAsync(Test);
    }

    [Fact]
    [Guarantee("G1")]
    [Guarantee("G16")]
    [Row("F20")]
    [Row("F01")]
    public async Task With_too_little_memory_it_refuses_or_dies_and_what_it_did_is_written_down()
    {
        // 64 MB of managed memory, of which a gateway at rest needs some twenty.
        await using var bed = await FaultBed.StartAsync(Test, environment: new Dictionary<string, string>(StringComparer.Ordinal) { ["DOTNET_GCHeapHardLimit"] = "0x4000000" });
        var agreed = await bed.AgreedAsync(Test);
        using var crowd = new Caller();
        using var over = CancellationTokenSource.CreateLinkedTokenSource(Test);
        over.CancelAfter(TimeSpan.FromSeconds(6));
        bed.Witness.FloodKilobytes = 3 * 1024;
        var load = Task.WhenAll(Enumerable.Range(0, 4).Select(_ => bed.Caller.LoadAsync(bed.Gateway.ConnectionUrl, bed.Token, "read", over.Token)));
        var floods = Enumerable.Range(0, 24).Select(index => crowd.CallAsync(bed.Gateway.ConnectionUrl, bed.Token, "flood", 1_000_000 + index, over.Token)).ToArray();
        var used = bed.CallAsync("write", agreed, over.Token);
        await Task.WhenAll([.. floods, load, used]);

        // Whether it lived or not, it begins again on the same data, with memory enough.
        await bed.Gateway.KillAsync();
        bed.Gateway.Environment = new Dictionary<string, string>(StringComparer.Ordinal);
        await bed.Gateway.StartAsync(Test);
        for (var again = 0; again < 3; again++) await bed.CallAsync("write", agreed, Test);
        bed.Used.Add(agreed);
        await bed.JudgeAsync(Test);
        Assert.DoesNotContain(crowd.Captures, capture => capture.Text.Contains(WitnessServer.Canary, StringComparison.Ordinal));
    }

    [Fact]
    [Guarantee("G16")]
    [Row("F20")]
    [Row("D09")]
    public async Task With_two_threads_it_is_slow_and_nothing_waits_for_ever()
    {
        await using var bed = await FaultBed.StartAsync(Test, environment: new Dictionary<string, string>(StringComparer.Ordinal) { ["DOTNET_ThreadPool_ForceMaxWorkerThreads"] = "2", ["DOTNET_ThreadPool_ForceMinWorkerThreads"] = "1" });
        var agreed = await bed.AgreedAsync(Test);

        var answers = await Task.WhenAll(Enumerable.Range(0, 96).Select(index => bed.CallAsync(index % 4 == 3 ? "stream" : "read", bed.Caller.Next(), Test)));
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => bed.CallAsync("write", agreed, Test)));
        bed.Used.Add(agreed);

        Assert.All(answers, answer => Assert.Contains("is done", answer, StringComparison.Ordinal));
        await bed.JudgeAsync(Test);
    }

    private static async Task SignalAsync(FaultBed bed, string signal)
    {
        using var kill = Process.Start("kill", ["-" + signal, bed.Gateway.ProcessId.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync(Test);
        Assert.Equal(0, kill.ExitCode);
    }

    private static async Task LimitAsync(FaultBed bed, int handles)
    {
        using var limit = Process.Start("prlimit", ["--pid", bed.Gateway.ProcessId.ToString(CultureInfo.InvariantCulture), string.Create(CultureInfo.InvariantCulture, $"--nofile={handles}:")]);
        await limit.WaitForExitAsync(Test);
        Assert.Equal(0, limit.ExitCode);
    }
}
