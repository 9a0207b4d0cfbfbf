using System.Diagnostics;
using System.Text;
using Postern.Core.Recording;
using Postern.Gateway.Recordings.Keys;

namespace Postern.Conformance.Gateways;

/// <summary>What a data folder's journal says, read as an auditor reads it: offline, with the public key.</summary>
/// <param name="Problem">Why it does not verify, or null.</param>
/// <param name="Operations">Every operation, in the order of its intents.</param>
/// <param name="Records">Every record.</param>
internal sealed record Recording(string? Problem, IReadOnlyList<RecordedStory> Operations, IReadOnlyList<JournalRecord> Records)
{
    /// <summary>The last signed point; every later reading must contain it.</summary>
    public JournalAnchor? Anchor { get; init; }

    /// <summary>The operations that call a tool.</summary>
    public IEnumerable<RecordedStory> Calls => Operations.Where(operation => operation.Intent.Parts.Any(part => part.Action == "mcp.tools.call"));

    /// <summary>All kept content and every payload, for canaries.</summary>
    public string Everything => string.Join('\n', Records.Select(record => record.Payload + "\n" + Encoding.UTF8.GetString(record.Content.Span)));
}

/// <summary>One operation, as its records tell it.</summary>
/// <param name="Intent">Who, what, why.</param>
/// <param name="Request">The request after masks.</param>
internal sealed record RecordedStory(RecordedIntent Intent, string Request)
{
    /// <summary>Uses of people's agreement; at most one in a sound recording.</summary>
    public List<RecordedClearing> Clearings { get; } = [];

    /// <summary>What came back, as kept.</summary>
    public StringBuilder Replies { get; } = new();

    /// <summary>The same, frame by frame.</summary>
    public List<string> Frames { get; } = [];

    /// <summary>Endings; exactly one in a sound recording.</summary>
    public List<RecordedEnding> Endings { get; } = [];

    /// <summary><c>allow</c>, <c>hold</c> or <c>deny</c>.</summary>
    public string Decision => Intent.Decision.Kind;

    /// <summary>The one ending's outcome.</summary>
    public string Outcome => Endings.Count == 1 ? Capital(Endings[0].Outcome) : $"{Endings.Count} endings";

    /// <summary>Takes the next frame of the reply.</summary>
    public void Add(string frame)
    {
        Frames.Add(frame);
        Replies.Append(frame).Append('\n');
    }

    private static string Capital(string word) => word.Length == 0 ? word : char.ToUpperInvariant(word[0]) + word[1..];
}

/// <summary>Reads recordings.</summary>
internal static class Recordings
{
    /// <summary>
    /// The same, beside a gateway that has nothing to do any more: endings are written some milliseconds after their answers, and the
    /// gateway's own reading of definitions may be under way. What is still open after the patience stays open in what is returned.
    /// </summary>
    public static async Task<Recording> ReadSettledAsync(string data, TimeSpan patience, CancellationToken cancellationToken, JournalAnchor? anchor = null)
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            var recording = Read(data, anchor);
            if (clock.Elapsed > patience || recording.Operations.All(operation => operation.Endings.Count > 0)) return recording;
            await Task.Delay(20, cancellationToken);
        }
    }

    /// <summary>Verifies and reads everything in a data folder, which must contain a signed point of an earlier reading.</summary>
    public static Recording Read(string data, JournalAnchor? anchor = null)
    {
        var folder = Path.Combine(data, "journal");
        var report = JournalVerifier.Verify([folder], File.ReadAllText(Path.Combine(data, JournalKeys.PublicKeyFile)), anchor is null ? [] : [anchor]);
        var problem = report.IsGood ? null : string.Join("; ", report.Problems.Concat(report.Journals.Where(journal => !journal.IsGood).Select(journal => journal.Bad!.ToString())));

        using var keys = RecordedKeys.Open(data);
        var records = new JournalReader(folder, keys).Read(JournalPosition.Begin).ToArray();
        var stories = new Dictionary<string, RecordedStory>(StringComparer.Ordinal);
        var order = new List<RecordedStory>();
        foreach (var record in records)
        {
            switch (record.Payload)
            {
                case RecordedIntent intent:
                    var story = new RecordedStory(intent, Encoding.UTF8.GetString(record.Content.Span));
                    stories.Add(intent.Op, story);
                    order.Add(story);
                    break;
                case RecordedClearing clearing:
                    stories[clearing.Op].Clearings.Add(clearing);
                    break;
                case RecordedFrame { Dir: "reply" } frame:
                    stories[frame.Op].Add(Encoding.UTF8.GetString(record.Content.Span));
                    break;
                case RecordedEnding ending:
                    stories[ending.Op].Endings.Add(ending);
                    break;
            }
        }
        return new Recording(problem, order, records) { Anchor = report.Journals.FirstOrDefault()?.LastCheckpoint };
    }
}
