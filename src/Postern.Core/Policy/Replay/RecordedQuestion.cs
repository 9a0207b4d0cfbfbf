using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Postern.Core.Grants;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Core.Recording;

namespace Postern.Core.Policy.Replay;

/// <summary>Why a recorded operation cannot be decided again as it was. Such operations are counted, never guessed.</summary>
public static class Unfaithful
{
    /// <summary>The journal is from before what decisions read was kept.</summary>
    public const string Before = "recorded before what decisions read was kept";

    /// <summary>What was said in it was erased, or is sealed with a key that is not here.</summary>
    public const string Sealed = "erased, or sealed with a key that is not here";

    /// <summary>A condition reads arguments that a mask kept out of the record.</summary>
    public const string Masked = "a condition reads masked arguments";

    /// <summary>A condition reads claims of the token, which no record keeps.</summary>
    public const string Claims = "a condition reads the token's claims";

    /// <summary>Whether masks could read the reply was judged by the protocol, and the masks are others now.</summary>
    public const string Masks = "whether the masks can read the reply is only known when it comes";

    /// <summary>Of many identical denials in a second only the first ten are recorded; the rest are counted.</summary>
    public const string Counted = "denials that were only counted";

    /// <summary>Something else than a rule of the version gave it, such as a grant.</summary>
    public const string OtherRight = "permitted by something else than a rule";

    /// <summary>Why a record does not say what its decision read.</summary>
    internal static string OfNoBasis(RecordedIntent intent) => intent.Request.Sha256 is null ? Sealed : Before;
}

/// <summary>A recorded operation as the question that it was.</summary>
/// <param name="Identity">Who asked; without the claims.</param>
/// <param name="Operation">What for.</param>
/// <param name="Intent">The record.</param>
/// <param name="LacksInputs">True when variables of it were not kept.</param>
internal sealed record RecordedQuestion(Identity Identity, Operation Operation, RecordedIntent Intent, bool LacksInputs)
{
    /// <summary>Decides it under a version; null with the reason when that would be a guess.</summary>
    public Decision? Decide(PolicySet set, out string? unfaithful) => Decide(set, [], out unfaithful);

    /// <summary>The same where what became of grants is known.</summary>
    /// <param name="set">The version.</param>
    /// <param name="known">Grants; those of the record that are among them count as they did.</param>
    /// <param name="unfaithful">Why it would be a guess; null when it is none.</param>
    public Decision? Decide(PolicySet set, ImmutableArray<Grant> known, out string? unfaithful)
    {
        unfaithful = null;
        if (Intent.Basis is not { } basis)
        {
            unfaithful = Unfaithful.OfNoBasis(Intent);
            return null;
        }
        if (!Intent.Decision.Grants.All(id => known.Any(grant => grant.Id == id)))
        {
            unfaithful = Unfaithful.OtherRight;
            return null;
        }
        var decision = set.DecideAgain(Identity, Operation, Intent.At, out var isOpen, GrantsOf(known));
        if (isOpen && LacksInputs) unfaithful = Unfaithful.Masked;
        else if (isOpen && set.ReadsClaims) unfaithful = Unfaithful.Claims;
        else if (basis.Masks is not null && decision is not Policy.Decision.Deny { IsObjection: false } && Intent.Decision.Hash != set.Version.Hash.ToString() && !set.MasksFor(Identity, Operation).Caller.IsEmpty) unfaithful = Unfaithful.Masks;
        return unfaithful is null ? decision : null;
    }

    /// <summary>Those of the record, as they counted then: a grant that is over by now was not when it was used.</summary>
    public ActiveGrants GrantsOf(ImmutableArray<Grant> known) => Intent.Decision.Grants.IsEmpty ? ActiveGrants.None : new ActiveGrants(
        [.. known.Where(grant => Intent.Decision.Grants.Contains(grant.Id)).Select(grant => new LiveGrant(grant.Id, grant.Entry, grant.ScopeDigest(), Identity.Agent, DateTimeOffset.MaxValue, long.MaxValue))],
        Identity.Agent, timestamp: 0);
}

/// <summary>
/// Turns records into questions. Who asks, over which connection and for what is the same again and again; the reader gives the same
/// object for the same bytes, and so does this. One reading at a time.
/// </summary>
internal sealed class RecordedQuestions
{
    private const int MaxKept = 4_096;

    private static readonly Func<Operation, Digest> NoDigest = static _ => default;

    private readonly Dictionary<RecordedIdentity, Identity> _identities = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<RecordedConnection, Connection> _connections = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<RecordedPart[], ImmutableArray<ImmutableArray<Fact>>> _facts = new(ReferenceEqualityComparer.Instance);

