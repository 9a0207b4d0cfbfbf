using System.Collections.Immutable;

namespace Postern.Gateway.Health;

/// <summary>One thing that must be well for the gateway to take work. The answer is null, or what is wrong without any value.</summary>
internal sealed record ReadinessCheck(string Name, Func<CancellationToken, ValueTask<string?>> Ask)
{
    /// <summary>True when the gateway still serves while this is wrong (an older policy stays in force, say).</summary>
    public bool IsWarning { get; init; }
}

/// <summary>Answers whether the gateway can take work, and what keeps it from it.</summary>
internal sealed class Readiness(ImmutableArray<ReadinessCheck> checks)
{
    private volatile bool _stopping;

    /// <summary>From now on not ready: the load balancer should look elsewhere while work in flight ends.</summary>
    public void Stop() => _stopping = true;

    public async ValueTask<ReadinessReport> AskAsync(CancellationToken cancellationToken)
    {
        var complaints = ImmutableArray.CreateBuilder<KeyValuePair<string, string>>();
        var isReady = !_stopping;
        if (_stopping) complaints.Add(new("gateway", "stopping"));
        foreach (var check in checks)
        {
            if (await check.Ask(cancellationToken).ConfigureAwait(false) is not { } complaint) continue;
            complaints.Add(new(check.Name, complaint));
            isReady &= check.IsWarning;
        }
        return new ReadinessReport(isReady, complaints.DrainToImmutable());
    }
}

/// <summary>What readiness found.</summary>
internal sealed record ReadinessReport(bool IsReady, ImmutableArray<KeyValuePair<string, string>> Complaints);
