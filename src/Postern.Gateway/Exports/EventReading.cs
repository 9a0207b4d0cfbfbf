using System.Collections.Immutable;
using Postern.Core.Recording;

namespace Postern.Gateway.Exports;

/// <summary>
/// Makes events from records. Of a decision's inputs nothing is told, and of requests and replies nothing but lengths and digests,
/// unless the sink takes content: what an argument holds stays in the journal.
/// </summary>
internal static class EventReading
{
    private const int LongestKind = 32; // MSGID of RFC 5424, section 6.2.7

    /// <summary>The event of a record, or null when these kinds do not want it.</summary>
    public static ExportEvent? Of(string journal, in JournalRecord record, ExportKinds wanted)
    {
        var about = AboutOf(record.Payload);
        if ((about & wanted) == ExportKinds.None) return null;
        var fields = ImmutableArray.CreateBuilder<EventField>(24);
        var (kind, at, severity) = Fill(record.Payload, fields);
        if (record.Closed is { } closed) fields.Add(new("closed", closed.ToString()));
        return new ExportEvent
        {
            Journal = journal,
            Sequence = record.Sequence,
            At = at,
            Kind = kind,
            About = about,
            Severity = severity,
            Fields = fields.ToImmutable(),
            Content = (wanted & ExportKinds.Content) != ExportKinds.None ? record.Content : default,
        };
    }

    /// <summary>When the record was written, whatever it is about.</summary>
    public static DateTimeOffset TimeOf(RecordedPayload payload) => payload switch
    {
        RecordedHeader header => header.Created,
        RecordedCheckpoint checkpoint => checkpoint.At,
        RecordedIntent intent => intent.At,
        RecordedClearing clearing => clearing.At,
        RecordedFrame frame => frame.At,
        RecordedEnding ending => ending.At,
        RecordedOccurrence occurrence => occurrence.At,
        RecordedDenials denials => denials.To,
        _ => DateTimeOffset.UnixEpoch,
    };

    private static ExportKinds AboutOf(RecordedPayload payload) => payload switch
    {
        RecordedIntent or RecordedEnding or RecordedDenials => ExportKinds.Decisions,
        RecordedClearing => ExportKinds.Holds,
        RecordedHeader or RecordedCheckpoint => ExportKinds.Journal,
        RecordedFrame => ExportKinds.Content,
        RecordedOccurrence { Kind: var kind } => AboutOf(kind),
        _ => ExportKinds.None,
    };

    private static ExportKinds AboutOf(string kind)
    {
        if (kind.StartsWith("hold.", StringComparison.Ordinal) || kind.StartsWith("grant.", StringComparison.Ordinal) || kind.EndsWith(".gave_up", StringComparison.Ordinal)) return ExportKinds.Holds;
        // Refused before policy: a bad token, a malformed request. Whoever counts refusals must see these too.
        if (kind is "auth.refused" or "request.refused" or "cancel.refused" or "reply.dropped" or "session.cancel") return ExportKinds.Decisions;
        // Whatever is new counts as administration: a sink that asks for changes must not miss one.
        return ExportKinds.Administration;
    }

    private static (string Kind, DateTimeOffset At, EventSeverity Severity) Fill(RecordedPayload payload, ImmutableArray<EventField>.Builder fields)
    {
        switch (payload)
        {
            case RecordedIntent intent:
                fields.Add(new("op", intent.Op));
                fields.Add(new("session", intent.Session));
                Who(fields, intent.Identity);
                Optional(fields, "client", intent.Client);
                What(fields, intent.Connection, intent.Parts);
                fields.Add(new("requestBytes", intent.Request.Bytes));
                Optional(fields, "requestSha256", intent.Request.Sha256);
                Optional(fields, "definition", intent.Definition);
                Said(fields, intent.Decision);
                Optional(fields, "parent", intent.Parent);
                Optional(fields, "trace", intent.Trace);
                return ("operation.asked", intent.At, intent.Decision.Kind switch { "allow" => EventSeverity.Information, "hold" => EventSeverity.Notice, _ => EventSeverity.Warning });
            case RecordedClearing clearing:
                fields.Add(new("op", clearing.Op));
                fields.Add(new("hold", clearing.Hold));
                fields.Add(new("continues", clearing.Continues));
                fields.Add(new("approvers", clearing.Approvers));
                fields.Add(new("heldUnder", clearing.HeldUnder));
                Said(fields, clearing.Decision);
                return ("operation.cleared", clearing.At, EventSeverity.Notice);
            case RecordedFrame frame:
                fields.Add(new("op", frame.Op));
                fields.Add(new("direction", frame.Dir));
                fields.Add(new("frame", frame.N));
                fields.Add(new("bytes", frame.Bytes));
                fields.Add(new("masked", frame.Masked));
                Optional(fields, "sha256", frame.Sha256);
                return ("operation.content", frame.At, EventSeverity.Information);
            case RecordedEnding ending:
                fields.Add(new("op", ending.Op));
                fields.Add(new("outcome", ending.Outcome));
                Optional(fields, "code", ending.Code);
                Optional(fields, "detail", ending.Detail);
                Optional(fields, "hold", ending.Hold);
                Flow(fields, "reply", ending.Reply);
                Flow(fields, "input", ending.Input);
                return ("operation.ended", ending.At, ending.Outcome switch { "done" => EventSeverity.Information, "pending" => EventSeverity.Notice, "denied" => EventSeverity.Warning, _ => EventSeverity.Error });
            case RecordedDenials denials:
                fields.Add(new("count", denials.Count));
                fields.Add(new("from", Time(denials.From)));
                Who(fields, denials.Identity);
                What(fields, denials.Connection, denials.Parts);
                Said(fields, denials.Decision);
                return ("operation.denied", denials.To, EventSeverity.Warning);
            case RecordedOccurrence occurrence:
                foreach (var fact in occurrence.Facts) Merge(fields, NameOf(fact.Name), fact.Value);
                return (KindOf(occurrence.Kind), occurrence.At, LoudnessOf(occurrence.Kind));
            case RecordedHeader header:
                fields.Add(new("segment", header.Segment));
                fields.Add(new("signer", header.Signer));
                fields.Add(new("previous", header.Previous));
                return ("journal.segment", header.Created, EventSeverity.Information);
            case RecordedCheckpoint checkpoint:
                fields.Add(new("through", checkpoint.Through));
                fields.Add(new("chain", checkpoint.Chain));
                fields.Add(new("key", checkpoint.Key));
                fields.Add(new("signature", checkpoint.Signature));
                return ("journal.checkpoint", checkpoint.At, EventSeverity.Information);
            default:
                throw new InvalidOperationException($"a record of type `{payload.GetType().Name}` has no event");
        }
    }

