using System.Globalization;
using System.Text;
using Postern.Cli.Console;
using Postern.Core.Recording;

namespace Postern.Cli.Replay;

/// <summary>Which steps are shown, and when: from one on, those that hold a text, one at a time, or at the pace at which they happened.</summary>
/// <param name="From">The first step's number.</param>
/// <param name="Find">Only steps that hold this text, whatever its capitals; null for all.</param>
/// <param name="IsByHand">True: the next step is shown when a line is typed.</param>
/// <param name="Speed">So many times as fast as it happened, and never more than two seconds between steps; null for at once.</param>
internal sealed record ReplayPace(int From, string? Find, bool IsByHand, double? Speed);

/// <summary>Plays a session to a person. Nothing is asked of a target: what is shown was read before it begins (G18).</summary>
internal sealed class ReplayPlayer(Surroundings surroundings, ReplayText text, ReplayPace pace)
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    /// <summary>Plays it to its end, or until the person has seen enough.</summary>
    public async Task PlayAsync(IReadOnlyList<ReplayStep> steps, CancellationToken cancellationToken)
    {
        text.WriteHead(steps);
        DateTimeOffset? before = null;
        for (var at = Math.Max(0, pace.From - 1); at < steps.Count; at++)
        {
            var step = steps[at];
            if (pace.Find is { } find && !Holds(step, find)) continue;
            if (pace.Speed is { } speed && before is { } last) await PauseAsync((step.At - last) / speed, cancellationToken);
            text.WriteStep(at + 1, step, steps[0].Actor);
            before = step.At;
            if (!pace.IsByHand || at + 1 >= steps.Count) continue;
            surroundings.Error.Write($"step {at + 1} of {steps.Count}; Enter goes on, a number jumps there, q ends: ");
            if (await surroundings.In.ReadLineAsync(cancellationToken) is not { } typed || typed.Trim() is "q") return;
            if (int.TryParse(typed, NumberStyles.None, CultureInfo.InvariantCulture, out var jump) && jump >= 1 && jump <= steps.Count) at = jump - 2;
        }
    }

    private async Task PauseAsync(TimeSpan gap, CancellationToken cancellationToken)
    {
        if (gap <= TimeSpan.Zero) return;
        using var timer = new PeriodicTimer(gap < LongestPause ? gap : LongestPause, surroundings.Clock);
        await timer.WaitForNextTickAsync(cancellationToken);
    }

    private static bool Holds(ReplayStep step, string find)
    {
        var held = new StringBuilder().AppendJoin('\n', step.Asked).Append('\n').Append(step.Actor.Key).Append('\n').Append(step.Operation).Append('\n').Append(step.Decision.Kind).Append('\n').Append(step.Decision.Reason)
            .Append('\n').Append(step.Today is { Version: not null } today ? today.Line : null).Append('\n').Append(step.Ending?.Outcome).Append('\n').AppendJoin('\n', step.Decision.Rules.Select(rule => rule.Label)).Append('\n').Append(VisibleText.OfLines(step.Request.Kept.Span));
        foreach (var frame in step.Frames) held.Append('\n').Append(VisibleText.OfLines(frame.Kept.Span));
        return held.ToString().Contains(find, StringComparison.OrdinalIgnoreCase);
    }
}
