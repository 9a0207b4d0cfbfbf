using System.Collections.Immutable;

namespace Postern.Gateway.Recordings;

/// <summary>Which sessions to list.</summary>
/// <param name="Identity"><c>issuer:subject</c> of the one whose sessions they are, or null for everyone's. Callers decide who may say null.</param>
/// <param name="Connection">Only those of this connection, or null.</param>
/// <param name="Limit">At most so many, the latest first.</param>
public sealed record SessionFilter(string? Identity = null, string? Connection = null, int Limit = 50);

/// <summary>A session in a list: the operations of one identity, agent and connection that belong together.</summary>
/// <param name="Id">Server-made.</param>
/// <param name="Identity"><c>issuer:subject</c>.</param>
/// <param name="Name">The identity's display name.</param>
/// <param name="Agent">The OAuth client.</param>
/// <param name="Client">The client program as it names itself; untrusted.</param>
/// <param name="Connection">The connection's name.</param>
/// <param name="Protocol">The connection's protocol.</param>
/// <param name="Started">First operation.</param>
/// <param name="Last">Latest operation or ending.</param>
/// <param name="Operations">How many.</param>
/// <param name="Done">Of them: forwarded and answered.</param>
/// <param name="Denied">Of them: refused.</param>
/// <param name="Pending">Of them: ended waiting for people.</param>
/// <param name="Failed">Of them: broken off, or of unknown end.</param>
/// <param name="Open">Of them: under way.</param>
/// <param name="MaskedValues">Values replaced in replies.</param>
public sealed record SessionSummary(
    string Id, string Identity, string? Name, string? Agent, string? Client, string Connection, string Protocol, DateTimeOffset Started, DateTimeOffset Last,
    int Operations, int Done, int Denied, int Pending, int Failed, int Open, long MaskedValues);

/// <summary>An operation in a session.</summary>
/// <param name="Id">The operation's id, which is its decision's.</param>
/// <param name="Session">Its session.</param>
/// <param name="At">When it was asked.</param>
/// <param name="Action">The first part's action.</param>
/// <param name="Summary">The actions and what they touch: <c>action: value, value</c>.</param>
/// <param name="Decision"><c>allow</c>, <c>hold</c> or <c>deny</c>.</param>
/// <param name="Rule">The deciding rule with its version, or null.</param>
/// <param name="Reason">Why.</param>
/// <param name="Outcome"><c>done</c>, <c>denied</c>, <c>pending</c>, <c>failed</c>, <c>unknown</c>, or null while it is open.</param>
/// <param name="Code">A refusal code, or null.</param>
/// <param name="Hold">The hold that it opened, waited for or used.</param>
/// <param name="EndedAt">When it ended.</param>
/// <param name="ReplyBytes">Masked bytes released.</param>
/// <param name="MaskedValues">Values replaced in the reply.</param>
/// <param name="Sequence">The intent's place in the journal.</param>
public sealed record OperationSummary(
    string Id, string Session, DateTimeOffset At, string Action, string Summary, string Decision, string? Rule, string Reason, string? Outcome, string? Code,
    string? Hold, DateTimeOffset? EndedAt, long ReplyBytes, long MaskedValues, long Sequence);

/// <summary>A counted run of identical denials in a session's identity and connection.</summary>
public sealed record DenialSummary(DateTimeOffset From, DateTimeOffset To, long Count, string Identity, string Connection, string Summary, string? Code);

/// <summary>A session with everything in it, in order.</summary>
public sealed record SessionDetail(SessionSummary Session, ImmutableArray<OperationSummary> Operations, ImmutableArray<DenialSummary> CountedDenials);
