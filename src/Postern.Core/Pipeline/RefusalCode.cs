namespace Postern.Core.Pipeline;

/// <summary>The closed list of codes a caller can be told (product.md, "What a caller is told").</summary>
public static class RefusalCode
{
    /// <summary>The credential is missing, wrong or over.</summary>
    public const string Unauthenticated = "auth.invalid";

    /// <summary>The credential ended, or was revoked, while work ran on it.</summary>
    public const string CredentialEnded = "auth.ended";

    /// <summary>The request is not well-formed.</summary>
    public const string InvalidRequest = "request.invalid";

    /// <summary>The request is over a size limit.</summary>
    public const string RequestTooLarge = "request.too_large";

    /// <summary>No rule permits it, or a rule forbids it.</summary>
    public const string NotPermitted = "policy.not_permitted";

    /// <summary>A condition could not be evaluated.</summary>
    public const string PolicyError = "policy.error";

    /// <summary>A limit of the policy is reached.</summary>
    public const string Limit = "policy.limit";

    /// <summary>Waiting for people.</summary>
    public const string HoldPending = "hold.pending";

    /// <summary>People said no.</summary>
    public const string HoldRejected = "hold.rejected";

    /// <summary>Nobody answered in time, or the approval was not used in time.</summary>
    public const string HoldExpired = "hold.expired";

    /// <summary>The grant that the operation ran on is over, or was taken back.</summary>
    public const string GrantExpired = "grant.expired";

    /// <summary>The definition changed and waits to be accepted.</summary>
    public const string Quarantined = "definition.quarantined";

    /// <summary>The target cannot be reached.</summary>
    public const string UpstreamUnavailable = "upstream.unavailable";

    /// <summary>The target answered with something that cannot be passed on.</summary>
    public const string UpstreamInvalid = "upstream.invalid";

    /// <summary>The record cannot be written, so nothing is done.</summary>
    public const string RecordUnavailable = "record.unavailable";

    /// <summary>The gateway cannot work at the moment.</summary>
    public const string GatewayUnavailable = "gateway.unavailable";
}
