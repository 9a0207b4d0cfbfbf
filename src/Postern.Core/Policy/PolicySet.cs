using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Collections.Immutable;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Core.Policy.Cel;
using Postern.Core.Policy.Indexing;

namespace Postern.Core.Policy;

/// <summary>
/// An immutable compiled version of the rules. Pure and in memory: the same arguments always give the same decision,
/// and every argument is in the record, so that any decision can be derived again.
/// </summary>
public sealed class PolicySet
{
    private const int IndexedAtOnce = 200_000;
    private const int MaxOffers = 8;
    private const int MaxStrangers = 256;

    private readonly ImmutableArray<Rule> _rules;
    private readonly ImmutableArray<Mask> _masks;
    private readonly MaskCabinet _cabinet;
    private readonly FrozenDictionary<string, Vocabulary> _vocabularies;
    private readonly FrozenDictionary<string, Connection> _connections;
    private readonly ConcurrentDictionary<string, ConnectionIndex> _indexes = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<Connection, ConnectionIndex> _strangers = new(ReferenceEqualityComparer.Instance);
    private readonly Lazy<bool> _readsClaims;

    internal PolicySet(PolicyVersion version, ImmutableArray<Rule> rules, ImmutableArray<Mask> masks, PolicyEnvironment environment)
    {
        Version = version;
        _rules = rules;
        _masks = masks;
        Requests = [.. rules.Select(rule => rule.Request).OfType<RequestEntry>()];
        _cabinet = new MaskCabinet(masks, environment.HashKey);
        _vocabularies = environment.Vocabularies
            .SelectMany(vocabulary => vocabulary.Protocols.Select(protocol => (protocol, vocabulary)))
            .ToFrozenDictionary(pair => pair.protocol, pair => pair.vocabulary, StringComparer.Ordinal);
        _connections = environment.Connections.ToFrozenDictionary(connection => connection.Name, StringComparer.Ordinal);
        _readsClaims = new Lazy<bool>(() => rules.Any(rule => rule.When is { } when && CelWalk.All(when.Root).Any(node => node is CelNode.Select { Target: CelNode.Name { Id: "who" }, Field: "claims" })));
        if ((long)rules.Length * environment.Connections.Length > IndexedAtOnce) return;
        foreach (var connection in environment.Connections) IndexOf(connection);
    }

    /// <summary>Which version this is.</summary>
    public PolicyVersion Version { get; }

    /// <summary>What may be asked for, in the order of the files.</summary>
    public ImmutableArray<RequestEntry> Requests { get; }

    /// <summary>Decides one operation (policy.md section 2). Never throws: an error inside policy is a deny.</summary>
    public Decision Decide(Identity identity, Operation operation, DateTimeOffset now, in ActiveGrants grants = default)
    {
        try
        {
            return DecideOrThrow(identity, operation, now, grants, isAgain: false, out _);
        }
        catch (Exception fault)
        {
            // Whatever goes wrong inside judging, the answer is no, and the record says that it was a fault.
            return new Decision.Deny(Version, [], $"judging failed: {fault.GetType().Name}", RefusalCode.PolicyError);
        }
    }

    /// <summary>
    /// Three-valued: what could become of the operation, whose unknown variables are marked so. Lists show what is not
    /// <see cref="Possibility.Never"/>.
    /// </summary>
    public Possibility Consider(Identity identity, Operation operation, DateTimeOffset now, in ActiveGrants grants = default)
    {
        try
        {
            var index = IndexOf(operation.Connection);
            if (identity.Kind == IdentityKind.Gateway) return DecideOwn(index, operation) is Decision.Allow ? Possibility.Always : Possibility.Never;
            if (index.Vocabulary is null || operation.IsQuarantined) return Possibility.Never;
            return Ask(index, identity, operation, now, grants, assumeUnknown: false);
        }
        catch (Exception)
        {
            // What cannot be judged is not shown.
            return Possibility.Never;
        }
    }

    /// <summary>
    /// What rules in force could ever give on a connection, to whomever: what the credential that is lent there must be able to do. What takes
    /// (deny, guard) and what conditions narrow is not subtracted.
    /// </summary>
    public ImmutableArray<GivenEntry> GivenOn(Connection connection, DateTimeOffset now) =>
    [
        .. IndexOf(connection).Given.Where(clause => clause.Rule.IsInForce(now)).Select(clause => new GivenEntry(
            clause.Rule.Id, clause.Entry.IsEverything, clause.Entry.Selectors.ToImmutableDictionary(selector => selector.Key.Fact, selector => selector.Texts, StringComparer.Ordinal))),
    ];

