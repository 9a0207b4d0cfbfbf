using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Postern.Conformance.Gateways;
using Postern.Conformance.Peers;
using Postern.Tests;

namespace Postern.Conformance.Soak;

/// <summary>
/// Work of every kind at once, for as long as asked: `./test.sh soak` half an hour, any other run some seconds. Memory, threads and
/// descriptors must be as flat at the end as after the first third; every answer is looked at; what is recorded must verify.
/// </summary>
[Trait("Lane", "soak")]
public sealed class SoakTests
{
    private const long Megabyte = 1024 * 1024;

    private const string Policy = """
        version: 1
        rules:
          - id: support-works
            who:  { groups: [support] }
            on:   { connection: target, tools: [read, long, stream] }
            then: allow

          - id: writes-need-on-call
            who:  { groups: [support] }
            on:   { connection: target, tools: [write] }
            then: hold
            hold: { approvers: { groups: [on-call], count: 1 }, expires: 1m }
        masks:
          - id: cards
            detect: [credit-card]
            as: redact
        """;

    private static TimeSpan Length => TimeSpan.FromMinutes(double.TryParse(Environment.GetEnvironmentVariable("POSTERN_SOAK_MINUTES"), CultureInfo.InvariantCulture, out var minutes) ? minutes : 0.25);

    [Fact]
    [Guarantee("G16")]
    public async Task Work_of_every_kind_leaves_memory_threads_and_descriptors_flat()
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        await using var target = await SoakServer.StartAsync(cancellationToken);
        await using var gateway = await ServedGateway.PrepareAsync(target.Url, Policy, cancellationToken);
        await gateway.StartAsync(cancellationToken);
        var tokens = new ConcurrentDictionary<string, string>(StringComparer.Ordinal);
        using var caller = new SoakCaller(gateway.ConnectionUrl, person => tokens.GetOrAdd(person, gateway.Token));
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var renewal = new Timer(_ => tokens.Clear(), null, TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(1));

        Task Work(string kind, int workers, int pauseMilliseconds, Func<CancellationToken, Task<string?>> work) =>
            Task.WhenAll(Enumerable.Range(0, workers).Select(_ => caller.RepeatAsync(kind, TimeSpan.FromMilliseconds(pauseMilliseconds), work, over.Token)));
        var working = Task.WhenAll(
            Work("read", 4, 20, token => caller.CallAsync("read", "read is done", token)),
            Work("long", 1, 200, token => caller.CallAsync("long", "line 1999 of", token)),
            Work("stream", 4, 50, token => caller.CallAsync("stream", "stream is done", token)),
            Work("denied", 1, 100, token => caller.CallAsync("secret", "not permitted", token)),
            Work("held", 1, 1_000, token => caller.CallAsync("write", "/approve/", token)),
            Work("session", 2, 100, caller.SessionAsync),
            Work("leave", 2, 100, caller.LeaveAsync),
            Work("misbehave", 1, 200, caller.MisbehaveAsync));

        var clock = Stopwatch.StartNew();
        var holdings = new List<Holding>();
        while (clock.Elapsed < Length && !working.IsCompleted)
        {
            holdings.Add(ProcessGauge.Read(gateway.ProcessId, clock.Elapsed.TotalSeconds));
            await Task.Delay(TimeSpan.FromSeconds(Math.Min(2, Length.TotalSeconds / 60)), cancellationToken);
        }
        await over.CancelAsync();
        await working.WaitAsync(TimeSpan.FromMinutes(2), cancellationToken);

        var third = holdings.Count / 3;
        var (before, after) = (holdings.GetRange(third, third), holdings.GetRange(holdings.Count - third, third));
        var figures = string.Create(CultureInfo.InvariantCulture,
            $"{Length.TotalMinutes:0.##} min; {string.Join(", ", caller.Counts.OrderBy(each => each.Key, StringComparer.Ordinal).Select(each => $"{each.Key} {each.Value:N0}"))}; "
            + $"memory {Resident(before):0.0} -> {Resident(after):0.0} MB, threads {Threads(before)} -> {Threads(after)}, descriptors {Handles(before)} -> {Handles(after)}");
        TestContext.Current.SendDiagnosticMessage(figures);
        await File.WriteAllTextAsync(Path.Combine(Directory.CreateDirectory(Path.Combine(Checkout.Root, "artifacts")).FullName, "soak.txt"), figures + "\n", cancellationToken);

        Assert.True(!caller.Complaints.Any(), string.Join("\n", caller.Complaints));
        foreach (var kind in (string[])["read", "long", "stream", "denied", "held", "session", "leave", "misbehave"]) Assert.True(caller.Counts.GetValueOrDefault(kind) > 0, $"{kind} was never done");
        // A short run is still warming up: it proves that the lane works. A long one may not grow.
        var isLong = Length >= TimeSpan.FromMinutes(10);
        Assert.True(Resident(after) <= (isLong ? (1.05 * Resident(before)) + 4 : (1.5 * Resident(before)) + 64), figures);
        Assert.True(Threads(after) <= Threads(before) + 8, figures);
        Assert.True(Handles(after) <= Handles(before) + (isLong ? 16 : 48), figures);
        await gateway.KillAsync();
        Assert.Null(Recordings.Read(gateway.Data).Problem);
    }

    private static double Resident(List<Holding> holdings) => ProcessGauge.Median(holdings.Select(each => (double)each.Resident)) / Megabyte;

    private static double Threads(List<Holding> holdings) => ProcessGauge.Median(holdings.Select(each => (double)each.Threads));

    private static double Handles(List<Holding> holdings) => ProcessGauge.Median(holdings.Select(each => (double)each.Handles));
}
