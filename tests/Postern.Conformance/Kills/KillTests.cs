using System.Globalization;
using Postern.Conformance.Peers;
using Postern.Tests;

namespace Postern.Conformance.Kills;

/// <summary>
/// The gateway is killed (-9) under load again and again, between each pair of steps that can be seen from outside and at random. What a
/// kill cannot show is the loss of what the operating system still held: that is power loss (F02, TornWriteTests).
/// </summary>
[Trait("Lane", "kills")]
public sealed class KillTests
{
    private const int RoundsOfALife = 20;
    private const int Lives = 2; // at once

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
        var begun = TimeProvider.System.GetTimestamp();
        var seed = Random.Shared.Next();
        TestContext.Current.SendDiagnosticMessage($"seed {seed}");
        var totals = new Totals();
        var next = -1;
        using var failing = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);

        await Task.WhenAll(Enumerable.Range(0, Lives).Select(async lane =>
        {
            var random = new Random(seed + lane);
            while (Volatile.Read(ref next) < Rounds - 1)
            {
                var rounds = Math.Min(RoundsOfALife, Math.Max(1, (Rounds - 1 - Volatile.Read(ref next) + Lives - 1) / Lives));
                await using var life = await KillLife.BeginAsync(rounds, random, failing.Token);
                for (var index = 0; index < rounds; index++)
                {
                    var round = Interlocked.Increment(ref next);
                    if (round >= Rounds) break;
                    var instant = (KillInstant)(round % Enum.GetValues<KillInstant>().Length);
                    var complaints = await life.RoundAsync(instant, failing.Token);
                    if (complaints.Length > 0) await failing.CancelAsync();
                    Assert.True(complaints.Length == 0, $"round {round}, killed at {instant}, seed {seed}, lane {lane}: {string.Join("; ", complaints)}");
                    totals.Round(TimeProvider.System.GetElapsedTime(begun));
                }
                totals.Life(life);
            }
        }));

        Assert.True(totals.Reads >= Rounds, "the load never reached the target");
        Assert.True(totals.Writes > 0, "nothing that was agreed to was ever done");
        Assert.True(totals.Streams > 0, "no stream reached the target");
        Assert.True(totals.Exact * 2 >= Rounds, $"only {totals.Exact} of {Rounds} kills fell on their instant");
    }

    /// <summary>What all lives together came to; also in <c>artifacts/kills.txt</c> while it goes on.</summary>
    private sealed class Totals
    {
        private readonly Lock _gate = new();
        private int _rounds;

        public int Reads { get; private set; }

        public int Writes { get; private set; }

        public int Streams { get; private set; }

        public int Exact { get; private set; }

        public void Round(TimeSpan elapsed)
        {
            lock (_gate)
            {
                _rounds++;
                File.WriteAllText(
                    Path.Combine(Directory.CreateDirectory(Path.Combine(Checkout.Root, "artifacts")).FullName, "kills.txt"),
                    string.Create(CultureInfo.InvariantCulture, $"{_rounds} rounds in {elapsed.TotalSeconds:0} s ({elapsed.TotalSeconds / _rounds:0.00} s a round); in the lives that are over: {Reads} reads, {Streams} streams, {Writes} writes reached the target, {Exact} kills on their instant\n"));
            }
        }

        public void Life(KillLife life)
        {
            lock (_gate)
            {
                Reads += life.SeenOf("read");
                Writes += life.SeenOf("write");
                Streams += life.SeenOf("stream");
                Exact += life.Exact;
            }
        }
    }
}