    /// <summary>The masks that touch the operation, compiled; cached per set of masks.</summary>
    public MaskPlan MasksFor(Identity identity, Operation operation)
    {
        var (caller, record) = MaskBitsFor(identity, operation);
        return _cabinet.Plan(caller, record);
    }

    private Decision DecideOrThrow(Identity identity, Operation operation, DateTimeOffset now, in ActiveGrants grants, bool isAgain, out bool isOpen)
    {
        isOpen = false;
        var index = IndexOf(operation.Connection);
        if (identity.Kind == IdentityKind.Gateway) return DecideOwn(index, operation);
        if (index.Vocabulary is null) return new Decision.Deny(Version, [], $"nothing here speaks `{operation.Connection.Protocol}`", RefusalCode.NotPermitted);

        var judgement = Judgement.Of(index, identity, operation, now, grants, isQuestion: false, assumeUnknown: false);
        var verdict = Verdict.Of(judgement, Version);
        isOpen = judgement.IsOpen;
        judgement.Release();

        if (verdict is Decision.Deny deny)
        {
            if (isAgain) return deny;
            var offer = OfferFor(index, identity, operation, now, grants, deny);
            return Verdict.WithVisibility(deny, offer is not null || CouldBePermitted(index, identity, operation, now, grants), offer);
        }
        if (operation.IsQuarantined) return Quarantined(verdict);
        return operation.ObjectionTo?.Invoke(MasksFor(identity, operation).Caller) is { } objection ? Unmaskable(verdict, objection) : verdict;
    }

    /// <summary>Every rule, in the order of the files.</summary>
    internal ImmutableArray<Rule> Rules => _rules;

    /// <summary>True when some condition reads the token's claims, which no record keeps.</summary>
    internal bool ReadsClaims => _readsClaims.Value;

    /// <summary>
    /// Decides what was recorded: the same judging as <see cref="Decide"/>, except that nobody is told what the caller may know.
    /// </summary>
    /// <param name="identity">Who asked.</param>
    /// <param name="operation">What for.</param>
    /// <param name="now">When.</param>
    /// <param name="isOpen">True when some condition depends on what is not known.</param>
    /// <param name="grants">What was granted to them then.</param>
    internal Decision DecideAgain(Identity identity, Operation operation, DateTimeOffset now, out bool isOpen, in ActiveGrants grants = default)
    {
        isOpen = false;
        try
        {
            return DecideOrThrow(identity, operation, now, grants, isAgain: true, out isOpen);
        }
        catch (Exception fault)
        {
            return new Decision.Deny(Version, [], $"judging failed: {fault.GetType().Name}", RefusalCode.PolicyError);
        }
    }

    /// <summary>Which masks touch the operation, by their ordinals: those of the caller's copy and those of the record.</summary>
    internal (ulong Caller, ulong Record) MaskBitsFor(Identity identity, Operation operation)
    {
        ulong caller = 0;
        ulong record = 0;
        foreach (var mask in IndexOf(operation.Connection).Masks)
        {
            if (!mask.Touches(operation) || mask.Who?.Includes(identity) == false) continue;
            record |= 1UL << mask.Ordinal;
            if (mask.Except?.Includes(identity) != true) caller |= 1UL << mask.Ordinal;
        }
        return (caller, record);
    }

    /// <summary>The masks in order of their ordinals.</summary>
    internal ImmutableArray<Mask> Masks => _masks;

    internal ConnectionIndex IndexFor(Connection connection) => IndexOf(connection);

    internal Vocabulary? VocabularyOf(Connection connection) => _vocabularies.GetValueOrDefault(connection.Protocol);

    private static bool CouldBePermitted(ConnectionIndex index, Identity identity, Operation operation, DateTimeOffset now, in ActiveGrants grants) =>
        Ask(index, identity, operation, now, grants, assumeUnknown: true) != Possibility.Never;

