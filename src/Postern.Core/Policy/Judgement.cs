using System.Collections.Immutable;
using Postern.Core.Operations;
using Postern.Core.Policy.Cel;
using Postern.Core.Policy.Indexing;

namespace Postern.Core.Policy;

/// <summary>
/// One reading of an operation against a policy: which rules match which part, and what that makes of it. Reused by a thread;
/// a decision is synchronous and never nested.
/// </summary>
internal sealed class Judgement
{
    [ThreadStatic]
    private static Judgement? t_spare;

    private readonly List<Clause> _found = [];
    private Stamps _seen = new();
    private Stamps _noted = new();
    private ConnectionIndex _index = null!;
    private Identity _identity = null!;
    private Operation _operation = null!;
    private DateTimeOffset _now;
    private bool _assumeUnknown;
    private ActiveGrants _grants;

    /// <summary>Rules whose effect counted, in no order, each once.</summary>
    public List<Rule> Matched { get; } = [];

    /// <summary>Rules in <c>mode: report</c> that matched.</summary>
    public List<Rule> Reported { get; } = [];

    /// <summary>The entries whose grants gave something, with the grants.</summary>
    public List<(RequestEntry Entry, string Grant)> Granted { get; } = [];

    /// <summary>The first rule whose condition failed, by order of the files, and why.</summary>
    public Rule? Failed { get; private set; }

    public string? Failure { get; private set; }

    public bool IsForbidden { get; private set; }

    public bool IsUngiven { get; private set; }

    public bool IsHeld { get; private set; }

    /// <summary>Some condition depends on what is not known.</summary>
    public bool IsOpen { get; private set; }

    /// <summary>
    /// Reads the operation. With <paramref name="isQuestion"/> what is unknown counts as possible; without, it takes and
    /// does not give, so that a decision never rests on what nobody knows.
    /// </summary>
    public static Judgement Of(ConnectionIndex index, Identity identity, Operation operation, DateTimeOffset now, in ActiveGrants grants, bool isQuestion, bool assumeUnknown)
    {
        var judgement = t_spare ?? new Judgement();
        t_spare = null;
        judgement._index = index;
        judgement._identity = identity;
        judgement._operation = operation;
        judgement._now = now;
        judgement._assumeUnknown = assumeUnknown;
        judgement._grants = grants;
        judgement._noted.Begin();
        if (operation.Parts.IsDefaultOrEmpty) judgement.IsUngiven = true;
        else foreach (var part in operation.Parts) judgement.Judge(part, isQuestion);
        return judgement;
    }

    public void Release()
    {
        Matched.Clear();
        Reported.Clear();
        Granted.Clear();
        _grants = default;
        _found.Clear();
        Failed = null;
        Failure = null;
        IsForbidden = IsUngiven = IsHeld = IsOpen = false;
        (_index, _identity, _operation) = (null!, null!, null!);
        t_spare = this;
    }

    private void Judge(Part part, bool isQuestion)
    {
        var isGiven = part.IsImplied && CouldPermitSomething();
        _found.Clear();
        _seen.Begin();
        _index.Find(part, _identity, _found);
        var isHeld = false;
        var hasDefinition = _operation.Definition is not null;
        foreach (var clause in _found)
        {
            var rule = clause.Rule;
            string? grant = null;
            if (!rule.IsInForce(_now) || !clause.Matches(part, _index.Vocabulary!, hasDefinition) || !rule.Who.Includes(_identity) || !IsInForce(rule, out grant) || !_seen.Add(rule)) continue;
            var outcome = Evaluate(rule, part, _assumeUnknown, out var error);
            if (rule.IsReport)
            {
                if (outcome != Outcome.False) Note(Reported, rule);
                continue;
            }
            switch (outcome)
            {
                case Outcome.False:
                    continue;
                case Outcome.Error:
                    Fail(rule, error);
                    continue;
                case Outcome.Unknown:
                    IsOpen = true;
                    if (isQuestion)
                    {
                        isGiven |= rule.Gives;
                        continue;
                    }
                    if (rule.Effect == RuleEffect.Allow) continue;
                    break;
                default:
                    isGiven |= rule.Gives;
                    break;
            }
            Note(Matched, rule);
            if (grant is not null) Note(rule.Request!, grant);
            IsForbidden |= rule.Effect == RuleEffect.Deny;
            isHeld |= rule.Effect is RuleEffect.Hold or RuleEffect.Guard;
        }
        IsHeld |= isHeld;
        IsUngiven |= !isGiven;
    }

    // What needs no rule of its own is given once any rule could permit something here, whatever its arguments.
    private bool CouldPermitSomething()
    {
        _found.Clear();
        _index.Givers.Find(_identity, _found);
        (RequestEntry Entry, string Grant)? granted = null;
        foreach (var clause in _found)
        {
            var rule = clause.Rule;
            if (!rule.IsInForce(_now) || !rule.Who.Includes(_identity) || !IsInForce(rule, out var grant)) continue;
            if (Evaluate(rule, part: null, assumeUnknown: true, out _) is not (Outcome.True or Outcome.Unknown)) continue;
            if (grant is null) return true;
            granted ??= (rule.Request!, grant);
        }
        if (granted is not { } by) return false;
        Note(by.Entry, by.Grant); // nothing else gives it: what hangs on it ends with the grant
        return true;
    }

    // What may be asked for is given to nobody but who was granted it.
    private bool IsInForce(Rule rule, out string? grant)
    {
        grant = null;
        return rule.Request is null || (grant = _grants.Find(rule.Request, _now)) is not null;
    }

    private void Note(RequestEntry entry, string grant)
    {
        foreach (var noted in Granted)
        {
            if (string.Equals(noted.Grant, grant, StringComparison.Ordinal)) return;
        }
        Granted.Add((entry, grant));
    }

    private Outcome Evaluate(Rule rule, Part? part, bool assumeUnknown, out string? error)
    {
        if (rule.When is null)
        {
            error = null;
            return Outcome.True;
        }
        var context = new CelContext
        {
            Identity = _identity,
            Connection = _operation.Connection,
            Now = _now,
            Variables = part?.Variables ?? [],
            AssumeUnknown = assumeUnknown,
        };
        return rule.When.Evaluate(ref context, out error);
    }

    private void Fail(Rule rule, string? error)
    {
        if (Failed is not null && Failed.Ordinal <= rule.Ordinal) return;
        Failed = rule;
        Failure = error;
    }

    private void Note(List<Rule> rules, Rule rule)
    {
        if (_noted.Add(rule)) rules.Add(rule);
    }

    /// <summary>A set of rules that is emptied by counting up, so that many matching rules cost no more than few.</summary>
    private struct Stamps()
    {
        private int[] _stamps = new int[64];
        private int _now;

        public void Begin()
        {
            if (_now++ < int.MaxValue - 1) return;
            Array.Clear(_stamps);
            _now = 1;
        }

        public bool Add(Rule rule)
        {
            if (rule.Ordinal >= _stamps.Length) Array.Resize(ref _stamps, Math.Max(rule.Ordinal + 1, _stamps.Length * 2));
            if (_stamps[rule.Ordinal] == _now) return false;
            _stamps[rule.Ordinal] = _now;
            return true;
        }
    }
}
