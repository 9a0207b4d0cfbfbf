using Postern.Core.Approvals;
using Postern.Core.Grants;
using Postern.Core.Recording;

namespace Postern.Gateway.Notices;

/// <summary>One line for people. Names that come from outside are shown with what hides or moves in them made visible.</summary>
internal static class NoticeText
{
    public static string Of(NoticeKind kind, Hold hold)
    {
        var what = hold.Grant is null ? $"an operation on {hold.Connection}" : "a request for access";
        return kind switch
        {
            NoticeKind.Reminder => $"{what} still waits for approval (rule {hold.Rule})",
            NoticeKind.Settled => $"{what} of {VisibleText.OfLine(hold.RequesterName ?? hold.Requester)} was {Outcome(hold)} (rule {hold.Rule})",
            _ => $"{what} waits for approval (rule {hold.Rule})",
        };
    }

    public static string Of(Grant grant) =>
        $"{VisibleText.OfLine(grant.HolderName ?? grant.Holder)} took access under {grant.Entry} for {GrantText.Of(grant.Duration)} without asking anybody";

    private static string Outcome(Hold hold) => hold.State switch
    {
        HoldState.Approved or HoldState.Consumed => "approved",
        HoldState.Denied => "denied",
        _ => "not answered in time",
    };
}