    private static Possibility Ask(ConnectionIndex index, Identity identity, Operation operation, DateTimeOffset now, in ActiveGrants grants, bool assumeUnknown)
    {
        var judgement = Judgement.Of(index, identity, operation, now, grants, isQuestion: true, assumeUnknown);
        var possibility = judgement.IsForbidden || judgement.IsUngiven || judgement.Failed is not null ? Possibility.Never
            : judgement.IsOpen || judgement.IsHeld ? Possibility.Possible
            : Possibility.Always;
        judgement.Release();
        return possibility;
    }

    /// <summary>The first entry that would permit it, by itself if there is one that does; null when nothing that may be asked for does.</summary>
    private static RequestEntry? OfferFor(ConnectionIndex index, Identity identity, Operation operation, DateTimeOffset now, in ActiveGrants grants, Decision.Deny deny)
    {
        if (!index.HasRequests || deny.HasDecidingRule || operation.IsQuarantined) return null;
        ImmutableArray<RequestEntry> lacking = [];
        var judgement = Judgement.Of(index, identity, operation, now, grants.AndAll(), isQuestion: false, assumeUnknown: false);
        if (!judgement.IsForbidden && !judgement.IsUngiven && judgement.Failed is null)
        {
            foreach (var (entry, _) in judgement.Granted)
            {
                if (grants.Find(entry, now) is null) lacking = lacking.Add(entry);
            }
        }
        judgement.Release();
        foreach (var entry in lacking.Length > MaxOffers ? lacking[..MaxOffers] : lacking)
        {
            var alone = Judgement.Of(index, identity, operation, now, grants.And(entry.Id), isQuestion: false, assumeUnknown: false);
            var suffices = !alone.IsUngiven;
            alone.Release();
            if (suffices) return entry;
        }
        return lacking.IsEmpty ? null : lacking[0];
    }

    // The gateway's own errands: a closed list that no policy widens.
    private Decision DecideOwn(ConnectionIndex index, Operation operation)
    {
        foreach (var part in operation.Parts)
        {
            if (index.Vocabulary?.OwnActions.Contains(part.Action) != true) return new Decision.Deny(Version, [], "not one of the gateway's own actions", RefusalCode.NotPermitted);
        }
        return operation.Parts.IsDefaultOrEmpty
            ? new Decision.Deny(Version, [], "the operation has no parts", RefusalCode.NotPermitted)
            : new Decision.Allow(Version, [], "one of the gateway's own actions");
    }

    private Decision.Deny Quarantined(Decision permitted) => new(Version, permitted.Rules, "the definition changed, or appeared, after it was accepted", RefusalCode.Quarantined)
    {
        // It would be permitted but for the change, so that it exists is no secret.
        IsVisible = true,
        HasDecidingRule = false,
        Reported = permitted.Reported,
    };

    private Decision.Deny Unmaskable(Decision permitted, string objection) => new(Version, permitted.Rules, objection, RefusalCode.NotPermitted)
    {
        // A rule gives it; what stands in its way is said in the protocol's words, which name nothing that the caller did not.
        IsVisible = true,
        HasDecidingRule = false,
        Message = objection,
        IsObjection = true,
        Reported = permitted.Reported,
    };

    private ConnectionIndex IndexOf(Connection connection)
    {
        if (!_connections.TryGetValue(connection.Name, out var known) || !IsSame(known, connection)) return IndexOfStranger(connection);
        return _indexes.TryGetValue(connection.Name, out var index) ? index : _indexes.GetOrAdd(connection.Name, Build(known));
    }

    // By reference, and few: those that replay meets again and again, not one for each look at a connection that is about to go.
    private ConnectionIndex IndexOfStranger(Connection connection)
    {
        if (_strangers.TryGetValue(connection, out var index)) return index;
        index = Build(connection);
        if (_strangers.Count < MaxStrangers) _strangers.TryAdd(connection, index);
        return index;
    }

    // A connection that changed since this version was loaded is judged as it is now, from all rules.
    private static bool IsSame(Connection known, Connection connection) =>
        ReferenceEquals(known, connection)
        || (string.Equals(known.Protocol, connection.Protocol, StringComparison.Ordinal) && known.Tags.AsSpan().SequenceEqual(connection.Tags.AsSpan()));

    private ConnectionIndex Build(Connection connection) => new(connection, _vocabularies.GetValueOrDefault(connection.Protocol), _rules, _masks);
}
