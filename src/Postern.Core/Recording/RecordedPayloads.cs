using System.Collections.Immutable;
using System.Text.Json.Serialization;

namespace Postern.Core.Recording;

/// <summary>What one record says: the JSON half of its payload. One type per <see cref="RecordType"/>; members as in docs/journal-format.md.</summary>
public abstract record RecordedPayload;

/// <summary>A payload that its reader did not ask for. It never stands in a journal.</summary>
public sealed record RecordedUnread : RecordedPayload
{
    /// <summary>The only one.</summary>
    public static readonly RecordedUnread Instance = new();

    private RecordedUnread()
    {
    }
}

/// <summary>Opens a segment and ties it to the one before.</summary>
/// <param name="Journal">The journal's random id, 128 bits in hex.</param>
/// <param name="Segment">The segment's number, from 1; also in its file name.</param>
/// <param name="First">The header's own sequence.</param>
/// <param name="Codec">How payloads are written.</param>
/// <param name="DataKey"><c>session</c> where whoever opened the segment seals content with a key of its session, <c>none</c> where not.</param>
/// <param name="Signer">Which key signs checkpoints, as SHA-256 of its public half.</param>
/// <param name="Created">When.</param>
/// <param name="Previous">Chain value after the last record of the segment before; 64 zeros for the first.</param>
/// <param name="OldestOpen">Sequence of the oldest intent without an ending at that point, or null; a start reads no further back.</param>
public sealed record RecordedHeader(
    string Journal, int Segment, long First, string Codec, string DataKey, string Signer, DateTimeOffset Created, string Previous, long? OldestOpen) : RecordedPayload;

/// <summary>A signature over everything so far.</summary>
/// <param name="Journal">The journal's id.</param>
/// <param name="Through">The last sequence it covers, which is the one before its own.</param>
/// <param name="Chain">Chain value after that record.</param>
/// <param name="At">When.</param>
/// <param name="Key">Which key signed.</param>
/// <param name="Signature">Base64 of the signature over <see cref="CheckpointText"/>.</param>
public sealed record RecordedCheckpoint(string Journal, long Through, string Chain, DateTimeOffset At, string Key, string Signature) : RecordedPayload;

/// <summary>Who asked.</summary>
public sealed record RecordedIdentity(string Issuer, string Subject, string Kind, string? Agent, ImmutableArray<string> Groups, string? Name)
{
    /// <summary>Groups that the gateway itself vouched for; default for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public ImmutableArray<string> OwnGroups { get; init; }

    /// <summary><c>issuer:subject</c>.</summary>
    [JsonIgnore]
    public string Key => $"{Issuer}:{Subject}";
}

/// <summary>The connection as it was configured at that time.</summary>
public sealed record RecordedConnection(string Name, string Protocol, string Target, ImmutableArray<string> Tags);

/// <summary>One fact: values, or everything.</summary>
/// <param name="Name">Its name in the vocabulary.</param>
/// <param name="Values">The values.</param>
/// <param name="All">True for everything.</param>
/// <param name="Beside">What the values are a part of; absent when there is nothing.</param>
public sealed record RecordedFact(string Name, ImmutableArray<string> Values, bool All, ImmutableArray<string> Beside = default)
{
    /// <summary>What the values are a part of, or another name of; empty when the record has nothing.</summary>
    public ImmutableArray<string> Beside { get; init; } = Beside.IsDefault ? [] : Beside;
}

/// <summary>One part of an operation. Its facts are empty where they are sealed and cannot be opened.</summary>
public sealed record RecordedPart(string Action, ImmutableArray<RecordedFact> Facts);

/// <summary>A rule that took part; effect in lower case.</summary>
public sealed record RecordedRule(string Rule, string Effect);

/// <summary>What policy said.</summary>
/// <param name="Kind"><c>allow</c>, <c>hold</c> or <c>deny</c>.</param>
/// <param name="Code">With a deny: the refusal code.</param>
/// <param name="Reason">Why.</param>
/// <param name="Version">The policy version's number.</param>
/// <param name="Hash">The policy version's digest in hex.</param>
/// <param name="Rules">Matching rules, the deciding one first.</param>
/// <param name="Reported">Rules in report mode that matched.</param>
/// <param name="Grants">Grants that it counted on; absent when there were none.</param>
public sealed record RecordedDecision(string Kind, string? Code, string Reason, int Version, string Hash, ImmutableArray<RecordedRule> Rules, ImmutableArray<RecordedRule> Reported, ImmutableArray<string> Grants = default)
{
    /// <summary>Grants that it counted on; empty when there were none, which the record leaves out.</summary>
    public ImmutableArray<string> Grants { get; init; } = Grants.IsDefault ? [] : Grants;

    /// <summary>The deciding rule with its version, or null when none decided.</summary>
    [JsonIgnore]
    public string? RuleLabel => Rules.IsDefaultOrEmpty ? null : $"{Rules[0].Rule}@{Version}";
}