    private static void Who(ImmutableArray<EventField>.Builder fields, RecordedIdentity identity)
    {
        fields.Add(new("identity", identity.Key));
        fields.Add(new("identityKind", identity.Kind));
        Optional(fields, "identityName", identity.Name);
        Optional(fields, "agent", identity.Agent);
        if (!identity.Groups.IsDefaultOrEmpty) fields.Add(new("groups", identity.Groups));
    }

    private static void What(ImmutableArray<EventField>.Builder fields, RecordedConnection connection, ImmutableArray<RecordedPart> parts)
    {
        fields.Add(new("connection", connection.Name));
        fields.Add(new("protocol", connection.Protocol));
        fields.Add(new("actions", [.. parts.Select(part => part.Action).Distinct(StringComparer.Ordinal)]));
        var facts = ImmutableArray.CreateBuilder<string>();
        foreach (var part in parts)
        {
            foreach (var fact in part.Facts)
            {
                if (fact.All) facts.Add(fact.Name + "=*");
                foreach (var value in fact.Values) facts.Add($"{fact.Name}={value}");
            }
        }
        if (facts.Count > 0) fields.Add(new("facts", facts.ToImmutable()));
    }

    private static void Said(ImmutableArray<EventField>.Builder fields, RecordedDecision decision)
    {
        fields.Add(new("decision", decision.Kind));
        Optional(fields, "code", decision.Code);
        fields.Add(new("reason", decision.Reason));
        if (!decision.Rules.IsDefaultOrEmpty) fields.Add(new("rules", [.. decision.Rules.Select(rule => rule.Rule)]));
        if (!decision.Reported.IsDefaultOrEmpty) fields.Add(new("reported", [.. decision.Reported.Select(rule => rule.Rule)]));
        if (!decision.Grants.IsDefaultOrEmpty) fields.Add(new("grants", decision.Grants));
        fields.Add(new("policyVersion", decision.Version));
        fields.Add(new("policyHash", decision.Hash));
    }

    private static void Flow(ImmutableArray<EventField>.Builder fields, string name, RecordedFlow? flow)
    {
        if (flow is null) return;
        fields.Add(new(name + "Bytes", flow.Bytes));
        fields.Add(new(name + "Masked", flow.Masked));
        Optional(fields, name + "Sha256", flow.Sha256);
    }

    /// <summary>A name stands once, with all of its values.</summary>
    private static void Merge(ImmutableArray<EventField>.Builder fields, string name, string value)
    {
        for (var i = 0; i < fields.Count; i++)
        {
            if (!string.Equals(fields[i].Name, name, StringComparison.Ordinal)) continue;
            fields[i] = new(name, fields[i].Text is { } first ? [first, value] : fields[i].Texts.Add(value));
            return;
        }
        fields.Add(new(name, value));
    }

    private static void Optional(ImmutableArray<EventField>.Builder fields, string name, string? value)
    {
        if (value is not null) fields.Add(new(name, value));
    }

    /// <summary>A fact's name as a field's: receivers, and SD-NAMEs of RFC 5424, take letters, digits and a few marks, at most 32.</summary>
    private static string NameOf(string fact)
    {
        Span<char> name = stackalloc char[Math.Min(fact.Length, LongestKind)];
        for (var i = 0; i < name.Length; i++) name[i] = char.IsAsciiLetterOrDigit(fact[i]) || fact[i] is '.' or '_' or '-' ? fact[i] : '_';
        return name.Length == 0 ? "_" : name.ToString();
    }

    private static string KindOf(string kind) => NameOf(kind);

    private static EventSeverity LoudnessOf(string kind) => kind switch
    {
        "journal.recovered" or "store.conflict" => EventSeverity.Error,
        "journal.opened" or "journal.closed" or "target.started" or "target.ended" => EventSeverity.Information,
        _ when kind.EndsWith("refused", StringComparison.Ordinal) || kind.EndsWith("rejected", StringComparison.Ordinal) || kind.EndsWith("gave_up", StringComparison.Ordinal) || kind is "grant.break_glass" or "export.behind" or "store.behind" => EventSeverity.Warning,
        _ => EventSeverity.Notice,
    };

    private static string Time(DateTimeOffset at) => at.UtcDateTime.ToString("O", System.Globalization.CultureInfo.InvariantCulture);
}
