using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Postern.Core.Approvals;
using Postern.Core.Limits;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Core.Recording;
using Postern.Core.Sessions;

namespace Postern.Core.Pipeline;

/// <summary>The one path of every operation of every protocol. Six steps, in this order, in one method.</summary>
/// <param name="policies">The policy in force.</param>
/// <param name="recorder">Where intents, frames and endings are written.</param>
/// <param name="approvals">Asks people.</param>
/// <param name="sessions">Groups operations for the record.</param>
/// <param name="leash">Cuts what is running when its right ends.</param>
/// <param name="publicUrl">The base of links that callers are given; no trailing slash.</param>
/// <param name="clock">All time.</param>
/// <param name="meter">Counts endings; null for nobody.</param>
public sealed class OperationPipeline(
    IPolicySource policies, IRecorder recorder, ApprovalDesk approvals, SessionBook sessions, Leash leash, string publicUrl, TimeProvider clock, IOperationMeter? meter = null)
{
    private readonly Refusals _refusals = new(publicUrl);
    private readonly LimitBook _limits = new(clock);

    /// <summary>A client ended its own run of work (a protocol session).</summary>
    public void EndRun(Identity identity, Connection connection, string clientRun) => sessions.End(identity, connection, clientRun);

    /// <summary>
    /// Runs one operation to its end. Never throws for what happens on the way: the caller is told through the exchange.
    /// </summary>
    /// <param name="exchange">The operation, and how its protocol forwards, refuses and pends it.</param>
    /// <param name="identity">Who asks.</param>
    /// <param name="callerGone">Fires when the caller went away. Never used to close the record.</param>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask RunAsync(IExchange exchange, Identity identity, CancellationToken callerGone)
    {
        var operation = exchange.Operation;
        var begun = clock.GetTimestamp();
        using var span = OperationTrace.Begin(operation);

        // 1. Authorize. In memory; an error inside policy is already a deny. A session's credential may be hours old: what is known since counts.
        identity = leash.Standing(identity);
        var policy = policies.Current;
        var now = clock.GetUtcNow();
        var decision = policy.Decide(identity, operation, now, leash.Grants.Of(identity));
        var masks = policy.MasksFor(identity, operation);

        // 2. Record the intent, durably. What cannot be written down is not done.
        var intent = Describe(identity, operation, decision, masks, now, OperationTrace.IdOf(span, operation));
        if (decision is Decision.Deny counted && recorder.TryCount(intent))
        {
            OperationTrace.End(span, decision, Outcome.Denied, counted.Code);
            meter?.Ended(operation.Connection, decision, Outcome.Denied, counted.Code, clock.GetElapsedTime(begun));
            await TellAsync(exchange, _refusals.For(operation.Id, counted, identity), callerGone).ConfigureAwait(false);
            return;
        }
        IAccount account;
        try
        {
            account = await recorder.BeginAsync(intent, CancellationToken.None).ConfigureAwait(false);
        }
        catch (RecordingException)
        {
            OperationTrace.End(span, decision, Outcome.Failed, RefusalCode.RecordUnavailable);
            meter?.Ended(operation.Connection, decision, Outcome.Failed, RefusalCode.RecordUnavailable, clock.GetElapsedTime(begun));
            await TellAsync(exchange, _refusals.NotRecordable(operation.Id), callerGone).ConfigureAwait(false);
            return;
        }

        Ending? ending = null;
        try
        {
            OperationTrace.Step(span, "recorded");

            // 3. Hold, until a human answers; the answer is consumed once, and decided again under the policy then in force.
            HoldAnswer? answer = null;
            if (decision is Decision.Hold { Limits: { IsEmpty: false } asked } && _limits.Wait(asked, identity, operation, out var full) is { } hopeless)
            {
                // People are not asked for what could not be forwarded.
                ending = await TellOfLimitAsync(exchange, decision, full!, hopeless, callerGone).ConfigureAwait(false);
                return;
            }
            if (decision is Decision.Hold)
            {
                OperationTrace.Step(span, "held");
                var again = new Redecision(policies, leash, identity, operation, clock) { Policy = policy, Decision = decision };
                answer = await AskAsync(exchange, identity, intent.Session, again.Decide, callerGone).ConfigureAwait(false);
                (policy, decision) = (again.Policy, again.Decision);
                masks = policy.MasksFor(identity, operation);
                if (answer is HoldAnswer.Cleared cleared)
                {
                    OperationTrace.Step(span, "cleared");
                    await account.ClearAsync(new Clearing(
                        operation.Id, clock.GetUtcNow(), cleared.Hold.Id, cleared.Continues, cleared.Approvers, decision, cleared.Hold.PolicyVersion)).ConfigureAwait(false);
                }
            }

            // 4. Refuse, unless what we hold now is an allow.
            switch (decision)
            {
                case Decision.Allow:
                case Decision.Hold when answer is HoldAnswer.Cleared:
                    break;
                case Decision.Hold hold when answer is HoldAnswer.Pending { Hold: var open }:
                    ending = new Ending(Outcome.Pending, RefusalCode.HoldPending, null, open.Id, clock.GetUtcNow());
                    await PendAsync(exchange, _refusals.Pending(operation.Id, hold, open), open, callerGone).ConfigureAwait(false);
                    return;
                case Decision.Hold hold when answer is HoldAnswer.Rejected { Hold: var over }:
                    ending = new Ending(Outcome.Denied, RefusalCode.HoldRejected, null, over.Id, clock.GetUtcNow());
                    await TellAsync(exchange, _refusals.Rejected(operation.Id, hold, over), callerGone).ConfigureAwait(false);
                    return;
                case Decision.Hold hold when answer is HoldAnswer.Expired { Hold: var over }:
                    ending = new Ending(Outcome.Denied, RefusalCode.HoldExpired, null, over.Id, clock.GetUtcNow());
                    await TellAsync(exchange, _refusals.Expired(operation.Id, hold), callerGone).ConfigureAwait(false);
                    return;
                case Decision.Hold hold when answer is HoldAnswer.Spent { Hold: var used }:
                    ending = new Ending(Outcome.Denied, RefusalCode.HoldExpired, "the approval went on with another call already, or is over", used.Id, clock.GetUtcNow());
                    await TellAsync(exchange, _refusals.Spent(operation.Id, hold), callerGone).ConfigureAwait(false);
                    return;
                case Decision.Hold when answer is HoldAnswer.TooMany:
                    ending = new Ending(Outcome.Denied, RefusalCode.Limit, "too many open questions", null, clock.GetUtcNow());
                    await TellAsync(exchange, _refusals.TooManyOpen(operation.Id), callerGone).ConfigureAwait(false);
                    return;
                case Decision.Hold when answer is HoldAnswer.Ended { Hold: var left, Why: var why }:
                    ending = new Ending(Outcome.Pending, CodeFor(why), null, left.Id, clock.GetUtcNow());
                    await TellAsync(exchange, _refusals.BrokenOff(operation.Id, CodeFor(why), mayHaveHappened: false), callerGone).ConfigureAwait(false);
                    return;
                case Decision.Deny deny:
                    ending = new Ending(Outcome.Denied, deny.Code, deny.Reason, null, clock.GetUtcNow());
                    await TellAsync(exchange, _refusals.For(operation.Id, deny, identity), callerGone).ConfigureAwait(false);
                    return;
                default:
                    throw new InvalidOperationException($"a decision of type `{decision.GetType().Name}` has no step; refusing");
            }

            // 5. Forward. The clearance is the only way to the target and back.
            var limits = decision.Limits;
            if (limits.IsEmpty)
            {
                ending = await ForwardAsync(exchange, identity, intent.Session, decision, masks, account, answer as HoldAnswer.Cleared, callerGone).ConfigureAwait(false);
                return;
            }
            if (_limits.Enter(limits, identity, operation, out var reached) is { } wait)
            {
                ending = await TellOfLimitAsync(exchange, decision, reached!, wait, callerGone).ConfigureAwait(false);
                return;
            }
            try
            {
                ending = await ForwardAsync(exchange, identity, intent.Session, decision, masks, account, answer as HoldAnswer.Cleared, callerGone).ConfigureAwait(false);
            }
            finally
            {
                _limits.Leave(limits, identity, operation);
            }
        }
        catch (Exception fault)
        {
            // The last resort of steps 3 and 4 (the hold store or the journal failed): nothing was forwarded.
            var code = fault is RecordingException ? RefusalCode.RecordUnavailable : RefusalCode.GatewayUnavailable;
            ending = new Ending(Outcome.Failed, code, fault.GetType().Name, null, clock.GetUtcNow());
            await TellAsync(exchange, _refusals.BrokenOff(operation.Id, code, mayHaveHappened: false), callerGone).ConfigureAwait(false);
        }
        finally
        {
            // 6. Close the record, whatever happened, never with the caller's cancellation token.
            ending ??= new Ending(Outcome.Failed, RefusalCode.GatewayUnavailable, "the operation was left without an ending", null, clock.GetUtcNow());
            OperationTrace.End(span, decision, ending.Outcome, ending.Code);
            meter?.Ended(operation.Connection, decision, ending.Outcome, ending.Code, clock.GetElapsedTime(begun));
            await account.EndAsync(ending).ConfigureAwait(false);
        }
    }

    /// <summary>Asks people, and keeps the caller waiting on the leash as long as it can be.</summary>
    private async ValueTask<HoldAnswer?> AskAsync(IExchange exchange, Identity identity, string session, Func<Decision> decide, CancellationToken callerGone)
    {
        using var waiting = new Waiting(
            identity, exchange.Operation, exchange.Patience,
            (demand, hold, waiting) => exchange.WaitAsync(_refusals.Pending(exchange.Operation.Id, demand, hold), waiting, callerGone), callerGone)
        {
            Foresee = token => exchange.ForeseeAsync(identity, token),
            Session = session,
        };
        leash.Hold(waiting);
        try
        {
            return await approvals.AskAsync(waiting, decide).ConfigureAwait(false);
        }
        finally
        {
            leash.Release(waiting);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<Ending> ForwardAsync(
        IExchange exchange, Identity identity, string session, Decision decision, MaskPlan masks, IAccount account, HoldAnswer.Cleared? cleared, CancellationToken callerGone)
    {
        var id = exchange.Operation.Id;
        var hold = cleared?.Hold.Id;
        using var clearance = new Clearance(identity, exchange.Operation, decision.Version, masks, account, exchange.Replies, callerGone) { Session = session, Approval = cleared?.Hold, Grants = decision.Grants, Deadline = DeadlineOf(decision.Limits) };
        if (!decision.Limits.IsEmpty) Limit(clearance, decision.Limits);
        leash.Hold(clearance, policies);
        using var span = OperationTrace.Forward(System.Diagnostics.Activity.Current);
        try
        {
            clearance.Ended.ThrowIfCancellationRequested();
            await exchange.ForwardAsync(clearance, clearance.Ended).ConfigureAwait(false);
            await clearance.Replies.FlushAsync().ConfigureAwait(false);
            return new Ending(Outcome.Done, null, null, hold, clock.GetUtcNow());
        }
        catch (Exception fault)
        {
            var code = CodeFor(fault, clearance);
            // Types and our own texts only: a foreign exception's message may hold values.
            var detail = fault is UpstreamException or MaskingException or RecordingException ? fault.Message : $"{clearance.End}: {fault.GetType().Name}";
            // What was sent may have taken effect, whatever became of the answer; nobody here can know.
            var mayHaveHappened = clearance.IsUsed && fault is not UpstreamException { NothingWasSent: true };
            await clearance.Replies.SettleAsync().ConfigureAwait(false);
            if (exchange.Operation.OnlyListens && clearance.End == ClearanceEnd.CallerGone && fault is OperationCanceledException) return new Ending(Outcome.Done, null, null, hold, clock.GetUtcNow());
            if (clearance.End != ClearanceEnd.CallerGone)
            {
                await TellAsync(exchange, _refusals.BrokenOff(id, code, mayHaveHappened, detail), CancellationToken.None).ConfigureAwait(false);
            }
            return new Ending(mayHaveHappened ? Outcome.Unknown : Outcome.Failed, code, detail, hold, clock.GetUtcNow());
        }
        finally
        {
            leash.Release(clearance);
        }
    }

    private async ValueTask<Ending> TellOfLimitAsync(IExchange exchange, Decision decision, RuleLimits reached, TimeSpan wait, CancellationToken callerGone)
    {
        await TellAsync(exchange, _refusals.LimitReached(exchange.Operation.Id, decision, reached, wait), callerGone).ConfigureAwait(false);
        return new Ending(Outcome.Denied, RefusalCode.Limit, $"a limit of `{reached.Rule}` is reached", null, clock.GetUtcNow());
    }

    /// <summary>The strictest of what every matching rule allows one operation.</summary>
    private void Limit(Clearance clearance, ImmutableArray<RuleLimits> limits)
    {
        long bytes = long.MaxValue, rows = long.MaxValue;
        foreach (var limit in limits)
        {
            bytes = Math.Min(bytes, limit.Bytes ?? long.MaxValue);
            rows = Math.Min(rows, limit.Rows ?? long.MaxValue);
        }
        if (bytes < long.MaxValue || rows < long.MaxValue) clearance.Replies.Limit(bytes, rows, () => clearance.Cut(ClearanceEnd.LimitReached));
    }

    private long DeadlineOf(ImmutableArray<RuleLimits> limits)
    {
        var deadline = long.MaxValue;
        foreach (var limit in limits)
        {
            if (limit.Time is { } time) deadline = Math.Min(deadline, clock.GetTimestamp() + (long)(time.TotalSeconds * clock.TimestampFrequency));
        }
        return deadline;
    }

    private static string CodeFor(ClearanceEnd end) => end switch
    {
        ClearanceEnd.CredentialEnded => RefusalCode.CredentialEnded,
        ClearanceEnd.PolicyChanged or ClearanceEnd.SessionEnded => RefusalCode.NotPermitted,
        ClearanceEnd.GrantEnded => RefusalCode.GrantExpired,
        ClearanceEnd.LimitReached => RefusalCode.Limit,
        ClearanceEnd.RecordBroken => RefusalCode.RecordUnavailable,
        _ => RefusalCode.GatewayUnavailable,
    };

    private static string CodeFor(Exception fault, Clearance clearance) => clearance.End switch
    {
        ClearanceEnd.CredentialEnded or ClearanceEnd.PolicyChanged or ClearanceEnd.GrantEnded or ClearanceEnd.LimitReached or ClearanceEnd.Stopping or ClearanceEnd.RecordBroken or ClearanceEnd.SessionEnded => CodeFor(clearance.End),
        _ => fault switch
        {
            UpstreamException upstream => upstream.Code,
            MaskingException => RefusalCode.UpstreamInvalid,
            RecordingException => RefusalCode.RecordUnavailable,
            _ => RefusalCode.GatewayUnavailable,
        },
    };

    // The instant is the decision's own, so that the same can be derived from the record.
    private Intent Describe(Identity identity, Operation operation, Decision decision, MaskPlan masks, DateTimeOffset now, string? trace)
    {
        var request = RecordedRequest.Of(operation, masks.Record, out var isAsItCame);
        return new Intent(
            operation.Id, sessions.IdFor(identity, operation), now, identity, operation.Connection, operation.Parts, operation.ClientName,
            request, operation.Request.Length, Digest.Of(operation.Request.Span), operation.Definition, decision, operation.Parent)
        {
            Trace = trace,
            IsAsItCame = isAsItCame,
            IsQuarantined = operation.IsQuarantined,
            AsksMasks = operation.ObjectionTo is not null,
        };
    }

    private static async ValueTask TellAsync(IExchange exchange, Refusal refusal, CancellationToken callerGone)
    {
        try
        {
            await exchange.RefuseAsync(refusal, callerGone).ConfigureAwait(false);
        }
        catch (Exception)
        {
            // The caller is gone or its wire broke; the ending says what happened, and there is nobody left to tell.
        }
    }

    private static async ValueTask PendAsync(IExchange exchange, Refusal refusal, Hold hold, CancellationToken callerGone)
    {
        try
        {
            await exchange.PendAsync(refusal, hold, callerGone).ConfigureAwait(false);
        }
        catch (Exception)
        {
            // As above; the hold stays open and the identical repeat finds it.
        }
    }

    /// <summary>A decision that can be taken again, and the last one taken. An object of its own, so that only held calls pay for it.</summary>
    private sealed class Redecision(IPolicySource policies, Leash leash, Identity identity, Operation operation, TimeProvider clock)
    {
        public required PolicySet Policy { get; set; }

        public required Decision Decision { get; set; }

        public Decision Decide()
        {
            Policy = policies.Current;
            return Decision = Policy.Decide(leash.Standing(identity), operation, clock.GetUtcNow(), leash.Grants.Of(identity));
        }
    }
}