    /// <summary>The question that a record stands for.</summary>
    /// <param name="intent">The record.</param>
    /// <param name="content">Its content; variables are stretches of it.</param>
    public RecordedQuestion Of(RecordedIntent intent, ReadOnlyMemory<byte> content)
    {
        var lacks = false;
        var parts = Parts(intent, content, ref lacks);
        _ = OperationId.TryParse(intent.Op, out var id);
        Digest? definition = intent.Definition is { } hash && Digest.TryParse(hash, out var digest) ? digest : null;
        var operation = new Operation
        {
            Id = id,
            Connection = Kept(_connections, intent.Connection, static recorded => new Connection(recorded.Name, recorded.Protocol, recorded.Target, recorded.Tags)),
            Parts = parts,
            Request = content,
            RequestShape = FrameShape.Text,
            DigestOf = NoDigest,
            Definition = definition,
            IsQuarantined = intent.Basis?.Quarantined ?? false,
            ObjectionTo = intent.Basis?.Masks == "objected" ? _ => intent.Decision.Reason : null,
        };
        return new RecordedQuestion(Kept(_identities, intent.Identity, IdentityOf), operation, intent, lacks);
    }

    private static Identity IdentityOf(RecordedIdentity recorded) => new()
    {
        Issuer = recorded.Issuer,
        Subject = recorded.Subject,
        Kind = recorded.Kind switch { "person" => IdentityKind.Person, "workload" => IdentityKind.Workload, _ => IdentityKind.Gateway },
        Agent = recorded.Agent,
        Groups = recorded.Groups,
        OwnGroups = recorded.OwnGroups.IsDefault ? [] : recorded.OwnGroups,
        DisplayName = recorded.Name,
        HasLostClaims = true,
    };

    private ImmutableArray<Part> Parts(RecordedIntent intent, ReadOnlyMemory<byte> content, ref bool lacks)
    {
        var facts = FactsOf(intent.Parts);
        var inputs = intent.Basis is { Inputs.IsDefault: false } basis ? basis.Inputs : [];
        var implied = intent.Basis is { Implied.IsDefault: false } known ? known.Implied : [];
        var parts = ImmutableArray.CreateBuilder<Part>(facts.Length);
        var next = 0;
        for (var at = 0; at < facts.Length; at++)
        {
            var from = next;
            while (next < inputs.Length && inputs[next].Part == at) next++;
            parts.Add(new Part
            {
                Action = intent.Parts[at].Action,
                IsImplied = implied.Contains(at),
                Facts = facts[at],
                Variables = from == next ? [] : Variables(inputs.AsSpan()[from..next], content, ref lacks),
            });
        }
        // What is out of order was not written by us.
        if (next != inputs.Length) throw new RecordingException(string.Create(CultureInfo.InvariantCulture, $"operation {intent.Op} has {inputs.Length} inputs, of which {next} belong to its parts"));
        return parts.MoveToImmutable();
    }

    private static ImmutableArray<Variable> Variables(ReadOnlySpan<RecordedInput> inputs, ReadOnlyMemory<byte> content, ref bool lacks)
    {
        var variables = ImmutableArray.CreateBuilder<Variable>(inputs.Length);
        foreach (var input in inputs)
        {
            if (input is { From: { } from, Bytes: { } bytes } && from >= 0 && bytes >= 0 && (long)from + bytes <= content.Length) variables.Add(new Variable(input.Name, content.Slice(from, bytes)));
            else if (input.Json is { } json) variables.Add(new Variable(input.Name, Encoding.UTF8.GetBytes(json)));
            else
            {
                lacks |= !input.Unknown;
                variables.Add(new Variable(input.Name, default, IsUnknown: true));
            }
        }
        return variables.MoveToImmutable();
    }

    private ImmutableArray<ImmutableArray<Fact>> FactsOf(ImmutableArray<RecordedPart> parts)
    {
        var key = System.Runtime.InteropServices.ImmutableCollectionsMarshal.AsArray(parts)!;
        if (_facts.TryGetValue(key, out var facts)) return facts;
        facts = [.. parts.Select(part => part.Facts.Select(fact => fact.All ? Fact.All(fact.Name) : Fact.Of(fact.Name, fact.Values, fact.Beside)).ToImmutableArray())];
        if (_facts.Count >= MaxKept) _facts.Clear();
        _facts[key] = facts;
        return facts;
    }

    private static TTo Kept<TFrom, TTo>(Dictionary<TFrom, TTo> kept, TFrom from, Func<TFrom, TTo> make)
        where TFrom : class
    {
        if (kept.TryGetValue(from, out var known)) return known;
        if (kept.Count >= MaxKept) kept.Clear();
        return kept[from] = make(from);
    }
}
