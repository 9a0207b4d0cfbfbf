using Postern.Core.Pipeline;
using Postern.Protocols.Postgres.Wire;

namespace Postern.Protocols.Postgres;

/// <summary>A refusal in PostgreSQL's words: the reason as the message, the decision as the detail, the advice as the hint.</summary>
internal static class Refused
{
    /// <summary>What a client is told.</summary>
    /// <param name="refusal">The refusal.</param>
    /// <param name="severity">Whether the session goes on.</param>
    public static Report Report(Refusal refusal, string severity) => new(severity, CodeOf(refusal.Code), MessageOf(refusal))
    {
        Detail = Envelope.DetailOf(refusal),
        Hint = Envelope.AdviceOf(refusal),
    };

    /// <summary>What a client is told while people are asked and it is kept waiting.</summary>
    public static Report Waiting(Refusal refusal) => new(OwnMessages.Notice, SqlState.NoInformation, MessageOf(refusal))
    {
        Detail = Envelope.DetailOf(refusal),
        Hint = refusal.RequestUrl is { } url ? $"It is waited for here. Ask for approval at {url}." : "It is waited for here.",
    };

    private static string MessageOf(Refusal refusal) => refusal.Reason.TrimEnd('.');

    private static string CodeOf(string code) => code switch
    {
        RefusalCode.Unauthenticated or RefusalCode.CredentialEnded => SqlState.InvalidAuthorization,
        RefusalCode.UpstreamUnavailable or RefusalCode.UpstreamInvalid => SqlState.ConnectionFailure,
        RefusalCode.RecordUnavailable => SqlState.SystemError,
        RefusalCode.GatewayUnavailable => SqlState.Unavailable,
        RefusalCode.RequestTooLarge => SqlState.LimitExceeded,
        _ => SqlState.NotPermitted,
    };
}
