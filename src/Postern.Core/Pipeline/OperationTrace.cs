using System.Diagnostics;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Core.Recording;

namespace Postern.Core.Pipeline;

/// <summary>
/// The span of an operation. It says connection, action, decision, rule and outcome: names of the configuration and words of closed
/// lists. Nothing that a caller or a target wrote stands in it, and nobody's name (U12). Without a listener nothing is made.
/// </summary>
public static class OperationTrace
{
    /// <summary>The source's name, for whoever listens.</summary>
    public const string SourceName = "Postern.Operations";

    private static readonly ActivitySource Source = new(SourceName);

    /// <summary>
    /// The <c>traceparent</c> for a target: of the span of the operation that is being forwarded; null when there is none. To be asked where
    /// the target is spoken to.
    /// </summary>
    public static string? Outgoing => Activity.Current is { } span && ReferenceEquals(span.Source, Source) ? span.Id : null;

    /// <summary>Begins the span of an operation, below its caller's; null when nobody listens.</summary>
    internal static Activity? Begin(Operation operation)
    {
        if (!Source.HasListeners()) return null;
        var span = Source.StartActivity(operation.Parts[0].Action, ActivityKind.Server, operation.Trace);
        span?.SetTag("postern.operation", operation.Id.ToString());
        span?.SetTag("postern.connection", operation.Connection.Name);
        span?.SetTag("postern.protocol", operation.Connection.Protocol);
        return span;
    }

    /// <summary>Begins the span of forwarding, which is the parent of the target's own.</summary>
    internal static Activity? Forward(Activity? operation) => operation is null ? null : Source.StartActivity("forward", ActivityKind.Client);

    /// <summary>A step was done.</summary>
    internal static void Step(Activity? span, string step) => span?.AddEvent(new ActivityEvent(step));

    /// <summary>The trace's id for the record: the span's, or the caller's; null when there is neither.</summary>
    internal static string? IdOf(Activity? span, Operation operation) => span is not null ? span.TraceId.ToHexString() : operation.Trace.TraceId == default ? null : operation.Trace.TraceId.ToHexString();

    /// <summary>Ends the span's account. The decision is the one that counted.</summary>
    internal static void End(Activity? span, Decision decision, Outcome outcome, string? code)
    {
        if (span is null) return;
        span.SetTag("postern.decision", decision switch { Decision.Allow => "allow", Decision.Hold => "hold", _ => "deny" });
        span.SetTag("postern.policy_version", decision.Version.Number);
        if (decision.RuleLabel is { } rule) span.SetTag("postern.rule", rule);
        span.SetTag("postern.outcome", outcome switch { Outcome.Done => "done", Outcome.Denied => "denied", Outcome.Pending => "pending", Outcome.Failed => "failed", _ => "unknown" });
        if (code is not null) span.SetTag("postern.code", code);
        if (outcome is Outcome.Failed or Outcome.Unknown) span.SetStatus(ActivityStatusCode.Error);
    }
}
