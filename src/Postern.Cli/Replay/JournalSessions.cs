using Postern.Core.Operations;
using Postern.Core.Recording;

namespace Postern.Cli.Replay;

/// <summary>Reads sessions straight from a journal folder, without a gateway.</summary>
internal sealed class JournalSessions
{
    private readonly List<ReplayStep> _steps = [];
    private readonly Func<RecordedOperation, ReplayToday?>? _today;
    private readonly string? _only;

    private JournalSessions(Func<RecordedOperation, ReplayToday?>? today, string? only) => (_today, _only) = (today, only);

    /// <summary>Every operation, in the order of the record.</summary>
    public IReadOnlyList<ReplayStep> Steps => _steps;

    /// <summary>Reads a journal folder, or the journal of a data folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="keys">Opens what is sealed; null to read what is said of it alone.</param>
    /// <param name="today">What a policy says of an operation today; null for nothing.</param>
    /// <param name="only">The session that it is asked about; null for all.</param>
    /// <exception cref="CommandException">There is no journal, or it cannot be read.</exception>
    public static JournalSessions Read(string folder, IDataKeys? keys = null, Func<RecordedOperation, ReplayToday?>? today = null, string? only = null)
    {
        var journal = FolderOf(folder);
        var sessions = new JournalSessions(today, only);
        try
        {
            var reader = new JournalReader(journal, keys);
            if (reader.ReadJournalId() is null) throw new CommandException(ExitCode.NotFound, $"`{folder}` holds no journal; expected a folder with files like `journal-000001.pjl`");
            sessions.Take(reader.Read(JournalPosition.Begin));
        }
        catch (RecordingException e)
        {
            throw new CommandException(ExitCode.Failure, e.Message);
        }
        return sessions;
    }

    /// <summary>A journal folder, or the journal of a data folder.</summary>
    public static string FolderOf(string folder) => Directory.Exists(Path.Combine(folder, "journal")) ? Path.Combine(folder, "journal") : folder;

    private void Take(IEnumerable<JournalRecord> records)
    {
        // One pass: operations overlap in the record, so each is put together where its records turn up.
        var open = new Dictionary<string, (int Place, List<JournalRecord> Records)>(StringComparer.Ordinal);
        foreach (var record in records)
        {
            var operation = record.Payload switch
            {
                RecordedIntent intent => intent.Op,
                RecordedClearing clearing => clearing.Op,
                RecordedFrame frame => frame.Op,
                RecordedEnding ending => ending.Op,
                _ => null,
            };
            if (operation is null) continue;
            if (record.Payload is RecordedIntent)
            {
                open[operation] = (_steps.Count, []);
                _steps.Add(null!);
            }
            if (!open.TryGetValue(operation, out var entry)) continue;
            entry.Records.Add(record);
            if (record.Payload is not RecordedEnding) continue;
            _steps[entry.Place] = StepOf(operation, entry.Records);
            open.Remove(operation);
        }
        foreach (var (operation, (place, unfinished)) in open) _steps[place] = StepOf(operation, unfinished);
    }

    private ReplayStep StepOf(string operation, List<JournalRecord> records)
    {
        _ = OperationId.TryParse(operation, out var id);
        var recorded = RecordedOperation.Assemble(id, records)!;
        var step = StepOf(recorded);
        return _today is null || (_only is not null && step.Session != _only) ? step : step with { Today = _today(recorded) };
    }

    /// <summary>The step that one recorded operation makes.</summary>
    internal static ReplayStep StepOf(RecordedOperation recorded)
    {
        var (intent, clearing, ending) = (recorded.Intent, recorded.Clearing, recorded.Ending);
        // What was carried out was decided again when the approval was used; the second decision is the one that counted.
        var decision = clearing?.Decision ?? intent.Decision;
        return new ReplayStep
        {
            Operation = intent.Op,
            Session = intent.Session,
            At = intent.At,
            Actor = new ReplayActor(intent.Identity.Key, intent.Identity.Kind, intent.Identity.Name, intent.Identity.Agent, intent.Client, intent.Identity.Groups),
            Connection = intent.Connection.Name,
            Protocol = intent.Connection.Protocol,
            Asked = [.. intent.Parts.Select(Asked)],
            Decision = new ReplayDecision(decision.Kind, [.. decision.Rules.Select(rule => new ReplayRule($"{rule.Rule}@{decision.Version}", rule.Effect))], decision.Code, decision.Reason, decision.Version),
            Approval = clearing is null ? null : new ReplayApproval(clearing.Hold, clearing.Continues, clearing.Approvers, clearing.At),
            Request = new ReplayContent("request", intent.Request.Bytes, MaskedValues: null, recorded.Request, recorded.Closed?.ToString()),
            Frames = [.. recorded.Frames.Select(content => new ReplayContent(content.Frame.Dir, content.Frame.Bytes, content.Frame.Masked, content.Content, content.NotKept))],
            Ending = ending is null ? null : new ReplayEnding(ending.Outcome, ending.Code, ending.Detail, ending.Hold, ending.At),
        };
    }

    private static string Asked(RecordedPart part)
    {
        var touched = part.Facts.SelectMany(fact => fact.All ? ["(everything)"] : fact.Values);
        return string.Join(' ', touched.Prepend(part.Action));
    }
}
