using System.Text.RegularExpressions;
using Postern.Conformance.Gateways;

namespace Postern.Conformance.Faults;

/// <summary>Everything that is known of a run, from outside the gateway: read while nothing is in flight.</summary>
/// <param name="Recording">What the gateway wrote down, read offline.</param>
/// <param name="Seen">How often the target saw each call: <c>read:17</c>.</param>
/// <param name="ByRequest">The operations of the recording, by the same keys.</param>
internal sealed record Evidence(Recording Recording, IReadOnlyDictionary<string, int> Seen, ILookup<string, RecordedStory> ByRequest)
{
    /// <summary>A sentence of what callers received for each key, where a protocol's bytes cannot be laid beside the record's.</summary>
    public IReadOnlyDictionary<string, string> Sentences { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Every byte that callers received.</summary>
    public IReadOnlyCollection<Capture> Captures { get; init; } = [];

    /// <summary>What may be seen by nobody.</summary>
    public string? Canary { get; init; }

    /// <summary>The most memory that the gateway ever held, in bytes; 0 when nobody looked.</summary>
    public long PeakMemory { get; init; }

    /// <summary>What of the calls that people agreed to must have been used by now.</summary>
    public IReadOnlyCollection<string> Agreed { get; init; } = [];

    /// <summary>What stands in an MCP recording, a witness's memory and a caller's captures.</summary>
    public static Evidence Of(Recording recording, WitnessServer witness, Caller caller) =>
        new(recording, witness.Seen, recording.Calls.ToLookup(story => InvariantJudge.KeyOf(story.Request), StringComparer.Ordinal)) { Captures = caller.Captures, Canary = WitnessServer.Canary };
}

/// <summary>The one oracle of kills and faults: holds what is known from outside against the recording. I1-I8 are those of the fault catalogue.</summary>
internal static partial class InvariantJudge
{
    /// <summary>A gateway of the tests needs about 200 MB; what goes beyond this grows with what it carries.</summary>
    public const long MostMemory = 600L * 1024 * 1024;

    /// <summary>Everything that breaks a promise; empty when all hold.</summary>
    public static IEnumerable<string> Complaints(Evidence evidence)
    {
        var (recording, seen, byRequest) = (evidence.Recording, evidence.Seen, evidence.ByRequest);
        if (recording.Problem is { } problem) yield return $"I5: the recording does not verify: {problem}";
        foreach (var (key, count) in seen)
        {
            // G1: what the target saw has an intent that was permitted. G7: nothing ran more often than it was asked or approved.
            if (!byRequest[key].Any(story => story.Decision == "allow" || story.Clearings.Count == 1)) yield return $"I1: the target saw {key}, of which the record knows nothing";
            if (count != 1) yield return $"I4: {key} ran {count} times";
        }
        foreach (var story in recording.Operations)
        {
            // G3: nothing is in flight, so every intent has its one ending.
            if (story.Endings.Count != 1) yield return $"I3: {story.Intent.Op} has {story.Endings.Count} endings";
            if (story.Clearings.Count > 1) yield return $"I4: {story.Intent.Op} was cleared {story.Clearings.Count} times";
            if (evidence.Canary is { } canary && (story.Request.Contains(canary, StringComparison.Ordinal) || story.Replies.ToString().Contains(canary, StringComparison.Ordinal))) yield return $"I6: the record of {story.Intent.Op} holds what is masked";
        }
        foreach (var uses in recording.Operations.SelectMany(story => story.Clearings).GroupBy(clearing => clearing.Hold, StringComparer.Ordinal))
        {
            if (uses.Count() > 1) yield return $"I4: hold {uses.Key} was used {uses.Count()} times";
        }
        foreach (var key in evidence.Agreed)
        {
            // An agreement that its giver was told of is not lost: it is used, whatever became of what used it. A kill between the store's
            // compare-and-set and the clearing's record uses it up for nothing, never the other way round; the operation then ends as unknown.
            if (!byRequest[key].Any(story => story.Clearings.Count == 1 || story.Outcome == "Unknown")) yield return $"I4: {key} was agreed to, asked for again, and its agreement is gone";
        }
        foreach (var (key, sentence) in evidence.Sentences)
        {
            // G2: what a caller received stands in the record.
            if (sentence.Length == 0 || !byRequest[key].Any(story => story.Replies.ToString().Contains(sentence, StringComparison.Ordinal))) yield return $"I2: the caller of {key} received what the record does not hold";
        }
        foreach (var capture in evidence.Captures)
        {
            if (evidence.Canary is { } canary && capture.Text.Contains(canary, StringComparison.Ordinal)) yield return $"I6: the caller of {capture.Key} received what is masked";
            if (ComplaintOf(capture, byRequest[capture.Key]) is { } complaint) yield return complaint;
        }
        if (evidence.PeakMemory > MostMemory) yield return $"I7: the gateway held {evidence.PeakMemory / (1024 * 1024)} MB";
    }

    /// <summary>Which call a request is: <c>read:17</c>.</summary>
    public static string KeyOf(string request)
    {
        var match = RequestWords().Match(request);
        return $"{match.Groups["tool"].Value}:{match.Groups["n"].Value}";
    }

    /// <summary>G2: what bears the target's mark was written down before, byte for byte and in order, and is the answer to this call and no other.</summary>
    private static string? ComplaintOf(Capture capture, IEnumerable<RecordedStory> stories)
    {
        var text = capture.Text;
        var marks = TargetsMark().Matches(text);
        if (marks.Count == 0) return null;
        var own = capture.Key.Replace(':', ' ');
        foreach (Match mark in marks)
        {
            if (mark.Groups["done"] is { Success: true } done && done.Value != own) return $"I2: the caller of {capture.Key} received the answer to `{done.Value}`";
        }
        var pieces = capture.IsStream ? Data().Matches(text).Select(line => line.Groups["data"].Value).ToArray() : [text];
        // Behind the last of the target's, the gateway may say in its own words how it ended.
        while (capture.IsStream && pieces.Length > 0 && !TargetsMark().IsMatch(pieces[^1])) pieces = pieces[..^1];
        // The last piece of what broke off may be the beginning of a frame; all before it are whole.
        return stories.Any(story => Covers(story.Frames, pieces, capture.IsWhole)) ? null : $"I2: the caller of {capture.Key} received what the record does not hold";
    }

    private static bool Covers(List<string> frames, string[] pieces, bool isWhole)
    {
        if (pieces.Length > frames.Count) return false;
        for (var index = 0; index < pieces.Length; index++)
        {
            var mayBreakOff = !isWhole && index == pieces.Length - 1;
            if (mayBreakOff ? !frames[index].StartsWith(pieces[index], StringComparison.Ordinal) : frames[index] != pieces[index]) return false;
        }
        return true;
    }

    [GeneratedRegex(@"(?<done>(read|write|stream|flood) \d+) is done|step \d+, card", RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex TargetsMark();

    [GeneratedRegex(@"^data: (?<data>[^\n]+)", RegexOptions.ExplicitCapture | RegexOptions.Multiline | RegexOptions.NonBacktracking)]
    private static partial Regex Data();

    [GeneratedRegex(@"""name"":""(?<tool>read|write|stream|flood)"",""arguments"":\{""n"":(?<n>\d+) ?\}", RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex RequestWords();
}
