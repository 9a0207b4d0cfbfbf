using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Collections.Immutable;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
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

    private readonly ImmutableArray<Rule> _rules;
    private readonly ImmutableArray<Mask> _masks;
    private readonly MaskCabinet _cabinet;
    private readonly FrozenDictionary<string, Vocabulary> _vocabularies;
    private readonly FrozenDictionary<string, Connection> _connections;
    private readonly ConcurrentDictionary<string, ConnectionIndex> _indexes = new(StringComparer.Ordinal);

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
            return DecideOrThrow(identity, operation, now, grants);
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

    /// <summary>The masks that touch the operation, compiled; cached per set of masks.</summary>
    public MaskPlan MasksFor(Identity identity, Operation operation)
    {
        ulong caller = 0;
        ulong record = 0;
        foreach (var mask in IndexOf(operation.Connection).Masks)
        {
            if (!mask.Touches(operation) || mask.Who?.Includes(identity) == false) continue;
            record |= 1UL << mask.Ordinal;
            if (mask.Except?.Includes(identity) != true) caller |= 1UL << mask.Ordinal;
        }
        return _cabinet.Plan(caller, record);
    }

    private Decision DecideOrThrow(Identity identity, Operation operation, DateTimeOffset now, in ActiveGrants grants)
    {
        var index = IndexOf(operation.Connection);
        if (identity.Kind == IdentityKind.Gateway) return DecideOwn(index, operation);
        if (index.Vocabulary is null) return new Decision.Deny(Version, [], $"nothing here speaks `{operation.Connection.Protocol}`", RefusalCode.NotPermitted);

        var judgement = Judgement.Of(index, identity, operation, now, grants, isQuestion: false, assumeUnknown: false);
        var verdict = Verdict.Of(judgement, Version);
        judgement.Release();

        if (verdict is Decision.Deny deny)
        {
            var offer = OfferFor(index, identity, operation, now, grants, deny);
            return Verdict.WithVisibility(deny, offer is not null || CouldBePermitted(index, identity, operation, now, grants), offer);
        }
        if (operation.IsQuarantined) return Quarantined(verdict);
        return operation.ObjectionTo?.Invoke(MasksFor(identity, operation).Caller) is { } objection ? Unmaskable(verdict, objection) : verdict;
    }

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
        Reported = permitted.Reported,
    };

    private ConnectionIndex IndexOf(Connection connection)
    {
        if (!_connections.TryGetValue(connection.Name, out var known) || !IsSame(known, connection)) return Build(connection);
        return _indexes.TryGetValue(connection.Name, out var index) ? index : _indexes.GetOrAdd(connection.Name, Build(known));
    }

    // A connection that changed since this version was loaded is judged as it is now, from all rules.
    private static bool IsSame(Connection known, Connection connection) =>
        ReferenceEquals(known, connection)
        || (string.Equals(known.Protocol, connection.Protocol, StringComparison.Ordinal) && known.Tags.AsSpan().SequenceEqual(connection.Tags.AsSpan()));

    private ConnectionIndex Build(Connection connection) => new(connection, _vocabularies.GetValueOrDefault(connection.Protocol), _rules, _masks);
}
