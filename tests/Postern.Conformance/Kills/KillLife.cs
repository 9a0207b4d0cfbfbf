using System.Diagnostics;
using Postern.Conformance.Faults;
using Postern.Conformance.Gateways;
using Postern.Core.Recording;

namespace Postern.Conformance.Kills;

/// <summary>
/// The life of one data folder under one gateway that is killed (-9) round after round: what is judged after each round is all of it. Lives
/// are short, so that a round costs the same however many there are, and several go on side by side: each has a target, callers and a
/// judgement of its own.
/// </summary>
internal sealed class KillLife : IAsyncDisposable
{
    private const int Callers = 8;
    private const int AgreementsPerRound = 1;
    private const int RepeatsPerAgreement = 4;

    // What is not reached within this under a machine's load is killed without it; the next turn of that instant comes.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly WitnessServer _witness;
    private readonly ServedGateway _gateway;
    private readonly Caller _caller = new();
    private readonly Random _random;
    private readonly Queue<long> _agreed = new();
    private readonly List<string> _used = [];
    private JournalAnchor? _anchor;

    private KillLife(WitnessServer witness, ServedGateway gateway, Random random)
    {
        _witness = witness;
        _gateway = gateway;
        _random = random;
    }

    /// <summary>How many calls the target saw, by tool.</summary>
    public int SeenOf(string tool) => _witness.Seen.Count(each => each.Key.StartsWith(tool, StringComparison.Ordinal));

    /// <summary>How often a round was killed at its own instant, and not by the clock.</summary>
    public int Exact { get; private set; }

    /// <summary>Begins one on an empty folder, with what people agree to in advance for so many rounds.</summary>
    public static async Task<KillLife> BeginAsync(int rounds, Random random, CancellationToken cancellationToken)
    {
        var witness = await WitnessServer.StartAsync(cancellationToken);
        var gateway = await ServedGateway.PrepareAsync(witness.Url, WitnessServer.Policy, cancellationToken);
        // Code that is killed within a second is not worth watching for what could be compiled better.
        gateway.Environment = new Dictionary<string, string>(StringComparer.Ordinal) { ["DOTNET_TieredPGO"] = "0" };
        var life = new KillLife(witness, gateway, random);
        try
        {
            await gateway.StartAsync(cancellationToken);
            var token = gateway.Token("alice");
            for (var index = 0; index < rounds * AgreementsPerRound; index++) life._agreed.Enqueue(await life._caller.HoldAndApproveAsync(gateway, token, cancellationToken));
            return life;
        }
        catch
        {
            await life.DisposeAsync();
            throw;
        }
    }

    /// <summary>Work, the kill at this instant, the start after it, and everything that then breaks a promise.</summary>
    public async Task<string[]> RoundAsync(KillInstant instant, CancellationToken cancellationToken)
    {
        // A new one each round: many rounds take longer than a token lives.
        var token = _gateway.Token("alice");
        var agreed = Enumerable.Range(0, Math.Min(AgreementsPerRound, _agreed.Count)).Select(_ => _agreed.Dequeue()).ToArray();
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var url = _gateway.ConnectionUrl;

        var killed = ArmAsync(instant, cancellationToken);
        var work = Enumerable.Range(0, Callers).Select(index => _caller.LoadAsync(url, token, index % 4 == 3 ? "stream" : "read", over.Token)).ToList();
        if (instant == KillInstant.Agreeing) work.Add(AgreeAsync(token, over.Token));
        // The repeats that race for each agreement start at about the instant of the kill.
        if (instant != KillInstant.Using) await Task.WhenAny(killed, Task.Delay(_random.Next(0, 300), cancellationToken));
        work.AddRange(agreed.SelectMany(number => Enumerable.Range(0, RepeatsPerAgreement).Select(_ => _caller.CallAsync(url, token, "write", number, over.Token))));
        await killed;
        await _gateway.KillAsync();
        await over.CancelAsync();
        await Task.WhenAll(work);
        _witness.At = null;
        _caller.Arriving = null;

        if (instant == KillInstant.Starting)
        {
            // Once or twice more, anywhere in its start.
            for (var again = _random.Next(1, 3); again > 0; again--)
            {
                _gateway.Launch();
                await Task.Delay(_random.Next(0, 1_500), cancellationToken);
                await _gateway.KillAsync();
            }
        }
        await _gateway.StartAsync(cancellationToken);
        // After the restart, whoever did not get an answer asks again; what was agreed to is then used, whoever used it.
        await Task.WhenAll(agreed.Select(number => _caller.CallAsync(_gateway.ConnectionUrl, token, "write", number, cancellationToken)));
        _used.AddRange(agreed.Select(number => $"write:{number}"));
        var recording = await Recordings.ReadSettledAsync(_gateway.Data, TimeSpan.FromSeconds(10), cancellationToken, _anchor);
        // Noted outside the gateway: no later kill may lose what was signed by now.
        _anchor = recording.Anchor ?? _anchor;
        return [.. InvariantJudge.Complaints(Evidence.Of(recording, _witness, _caller) with { Agreed = _used }).Take(5)];
    }

    public async ValueTask DisposeAsync()
    {
        _caller.Dispose();
        await _gateway.DisposeAsync();
        await _witness.DisposeAsync();
    }

    /// <summary>Completes once the gateway was killed at the instant, on the very thread that came there.</summary>
    private async Task ArmAsync(KillInstant instant, CancellationToken cancellationToken)
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var nth = _random.Next(1, 60);
        void Come()
        {
            if (Interlocked.Decrement(ref nth) != 0) return;
            _gateway.Kill();
            reached.TrySetResult();
        }
        using var watch = instant == KillInstant.Written ? new FileSystemWatcher(Path.Combine(_gateway.Data, "journal"), "*.pjl") { NotifyFilter = NotifyFilters.LastWrite } : null;
        if (watch is not null)
        {
            watch.Changed += (_, _) => Come();
            watch.EnableRaisingEvents = true;
        }
        if (instant is KillInstant.Seen or KillInstant.Answering or KillInstant.Answered)
        {
            var moment = Enum.Parse<WitnessMoment>(instant.ToString());
            _witness.At = at =>
            {
                if (at == moment) Come();
            };
        }
        if (instant == KillInstant.Delivered) _caller.Arriving = Come;
        var wait = instant switch
        {
            KillInstant.Any or KillInstant.Starting => TimeSpan.FromMilliseconds(_random.Next(10, 500)),
            KillInstant.Agreeing => TimeSpan.FromMilliseconds(_random.Next(100, 1_500)),
            KillInstant.Using => TimeSpan.FromMilliseconds(_random.Next(0, 150)),
            _ => Patience,
        };
        var clock = Stopwatch.StartNew();
        try
        {
            await reached.Task.WaitAsync(wait, cancellationToken);
            Exact++;
        }
        catch (TimeoutException)
        {
            if (wait != Patience) Exact++;
        }
        _gateway.Kill();
    }

    /// <summary>Has more writes agreed to until the kill; who was told that they are agreed to relies on it.</summary>
    private async Task AgreeAsync(string token, CancellationToken over)
    {
        try
        {
            while (!over.IsCancellationRequested) _agreed.Enqueue(await _caller.HoldAndApproveAsync(_gateway, token, over));
        }
        catch (Exception broken) when (broken is HttpRequestException or IOException or OperationCanceledException or Xunit.Sdk.XunitException or InvalidOperationException)
        {
            // The kill came in between: whether that one is agreed to, nobody was told.
        }
    }
}
