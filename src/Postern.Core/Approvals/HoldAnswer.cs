using System.Collections.Immutable;
using Postern.Core.Operations;

namespace Postern.Core.Approvals;

/// <summary>What became of asking people about one operation.</summary>
public abstract class HoldAnswer
{
    private HoldAnswer(Hold hold) => Hold = hold;

    /// <summary>The hold as it stands now.</summary>
    public Hold Hold { get; }

    /// <summary>Enough people agreed, and the approval was consumed for this operation and no other.</summary>
    public sealed class Cleared : HoldAnswer
    {
        internal Cleared(Hold hold, OperationId continues) : base(hold)
        {
            Continues = continues;
            Approvers = [.. hold.Answers.Where(answer => answer.Approved).Select(answer => answer.Approver)];
        }

        /// <summary>The operation that this one continues: the one that opened the hold, or the one whose target asked back.</summary>
        public OperationId Continues { get; }

        /// <summary>Who agreed, <c>issuer:subject</c>.</summary>
        public ImmutableArray<string> Approvers { get; }
    }

    /// <summary>Nobody has answered yet; the identical operation may be asked again later.</summary>
    public sealed class Pending : HoldAnswer
    {
        internal Pending(Hold hold) : base(hold)
        {
        }
    }

    /// <summary>Nobody answered in time, or the approval was not used in time.</summary>
    public sealed class Expired : HoldAnswer
    {
        internal Expired(Hold hold) : base(hold)
        {
        }
    }

    /// <summary>The right to wait ended; the hold is as it was.</summary>
    public sealed class Ended : HoldAnswer
    {
        internal Ended(Hold hold, Pipeline.ClearanceEnd why) : base(hold) => Why = why;

        /// <summary>Why.</summary>
        public Pipeline.ClearanceEnd Why { get; }
    }

    /// <summary>The caller goes on with an approval that went on already, or is over. Nothing is asked anew: it has to begin anew.</summary>
    public sealed class Spent : HoldAnswer
    {
        internal Spent(Hold hold) : base(hold)
        {
        }
    }

    /// <summary>So many questions of this identity wait for people that none is added; nothing was stored.</summary>
    public sealed class TooMany : HoldAnswer
    {
        internal TooMany(Hold asked) : base(asked)
        {
        }
    }

    /// <summary>Someone said no; one denial ends it.</summary>
    public sealed class Rejected : HoldAnswer
    {
        internal Rejected(Hold hold) : base(hold)
        {
        }
    }
}

/// <summary>What became of a human's answer.</summary>
public enum AnswerResult
{
    /// <summary>It counts.</summary>
    Accepted,

    /// <summary>There is no such hold, or this person may not know of it.</summary>
    NotFound,

    /// <summary>This person asked, or serves none of its requirements; the requester never approves.</summary>
    NotAllowed,

    /// <summary>The sign-in is not interactive or older than <see cref="ApprovalDesk.FreshSignIn"/>.</summary>
    NotFresh,

    /// <summary>It was answered, used or out of time before.</summary>
    Over,

    /// <summary>This person answered already.</summary>
    AlreadyAnswered,
}
