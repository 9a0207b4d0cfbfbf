using System.Globalization;
using Postern.Conformance.Gateways;
using Postern.Tests;

namespace Postern.Conformance.Kills;

/// <summary>
/// The gateway is killed (-9) at random instants under load, again and again, on the same data. What a kill cannot show is
/// the loss of what the operating system still held: that is power loss (F02).
/// </summary>
[Trait("Lane", "kills")]
public sealed class KillTests
{
    private const int Callers = 8;
    private const int HoldsPerRound = 2;
    private const int RepeatsPerHold = 4;

    private static int Rounds => int.TryParse(Environment.GetEnvironmentVariable("POSTERN_KILL_ROUNDS"), CultureInfo.InvariantCulture, out var rounds) ? rounds : 20;

    [Fact]
    [Guarantee("G1")]
    [Guarantee("G2")]
    [Guarantee("G3")]
    [Guarantee("G7")]
    [Row("U01")]
    [Row("F01")]
    [Row("A02")]
    public async Task A_killed_gateway_has_written_down_everything_that_was_seen_and_runs_no_approval_twice()
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        var seed = Random.Shared.Next();
        var random = new Random(seed);
        TestContext.Current.SendDiagnosticMessage($"seed {seed}");
        await using var witness = await WitnessServer.StartAsync(cancellationToken);
        await using var gateway = await ServedGateway.PrepareAsync(witness.Url, WitnessServer.Policy, cancellationToken);
        using var caller = new Caller();
        await gateway.StartAsync(cancellationToken);

        for (var round = 0; round < Rounds; round++)
        {
            // A new one each round: many rounds take longer than a token lives.
            var token = gateway.Token("alice");
            var approved = new List<long>();
            for (var index = 0; index < HoldsPerRound; index++) approved.Add(await caller.HoldAndApproveAsync(gateway, token, cancellationToken));

            using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            var load = Enumerable.Range(0, Callers).Select(_ => LoadAsync(gateway.ConnectionUrl, token, caller, over.Token)).ToList();
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(20, 400)), cancellationToken);
            // The repeats that race for each approval start at about the instant of the kill.
            load.AddRange(approved.SelectMany(number => Enumerable.Range(0, RepeatsPerHold).Select(_ => caller.CallAsync(gateway.ConnectionUrl, token, "write", number, over.Token))));
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(0, 60)), cancellationToken);
            await gateway.KillAsync();
            await over.CancelAsync();
            await Task.WhenAll(load);

            await gateway.StartAsync(cancellationToken);
            // After the restart, whoever did not get an answer asks again.
            foreach (var number in approved) await caller.CallAsync(gateway.ConnectionUrl, token, "write", number, cancellationToken);
            var recording = await Recordings.ReadSettledAsync(gateway.Data, TimeSpan.FromSeconds(5), cancellationToken);
            var complaints = KillJudge.Complaints(recording, witness.Seen, caller.Answers).Take(5).ToArray();
            Assert.True(complaints.Length == 0, $"round {round}, seed {seed}: {string.Join("; ", complaints)}");
        }
        Assert.True(witness.Seen.Count(each => each.Key.StartsWith("read:", StringComparison.Ordinal)) >= Rounds, "the load never reached the target");
        Assert.Contains(witness.Seen, each => each.Key.StartsWith("write:", StringComparison.Ordinal));
    }

    private static async Task LoadAsync(string url, string token, Caller caller, CancellationToken over)
    {
        while (!over.IsCancellationRequested)
        {
            if (await caller.CallAsync(url, token, "read", caller.Next(), over) is null) return;
        }
    }
}
