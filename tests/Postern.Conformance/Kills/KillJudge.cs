using System.Text.RegularExpressions;
using Postern.Conformance.Gateways;

namespace Postern.Conformance.Kills;

/// <summary>Holds a recording, read while nothing is in flight, against what the target saw and what callers received.</summary>
internal static partial class KillJudge
{
    /// <summary>Everything that breaks a promise; empty when all hold.</summary>
    /// <param name="recording">What the gateway wrote down.</param>
    /// <param name="seen">How often the target saw each call: <c>read:17</c>.</param>
    /// <param name="answers">What callers received whole, by the same keys.</param>
    public static IEnumerable<string> Complaints(Recording recording, IReadOnlyDictionary<string, int> seen, IReadOnlyDictionary<string, string> answers) =>
        Complaints(recording, recording.Calls.ToLookup(story => KeyOf(story.Request), StringComparer.Ordinal), seen, answers.ToDictionary(each => each.Key, each => DoneSentence().Match(each.Value).Value, StringComparer.Ordinal));

    /// <summary>The same for any protocol.</summary>
    /// <param name="recording">What the gateway wrote down.</param>
    /// <param name="byRequest">Its operations, by the keys of what they ask.</param>
    /// <param name="seen">How often the target did each.</param>
    /// <param name="answers">A sentence of what callers received for each.</param>
    public static IEnumerable<string> Complaints(Recording recording, ILookup<string, RecordedStory> byRequest, IReadOnlyDictionary<string, int> seen, IReadOnlyDictionary<string, string> answers)
    {
        if (recording.Problem is { } problem) yield return $"the recording does not verify: {problem}";
        foreach (var (key, count) in seen)
        {
            // G1: what the target saw has an intent that was permitted. G7: nothing ran more often than it was asked or approved.
            if (!byRequest[key].Any(story => story.Decision == "allow" || story.Clearings.Count == 1)) yield return $"the target saw {key}, of which the record knows nothing";
            if (count != 1) yield return $"{key} ran {count} times";
        }
        foreach (var story in recording.Operations)
        {
            // G3: nothing is in flight, so every intent has its one ending.
            if (story.Endings.Count != 1) yield return $"{story.Intent.Op} has {story.Endings.Count} endings";
            if (story.Clearings.Count > 1) yield return $"{story.Intent.Op} was cleared {story.Clearings.Count} times";
        }
        foreach (var uses in recording.Operations.SelectMany(story => story.Clearings).GroupBy(clearing => clearing.Hold, StringComparer.Ordinal))
        {
            if (uses.Count() > 1) yield return $"hold {uses.Key} was used {uses.Count()} times";
        }
        foreach (var (key, sentence) in answers)
        {
            // G2: what a caller received stands in the record.
            if (sentence.Length == 0 || !byRequest[key].Any(story => story.Replies.ToString().Contains(sentence, StringComparison.Ordinal))) yield return $"the caller of {key} received what the record does not hold";
        }
    }

    private static string KeyOf(string request)
    {
        var match = RequestWords().Match(request);
        return $"{match.Groups["tool"].Value}:{match.Groups["n"].Value}";
    }

    [GeneratedRegex(@"(read|write) \d+ is done", RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex DoneSentence();

    [GeneratedRegex(@"""name"":""(?<tool>read|write)"",""arguments"":\{""n"":(?<n>\d+) ?\}", RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex RequestWords();
}