/// <summary>The opening request; its masked form is the record's content, whole.</summary>
/// <param name="Bytes">Length before masks.</param>
/// <param name="Sha256">Digest before masks, in hex; null where it is sealed and cannot be opened.</param>
public sealed record RecordedRequest(int Bytes, string? Sha256);

/// <summary>An operation before anything of it was forwarded.</summary>
public sealed record RecordedIntent(
    string Op, string Session, DateTimeOffset At, RecordedIdentity Identity, string? Client, RecordedConnection Connection,
    ImmutableArray<RecordedPart> Parts, RecordedRequest Request, string? Definition, RecordedDecision Decision, string? Parent, RecordedBasis? Basis = null, string? Trace = null) : RecordedPayload;

/// <summary>What else the decision read. Null in journals from before it was kept, and where a reader leaves it out.</summary>
/// <param name="Implied">Places of the parts that need no rule of their own.</param>
/// <param name="Inputs">The variables that conditions could read, in the order of the parts.</param>
/// <param name="Quarantined">The definition had changed, or appeared, since it was accepted.</param>
/// <param name="Masks">Whether the protocol was asked if masks can read the reply: <c>asked</c>, <c>objected</c> when it said no, null when it was not.</param>
public sealed record RecordedBasis(ImmutableArray<int> Implied, ImmutableArray<RecordedInput> Inputs, bool Quarantined, string? Masks);

/// <summary>One variable of one part. Without a place, a text or <c>unknown</c> it was not kept: a mask had a hand in the request.</summary>
/// <param name="Part">The part's place.</param>
/// <param name="Name">The variable.</param>
/// <param name="From">Where its JSON begins in the record's content.</param>
/// <param name="Bytes">How long it is there.</param>
/// <param name="Json">Its JSON, when it stands nowhere in the content.</param>
/// <param name="Unknown">True when it was not known to the decision either.</param>
public sealed record RecordedInput(int Part, string Name, int? From = null, int? Bytes = null, string? Json = null, bool Unknown = false);

/// <summary>People's agreement was used for an operation.</summary>
public sealed record RecordedClearing(
    string Op, DateTimeOffset At, string Hold, string Continues, ImmutableArray<string> Approvers, RecordedDecision Decision, int HeldUnder) : RecordedPayload;

/// <summary>Content that went either way; what is kept of it is the record's content.</summary>
/// <param name="Op">The operation.</param>
/// <param name="At">When.</param>
/// <param name="Dir"><c>reply</c> or <c>input</c>.</param>
/// <param name="N">Counts the frames of this direction from 1.</param>
/// <param name="Bytes">Length in masked form, kept or not.</param>
/// <param name="Masked">Values replaced in it.</param>
/// <param name="Sha256">When not all is kept: digest over the frame's masked bytes.</param>
public sealed record RecordedFrame(string Op, DateTimeOffset At, string Dir, long N, long Bytes, int Masked, string? Sha256) : RecordedPayload;

/// <summary>One direction of an operation, in sum.</summary>
/// <param name="Frames">How many.</param>
/// <param name="Bytes">Masked bytes, kept or not.</param>
/// <param name="Kept">Of them, kept.</param>
/// <param name="Masked">Values replaced.</param>
/// <param name="Sha256">The running digest over all frames: the first frame's SHA-256, then SHA-256 over the value before and the next frame's digest. Null where it is sealed and cannot be opened.</param>
public sealed record RecordedFlow(long Frames, long Bytes, long Kept, long Masked, string? Sha256);

/// <summary>How an operation ended.</summary>
public sealed record RecordedEnding(
    string Op, DateTimeOffset At, string Outcome, string? Code, string? Detail, string? Hold, RecordedFlow? Reply, RecordedFlow? Input) : RecordedPayload;

/// <summary>A name and a value.</summary>
public sealed record RecordedPair(string Name, string Value);

/// <summary>Something outside an operation.</summary>
public sealed record RecordedOccurrence(string Kind, DateTimeOffset At, ImmutableArray<RecordedPair> Facts) : RecordedPayload;

/// <summary>Identical denials beyond the first ten of a second, which have accounts of their own.</summary>
/// <param name="From">The second's first denial.</param>
/// <param name="To">The last one counted.</param>
/// <param name="Count">How many were counted here.</param>
/// <param name="Identity">Who asked.</param>
/// <param name="Connection">For which connection.</param>
/// <param name="Parts">For what.</param>
/// <param name="Decision">The decision of the last one.</param>
public sealed record RecordedDenials(
    DateTimeOffset From, DateTimeOffset To, long Count, RecordedIdentity Identity, RecordedConnection Connection, ImmutableArray<RecordedPart> Parts, RecordedDecision Decision) : RecordedPayload;
