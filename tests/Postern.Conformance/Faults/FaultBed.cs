using System.Diagnostics;
using System.Globalization;
using Postern.Conformance.Gateways;

namespace Postern.Conformance.Faults;

/// <summary>
/// What every row of the fault suite stands on: a gateway in a process of its own between an instrumented target and callers that keep every
/// byte, and the one judge over all three. A row brings its fault, and what must hold while it lasts; what must hold after it is the same for all.
/// </summary>
internal sealed class FaultBed : IAsyncDisposable
{
    private FaultBed(WitnessServer witness, ServedGateway gateway)
    {
        Witness = witness;
        Gateway = gateway;
        Token = gateway.Token("alice");
    }

    public WitnessServer Witness { get; }

    public ServedGateway Gateway { get; }

    public Caller Caller { get; } = new();

    /// <summary>Alice's.</summary>
    public string Token { get; }

    /// <summary>Calls that people agreed to, and that the row has used.</summary>
    public List<long> Used { get; } = [];

    /// <summary>Starts one.</summary>
    /// <param name="cancellationToken">Ends the start.</param>
    /// <param name="connection">The connection as the configuration writes it, made of the target's address; by default a plain one.</param>
    /// <param name="policy">The policy file.</param>
    /// <param name="environment">What the process has in its environment.</param>
    /// <param name="holds">More of what the configuration says of holds.</param>
    public static async Task<FaultBed> StartAsync(
        CancellationToken cancellationToken, Func<string, string>? connection = null, string policy = WitnessServer.Policy, IReadOnlyDictionary<string, string>? environment = null, string holds = "")
    {
        var witness = await WitnessServer.StartAsync(cancellationToken);
        var gateway = await ServedGateway.PrepareAsync(connection is null ? witness.Url : connection(witness.Url), policy, cancellationToken, isWhole: connection is not null, isWatched: true, holds: holds);
        if (environment is not null) gateway.Environment = environment;
        await gateway.StartAsync(cancellationToken);
        return new FaultBed(witness, gateway);
    }

    /// <summary>One call of Alice's.</summary>
    public Task<string?> CallAsync(string tool, long number, CancellationToken cancellationToken) => Caller.CallAsync(Gateway.ConnectionUrl, Token, tool, number, cancellationToken);

    /// <summary>Calls without a pause, by so many at once, until it is over.</summary>
    public Task LoadAsync(int callers, CancellationToken over) =>
        Task.WhenAll(Enumerable.Range(0, callers).Select(async index =>
        {
            while (!over.IsCancellationRequested)
            {
                await Caller.LoadAsync(Gateway.ConnectionUrl, Token, index % 4 == 3 ? "stream" : "read", over);
                await Task.Delay(20, CancellationToken.None);
            }
        }));

    /// <summary>A write that was agreed to and not used.</summary>
    public Task<long> AgreedAsync(CancellationToken cancellationToken) => Caller.HoldAndApproveAsync(Gateway, Token, cancellationToken);

    /// <summary>Bytes that the process holds at most so far (proc(5), <c>VmHWM</c>); 0 once it is gone.</summary>
    public long PeakMemory()
    {
        try
        {
            var line = File.ReadLines($"/proc/{Gateway.ProcessId}/status").FirstOrDefault(each => each.StartsWith("VmHWM:", StringComparison.Ordinal));
            return line is null ? 0 : 1024 * long.Parse(string.Concat(line.Where(char.IsAsciiDigit)), CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            return 0;
        }
    }

    /// <summary>The fault is over: the gateway works again without anybody's hand (I8), and I1-I7 hold for all that was.</summary>
    public async Task<Recording> JudgeAsync(CancellationToken cancellationToken)
    {
        var patience = Stopwatch.StartNew();
        string? answer;
        while ((answer = await CallAsync("read", Caller.Next(), cancellationToken)) is null || !answer.Contains("is done", StringComparison.Ordinal))
        {
            Assert.True(patience.Elapsed < TimeSpan.FromSeconds(60), $"I8: the gateway does not work again: {answer}; {Gateway.Errors}");
            await Task.Delay(100, cancellationToken);
        }
        var recording = await Recordings.ReadSettledAsync(Gateway.Data, TimeSpan.FromSeconds(15), cancellationToken);
        var evidence = Evidence.Of(recording, Witness, Caller) with { PeakMemory = PeakMemory(), Agreed = [.. Used.Select(number => string.Create(CultureInfo.InvariantCulture, $"write:{number}"))] };
        var complaints = InvariantJudge.Complaints(evidence).Take(5).ToArray();
        Assert.True(complaints.Length == 0, string.Join("; ", complaints));
        return recording;
    }

    public async ValueTask DisposeAsync()
    {
        Caller.Dispose();
        await Gateway.DisposeAsync();
        await Witness.DisposeAsync();
    }
}
