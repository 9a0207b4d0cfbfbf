using Postern.Core.Approvals;
using Postern.Core.Grants;
using Postern.Core.Policy;

namespace Postern.Gateway.Notices;

/// <summary>What a notice about a hold says.</summary>
internal enum NoticeKind
{
    /// <summary>It waits for answers.</summary>
    Opened,

    /// <summary>Half of its time is over, and it still waits.</summary>
    Reminder,

    /// <summary>It was answered, or its time is over: whoever asked learns it too.</summary>
    Settled,
}

/// <summary>One way to people. It words notices and sends them; when and how often is not its business.</summary>
internal interface INotifier : IDisposable
{
    /// <summary>The channel's name in the outbox, in the record and in the log.</summary>
    string Name { get; }

    /// <summary>The words. They hold id, link and rule, never a value of the request: whoever reads the channel learns only that something waits.</summary>
    byte[] BodyOf(NoticeKind kind, Hold hold);

    /// <summary>The words for access that was taken without asking anybody.</summary>
    byte[] BodyOf(Grant grant, RequestEntry entry);

    /// <summary>Null when it arrived; otherwise what happened instead.</summary>
    ValueTask<string?> SendAsync(Notice notice, DateTimeOffset now, CancellationToken stopping);
}
